"""A script as its author wrote it for MLflow alone, in a step of a pipeline."""

import json
import os
import pathlib

import mlflow
from mlflow.exceptions import MlflowException
from sklearn.linear_model import LogisticRegression

with open(os.environ["GYRE_INPUTS"]) as file:
    seed = json.load(file)["seed"]

OWN = os.environ["MLFLOW_RUN_ID"]
pathlib.Path("note.txt").write_text("kept")

mlflow.autolog(log_models=False)
X, y = [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]

with mlflow.start_run() as run:
    assert run.info.run_id == OWN
    mlflow.log_param("depth", 3)
    for step, loss in enumerate([1.0, 0.5, 0.25]):
        mlflow.log_metric("loss", loss, step=step)
    mlflow.log_metrics({"auc": 0.75})
    mlflow.set_tag("team", "blue")
    mlflow.log_artifact("note.txt", "notes")
    model = LogisticRegression(random_state=seed).fit(X, y)
    logged = mlflow.sklearn.log_model(model, name="line")
    history = mlflow.MlflowClient().get_metric_history(OWN, "loss")
    said = [len(history), run.data.params and int(run.data.params["seed"])]

# The client has ended the run by now; the step goes on, and so may its log.
client = mlflow.MlflowClient()
assert client.get_run(OWN).info.status == "RUNNING"


def refusal(call):
    try:
        call()
    except MlflowException as refused:
        return refused.error_code
    return "nothing"


def nested():
    with mlflow.start_run(run_id=OWN), mlflow.start_run(nested=True):
        pass


refused = [
    refusal(lambda: mlflow.start_run()),
    refusal(nested),
    refusal(lambda: mlflow.create_experiment("mine")),
    refusal(lambda: mlflow.register_model(f"models:/{logged.model_id}", "mine")),
]
with open(os.environ["GYRE_REPORT"], "w") as report:
    for output, value in {"refused": refused, "model": logged.model_id, "said": said}.items():
        print(json.dumps({"output": output, "value": value}), file=report)
