"""mlflow.autolog: what scikit-learn, a grid search with its child runs, PyTorch Lightning and XGBoost log by themselves."""

import logging
import warnings

import mlflow
import numpy
import pytorch_lightning
import torch
import xgboost
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from transcript import Transcript

warnings.filterwarnings("ignore")
logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)

t = Transcript()
client = mlflow.MlflowClient()
experiment = mlflow.set_experiment("autolog").experiment_id
t.name("experiment", experiment)
FLOWERS = load_iris(as_frame=True)
X, Y = FLOWERS.data, FLOWERS.target


def ids(run):
    """Meets the ids of a run and of the models that it made."""
    t.name("run", run)
    for output in client.get_run(run).outputs.model_outputs:
        t.name("model", output.model_id)


def timeless(metrics):
    """Times that something took differ from run to run: of them the key alone."""
    return {key: "<time>" if "time" in key else value for key, value in metrics.items()}


# What names the models of a run holds their ids inside of JSON text, with the time they were made.
def tags(run):
    return {key: value for key, value in run.data.tags.items() if key not in ("mlflow.log-model.history", "mlflow.source.git.commit")}


def paths(run, path=None):
    """Every file of a run. Sizes differ where a time is written in one."""
    found = []
    for info in client.list_artifacts(run, path):
        found += paths(run, info.path) if info.is_dir else [info.path]
    return sorted(found)


def tell(label, run_id):
    run = client.get_run(run_id)
    t(f"{label}: how it ended", lambda: [run.info.status, run.info.experiment_id])
    t(f"{label}: params", lambda: run.data.params)
    t(f"{label}: metrics", lambda: timeless(run.data.metrics))
    t(f"{label}: tags", lambda: tags(run))
    t(f"{label}: files", paths, run_id)
    t(f"{label}: datasets", lambda: [[one.dataset.name, one.dataset.digest, one.dataset.source_type, one.dataset.schema, [[tag.key, tag.value] for tag in one.tags]] for one in run.inputs.dataset_inputs])
    t(f"{label}: models", lambda: sorted(models(output.model_id) for output in run.outputs.model_outputs))
    t(f"{label}: histories", lambda: {key: [[point.step, point.value] for point in client.get_metric_history(run_id, key)] for key in sorted(run.data.metrics) if "time" not in key})


def models(model_id):
    model = client.get_logged_model(model_id)
    return [model.name, str(model.status), sorted(model.params.items()), sorted([metric.key, metric.step, "<time>" if "time" in metric.key else str(metric.value)] for metric in model.metrics or [])]


# Every library at once, and off again.
mlflow.autolog(log_models=False, silent=True)
with mlflow.start_run(run_name="universal") as run:
    LogisticRegression(max_iter=200).fit(X, Y)
ids(run.info.run_id)
tell("universal", run.info.run_id)
mlflow.autolog(disable=True)
with mlflow.start_run(run_name="off") as run:
    LogisticRegression(max_iter=200).fit(X, Y)
ids(run.info.run_id)
t("off: nothing", lambda: [client.get_run(run.info.run_id).data.params, client.get_run(run.info.run_id).data.metrics, paths(run.info.run_id)])

# scikit-learn
mlflow.sklearn.autolog()
with mlflow.start_run(run_name="logistic") as run:
    fitted = LogisticRegression(max_iter=200, C=0.5).fit(X, Y)
    fitted.score(X[:50], Y[:50])
    log_loss(Y, fitted.predict_proba(X))
ids(run.info.run_id)
tell("logistic", run.info.run_id)

fitted = LinearRegression().fit(X[["sepal length (cm)"]], X["petal length (cm)"])
alone = mlflow.last_active_run().info.run_id
ids(alone)
t("a run of its own", lambda: [mlflow.active_run(), mlflow.last_active_run().info.status])
tell("linear", alone)

with mlflow.start_run(run_name="pipeline") as run:
    piped = make_pipeline(StandardScaler(), RandomForestClassifier(n_estimators=3, random_state=7)).fit(X.to_numpy(), Y.to_numpy())
    roc_auc_score(Y, piped.predict_proba(X.to_numpy()), multi_class="ovr")
ids(run.info.run_id)
tell("pipeline", run.info.run_id)
model = client.get_run(run.info.run_id).outputs.model_outputs[0].model_id
t("pipeline: it loads again and answers the same", lambda: bool((mlflow.sklearn.load_model(f"models:/{model}").predict(X.to_numpy()) == piped.predict(X.to_numpy())).all()))

with mlflow.start_run(run_name="grid") as run:
    GridSearchCV(LogisticRegression(max_iter=300), {"C": [0.1, 1.0, 10.0], "fit_intercept": [True, False]}, cv=3).fit(X, Y)
grid = run.info.run_id
ids(grid)
tell("grid", grid)
children = client.search_runs([experiment], f"tags.mlflow.parentRunId = '{grid}'", order_by=["params.C", "params.fit_intercept"])
for child in children:
    t.name("run", child.info.run_id)
t("grid: how many children", lambda: len(children))
t("grid: their params", lambda: [child.data.params for child in children])
t("grid: their metrics", lambda: [timeless(child.data.metrics) for child in children])
t("grid: their tags", lambda: [{key: value for key, value in tags(child).items() if key != "mlflow.runName"} for child in children])
t("grid: the best by a search", lambda: [run.data.params["C"] for run in client.search_runs([experiment], f"tags.mlflow.parentRunId = '{grid}'", order_by=["metrics.mean_test_score DESC", "params.C"], max_results=2)])
mlflow.sklearn.autolog(max_tuning_runs=2)
with mlflow.start_run(run_name="few") as run:
    GridSearchCV(LogisticRegression(max_iter=300), {"C": [0.1, 1.0, 10.0]}, cv=3).fit(X, Y)
t("grid: no more children than asked", lambda: len(client.search_runs([experiment], f"tags.mlflow.parentRunId = '{run.info.run_id}'")))
with mlflow.start_run(run_name="failed") as run:
    t("a fit that fails", LogisticRegression().fit, X, Y[:3])
ids(run.info.run_id)
t("what it left", lambda: [client.get_run(run.info.run_id).data.params.get("C"), client.get_run(run.info.run_id).info.status])
mlflow.sklearn.autolog(disable=True)


# PyTorch Lightning
class Line(pytorch_lightning.LightningModule):
    """y = 2x, learned."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)

    def forward(self, x):
        return self.layer(x)

    def training_step(self, batch, _):
        x, y = batch
        loss = torch.nn.functional.mse_loss(self(x), y)
        self.log("loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch, _):
        x, y = batch
        self.log("val_loss", torch.nn.functional.mse_loss(self(x), y))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.05)


def batches():
    x = torch.linspace(0, 1, 64).reshape(-1, 1)
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, 2 * x), batch_size=16)


def fit(epochs, **options):
    torch.manual_seed(7)
    network = Line()
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "logger": False, "enable_checkpointing": False, "accelerator": "cpu"}
    pytorch_lightning.Trainer(max_epochs=epochs, **quiet, **options).fit(network, batches(), batches())
    return network.eval()


mlflow.pytorch.autolog(log_every_n_epoch=1)
with mlflow.start_run(run_name="lightning") as run:
    trained = fit(5)
mlflow.flush_async_logging()
ids(run.info.run_id)
tell("lightning", run.info.run_id)
model = client.get_run(run.info.run_id).outputs.model_outputs[0].model_id
t("lightning: it loads again and answers the same", lambda: bool(torch.equal(mlflow.pytorch.load_model(f"models:/{model}")(torch.ones(1, 1)), trained(torch.ones(1, 1)))))
mlflow.pytorch.autolog(disable=True)

# XGBoost
mlflow.xgboost.autolog()
with mlflow.start_run(run_name="boosted") as run:
    matrix = xgboost.DMatrix(X.to_numpy()[:120], label=Y.to_numpy()[:120])
    held = xgboost.DMatrix(X.to_numpy()[120:], label=Y.to_numpy()[120:])
    options = {"objective": "multi:softprob", "num_class": 3, "max_depth": 2, "nthread": 1, "seed": 7}
    booster = xgboost.train(options, matrix, num_boost_round=8, evals=[(matrix, "train"), (held, "held")], early_stopping_rounds=3, verbose_eval=False)
mlflow.flush_async_logging()
ids(run.info.run_id)
tell("boosted", run.info.run_id)
model = client.get_run(run.info.run_id).outputs.model_outputs[0].model_id
t("boosted: it loads again and answers the same", lambda: bool(numpy.array_equal(mlflow.xgboost.load_model(f"models:/{model}").predict(held), booster.predict(held))))
mlflow.xgboost.autolog(disable=True)
t.end()
