"""What a client does with the key in MLFLOW_TRACKING_TOKEN: it makes a run and a model, reads, and moves a version."""

import os
import pathlib

import mlflow
from transcript import Transcript

t = Transcript()
client = mlflow.MlflowClient()
RUN = os.environ["GYRE_RUN"]
t.name("run", RUN)
WHO = os.environ["GYRE_WHO"]
pathlib.Path("file.txt").write_text("kept")

# Reading.
t("search experiments", lambda: [found.name for found in client.search_experiments(filter_string="name = 'Default'")])
t("get a run", lambda: client.get_run(RUN).info.run_id)
t("search runs", lambda: [found.info.run_id for found in client.search_runs(["0"], f"attributes.run_id = '{RUN}'")])
t("download", lambda: pathlib.Path(client.download_artifacts(RUN, "given.txt")).read_text())
t("get a version", lambda: client.get_model_version("given", "1").version)

# Writing.
t("an experiment", lambda: bool(client.create_experiment(f"of {WHO}")))
t("a run", lambda: client.create_run("0", run_name=WHO).info.status)
t("a metric", lambda: client.log_metric(RUN, f"by {WHO}", 1.0))
t("a param", lambda: client.log_param(RUN, f"by {WHO}", "v"))
t("a tag, not waited for", lambda: client.set_tag(RUN, f"by {WHO}", "v", synchronous=False).wait())
t("a file", lambda: client.log_artifact(RUN, "file.txt", WHO))
t("a model", lambda: client.create_registered_model(f"of {WHO}").name)
t("a version", lambda: client.create_model_version("given", f"runs:/{RUN}/model", RUN).status)
t("an alias", lambda: client.set_registered_model_alias("given", WHO, "1"))

# Deciding.
t("a stage", lambda: client.transition_model_version_stage("given", "1", "Production").current_stage)

# By hand: what the client makes of a refusal is its class, what the server said is here.
TOKEN = os.environ.get("MLFLOW_TRACKING_TOKEN", "")
headers = {"Authorization": f"Bearer {TOKEN}"} if TOKEN else {}
t.http("raw read", "GET", "/api/2.0/mlflow/experiments/get", params={"experiment_id": "1000"}, headers=headers)
t.http("raw write", "POST", "/api/2.0/mlflow/runs/create", json={"experiment_id": "1000"}, headers=headers)
t.http("raw upload", "PUT", f"/api/2.0/mlflow-artifacts/artifacts/0/{RUN}/nowhere", data=b"x", headers=headers)
t.end()
