"""Models of scikit-learn, ONNX, PyTorch and Python: logged, found, registered, loaded, asked."""

import mlflow
import numpy
import onnx
import pandas
import torch
from mlflow.models import infer_signature
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression
from transcript import Transcript

t = Transcript()
client = mlflow.MlflowClient()
experiment = mlflow.set_experiment("models").experiment_id
t.name("experiment", experiment)

X = pandas.DataFrame({"visits": [0.0, 1, 2, 3, 4, 5, 6, 7], "tickets": [1.0, 0, 1, 0, 3, 1, 2, 5]})
y = numpy.array([0, 0, 0, 0, 1, 1, 1, 1])
ASK = X.head(3)
fitted = LogisticRegression().fit(X, y)
signature = infer_signature(X, fitted.predict(X))
torch.manual_seed(0)
network = torch.nn.Linear(2, 1)


class Doubler(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return [row * (params or {}).get("by", 2) for row in model_input]


def told(info):
    """What log_model says of the model, but for what differs with every call."""
    return {
        "name": info.name,
        "uri": info.model_uri,
        "model": info.model_id,
        "run_id": info.run_id,
        "flavors": sorted(info.flavors),
        "signature": info.signature.to_dict() if info.signature else None,
        "version": info.registered_model_version,
        "params": info.params,
        "tags": info.tags,
    }


def log(label, log_model, model, **options):
    """Logs a model and reads back what the server keeps of it."""
    info = log_model(model, **options)
    t.name("model", info.model_id)
    t(f"{label}: told", told, info)
    t(f"{label}: kept", client.get_logged_model, info.model_id)
    t(f"{label}: files", lambda: files(f"models:/{info.model_id}"))
    return info


def files(uri, path=None):
    """Paths below a model; sizes differ with the length of ids."""
    found = mlflow.artifacts.list_artifacts(uri if path is None else f"{uri}/{path}")
    return sorted(info.path + "/" * info.is_dir for info in found)


with mlflow.start_run(run_name="sklearn") as run:
    mlflow.log_metric("acc", 0.75, step=0)
    sklearn = log("sklearn", mlflow.sklearn.log_model, fitted, name="model", signature=signature, input_example=ASK, params={"C": "1.0"}, tags={"team": "risk"}, serialization_format="cloudpickle")
    mlflow.log_metric("after", 0.5, step=1, model_id=sklearn.model_id)
t("the run of sklearn", client.get_run, run.info.run_id)
t("metrics of the model", lambda: client.get_logged_model(sklearn.model_id).metrics)
t("sklearn by its model id", lambda: mlflow.sklearn.load_model(f"models:/{sklearn.model_id}").predict(ASK))
t("sklearn by its run", lambda: mlflow.sklearn.load_model(f"runs:/{run.info.run_id}/model").predict(ASK))
t("sklearn as pyfunc", lambda: mlflow.pyfunc.load_model(sklearn.model_uri).predict(ASK))
t("a column that is missing", lambda: mlflow.pyfunc.load_model(sklearn.model_uri).predict(ASK[["visits"]]))
t("its signature", lambda: mlflow.models.get_model_info(sklearn.model_uri).signature.to_dict())
t("its example", lambda: mlflow.pyfunc.load_model(sklearn.model_uri).input_example)
t("artifacts of the run", client.list_artifacts, run.info.run_id)
t("a model by a run that has none of the name", lambda: mlflow.sklearn.load_model(f"runs:/{run.info.run_id}/nobody"))
t("a model by an id of nobody", lambda: mlflow.sklearn.load_model("models:/m-" + "0" * 32))

with mlflow.start_run(run_name="onnx"):
    made = to_onnx(fitted, X.to_numpy(numpy.float32), options={"zipmap": False}, target_opset=17)
    held = log("onnx", mlflow.onnx.log_model, made, name="onnx")
t("onnx by its model id", lambda: [node.op_type for node in mlflow.onnx.load_model(held.model_uri).graph.node])
t("onnx as pyfunc", lambda: mlflow.pyfunc.load_model(held.model_uri).predict(ASK.to_numpy(numpy.float32))["label"])
t("onnx is whole", lambda: onnx.checker.check_model(mlflow.onnx.load_model(held.model_uri)))

with mlflow.start_run(run_name="pytorch"):
    held = log("pytorch", mlflow.pytorch.log_model, network, name="net", input_example=ASK.to_numpy(numpy.float32), serialization_format="pickle")
t("pytorch by its model id", lambda: mlflow.pytorch.load_model(held.model_uri)(torch.ones(1, 2)).detach().round(decimals=4).numpy())

with mlflow.start_run(run_name="pyfunc"):
    info = mlflow.pyfunc.log_model(name="doubler", python_model=Doubler(), metadata={"owner": "me"}, model_type="toy")
    t.name("model", info.model_id)
    t("pyfunc: told", told, info)
    t("pyfunc: kept", client.get_logged_model, info.model_id)
t("pyfunc asked", lambda: mlflow.pyfunc.load_model(info.model_uri).predict([1, 2]))
bare = mlflow.pyfunc.log_model(name="no run", python_model=Doubler())
t.name("model", bare.model_id)
t("pyfunc outside of a run: kept", client.get_logged_model, bare.model_id)

# Registered from a run, from a model id, and while logging.
t("register by runs:/", lambda: mlflow.register_model(f"runs:/{run.info.run_id}/model", "churn"))
t("register by models:/", lambda: mlflow.register_model(sklearn.model_uri, "churn", tags={"k": "v"}))
with mlflow.start_run(run_name="registered at once"):
    again = mlflow.sklearn.log_model(fitted, name="model", registered_model_name="churn", serialization_format="cloudpickle")
    t.name("model", again.model_id)
t("registered at once", told, again)
client.set_registered_model_alias("churn", "champion", "2")
client.transition_model_version_stage("churn", "3", "Production")
for uri in ("models:/churn/1", "models:/churn@champion", "models:/churn/Production", "models:/churn/latest"):
    t(f"load {uri}", lambda: mlflow.pyfunc.load_model(uri).predict(ASK))
    t(f"told of {uri}", lambda: mlflow.models.get_model_info(uri).model_id)
for uri in ("models:/churn/9", "models:/churn@nobody", "models:/churn/Staging", "models:/nobody/1", "models:/churn", "models:/"):
    t(f"load {uri}", lambda: mlflow.pyfunc.load_model(uri))
t("the versions", lambda: sorted(client.search_model_versions("name = 'churn'"), key=lambda version: int(version.version)))
t("the model knows its versions", lambda: client.get_logged_model(sklearn.model_id).tags)
t("copy a version", client.copy_model_version, "models:/churn/2", "churn of production")
t("the copy loads", lambda: mlflow.pyfunc.load_model("models:/churn of production/1").predict(ASK))
t("register by a run that has no such model", lambda: mlflow.register_model(f"runs:/{run.info.run_id}/nobody", "churn"))
t.end()
