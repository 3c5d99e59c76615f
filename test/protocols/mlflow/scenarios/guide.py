"""What a guide to MLOps shows first: an experiment, a run, its model, a registered version, its stage; each read back."""

import hashlib
import pathlib

import mlflow
import mlflow.pytorch
import torch
from mlflow.tracking import MlflowClient
from transcript import Transcript

t = Transcript()
client = MlflowClient()


def train():
    """A small network and what it learned: which of two numbers is larger."""
    torch.manual_seed(7)
    network = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
    optimizer = torch.optim.SGD(network.parameters(), lr=1.0)
    pairs = torch.rand(256, 2)
    labels = (pairs[:, :1] > pairs[:, 1:]).float()
    for _ in range(200):
        optimizer.zero_grad()
        torch.nn.functional.binary_cross_entropy_with_logits(network(pairs), labels).backward()
        optimizer.step()
    return network.eval()


model = train()
ASKED = torch.tensor([[0.9, 0.1], [0.1, 0.9], [0.6, 0.4]])

# As in the guide.
mlflow.set_experiment("recommendation-model-v2")

with mlflow.start_run() as run:
    mlflow.log_param("learning_rate", 0.001)
    mlflow.log_param("batch_size", 64)
    mlflow.log_param("epochs", 50)

    mlflow.log_metric("accuracy", 0.923)
    mlflow.log_metric("f1_score", 0.891)
    mlflow.log_metric("auc_roc", 0.956)

    # The guide's client had one format; that of today asks which.
    logged = mlflow.pytorch.log_model(model, "model", serialization_format="pickle")

found = client.get_experiment_by_name("recommendation-model-v2")
t.name("experiment", found.experiment_id)
t.name("run", run.info.run_id)
t.name("model", logged.model_id)
t("the experiment", lambda: found)
t("the run", client.get_run, run.info.run_id)
for key in ("accuracy", "f1_score", "auc_roc"):
    t(f"the history of {key}", client.get_metric_history, run.info.run_id, key)
t("the run by what it logged", lambda: mlflow.search_runs(filter_string="metrics.accuracy > 0.92 AND params.batch_size = '64'").run_id.tolist())
t("the logged model", client.get_logged_model, logged.model_id)


def digests(folder):
    """The SHA-256 of every file below it."""
    root = pathlib.Path(folder)
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(root.rglob("*")) if path.is_file()}


# What was logged, as the same client writes it to a folder.
mlflow.pytorch.save_model(model, "saved", serialization_format="pickle")
down = digests(mlflow.artifacts.download_artifacts(f"runs:/{run.info.run_id}/model"))
again = digests(mlflow.artifacts.download_artifacts(logged.model_uri))
saved = digests("saved")
t("the files of the model", lambda: sorted(down))
t("the weights that came down are those that went up", lambda: down["data/model.pth"] == saved["data/model.pth"])
t("by its model id they are the same", lambda: down == again)
t("the model that came down answers as the one that went up", lambda: bool(torch.equal(mlflow.pytorch.load_model(f"runs:/{run.info.run_id}/model")(ASKED), model(ASKED))))
t("and it has learned", lambda: (model(ASKED) > 0).flatten().tolist())

# As in the guide, with the id of a run there is; three times, for there to be a version 3.
for _ in range(3):
    mlflow.register_model(f"runs:/{run.info.run_id}/model", "recommendation-model")
t("the registered model", client.get_registered_model, "recommendation-model")
t("version 3", client.get_model_version, "recommendation-model", "3")
t("to production", lambda: client.transition_model_version_stage(name="recommendation-model", version=3, stage="Production"))
t("it is in production", lambda: client.get_model_version("recommendation-model", "3").current_stage)
t("and the newest there", lambda: [version.version for version in client.get_latest_versions("recommendation-model", ["Production"])])
t("what is in production answers the same", lambda: bool(torch.equal(mlflow.pytorch.load_model("models:/recommendation-model/Production")(ASKED), model(ASKED))))
t("the weights in production", lambda: digests(mlflow.artifacts.download_artifacts("models:/recommendation-model/3"))["data/model.pth"] == saved["data/model.pth"])
t("a run that is not there", lambda: mlflow.register_model("runs:/abc123/model", "recommendation-model"))
t("a stage there is not", lambda: client.transition_model_version_stage(name="recommendation-model", version=3, stage="Live"))
t.end()
