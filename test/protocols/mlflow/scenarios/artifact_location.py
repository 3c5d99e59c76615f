"""Whoever tries to choose where artifacts lie: the place of an experiment, and the source of a version, of every kind."""

import pathlib

import mlflow
from transcript import Transcript

t = Transcript()
client = mlflow.MlflowClient()
experiment = mlflow.set_experiment("places").experiment_id
t.name("experiment", experiment)
other_experiment = client.create_experiment("other places")
t.name("experiment", other_experiment)

# The place of an experiment.
PLACES = [
    "s3://bucket/path", "gs://bucket/path", "dbfs:/path", "hdfs://host/path", "ftp://host/path", "sftp://host/path", "http://127.0.0.1:1/path", "https://example.org/path",
    "http:///#/../../etc/", "http://169.254.169.254/latest", "file:///etc", "file:/etc", "file://host/etc", "file:relative", "/etc", "relative", "./here", "../up", "~", "C:\\Windows",
    "\\\\host\\share", "mlflow-artifacts:/", "mlflow-artifacts:/0", "mlflow-artifacts:/../../etc", "mlflow-artifacts:/%2e%2e/up", "mlflow-artifacts://example.org/0", "mlflow-artifacts:0",
    "runs:/" + "0" * 32 + "/model", "models:/churn/1", "uc:/catalog", " ", "\u2024\u2024/up", "x" * 3000, "wasbs://a@b/c", "$(touch x)", "?", "#",
]
for i, place in enumerate(PLACES):
    t(f"{i}: an experiment at {place[:40]!r}", lambda: bool(client.create_experiment(f"at {i}", artifact_location=place)))
t("an experiment at ''", lambda: client.get_experiment(client.create_experiment("at nothing", artifact_location="")).lifecycle_stage)
t("an experiment at None", lambda: client.get_experiment(client.create_experiment("at none", artifact_location=None)).lifecycle_stage)
t("those there are", lambda: sorted(found.name for found in client.search_experiments(filter_string="name LIKE 'at %'")))
t("where the unasked lie", lambda: [client.get_experiment_by_name(name).artifact_location.startswith("mlflow-artifacts:/") for name in ("at nothing", "at none")])
t("a place below the server", lambda: client.get_experiment(experiment).artifact_location)
run = client.create_run(experiment, run_name="maker").info.run_id
t.name("run", run)
t("where a run lies", lambda: client.get_run(run).info.artifact_uri)

# The source of a version.
other = client.create_run(experiment, run_name="another").info.run_id
t.name("run", other)
far = client.create_run(other_experiment, run_name="far").info.run_id
t.name("run", far)
for made in (run, other, far):
    client.log_text(made, "a model of sorts", "model/MLmodel")
    client.log_text(made, "more", "model/data/w.bin")
logged = client.create_logged_model(experiment, "held", source_run_id=run)
t.name("model", logged.model_id)
client.finalize_logged_model(logged.model_id, "READY")
ROOT = f"mlflow-artifacts:/{experiment}/{run}/artifacts"
client.create_registered_model("churn")
t("the first version", lambda: client.create_model_version("churn", f"{ROOT}/model", run).source)
client.set_registered_model_alias("churn", "champion", "1")

OWN = [f"{ROOT}/model", f"{ROOT}/model/", f"{ROOT}/model/data", ROOT, f"runs:/{run}/model", f"runs:/{run}/model/data", f"runs:/{run}"]
BY_NAME = ["models:/churn/1", "models:/churn@champion", f"models:/{logged.model_id}"]
FOREIGN = [
    f"mlflow-artifacts:/{experiment}/{other}/artifacts/model", f"mlflow-artifacts:/{other_experiment}/{far}/artifacts/model", f"runs:/{other}/model", f"runs:/{far}/model",
    f"mlflow-artifacts:/{other_experiment}/{run}/artifacts/model", "mlflow-artifacts:/0/" + "0" * 32 + "/artifacts/model", "runs:/" + "0" * 32 + "/model",
    "models:/churn/2", "models:/churn@nobody", "models:/nobody/1", "models:/m-" + "0" * 32, "models:/churn/latest", "models:/churn",
]
ELSEWHERE = [
    "s3://bucket/model", "s3://bucket/../model", "gs://bucket/model", "dbfs:/model", "hdfs://host/model", "http://127.0.0.1:1/model", "https://example.org/model", "ftp://host/model",
    "file:///etc", "file:///etc/passwd", "file:/etc", "file://host/etc", "file:relative", "FILE:///etc", "/etc/passwd", "etc/passwd", "./model", "../../etc", "..", "~/.ssh", "C:\\Windows", "\\\\host\\share",
    f"{ROOT}/../../../etc", f"{ROOT}/model/../../..", f"{ROOT}/model/..", f"{ROOT}/./model", f"{ROOT}//model", f"{ROOT}/..%2f..%2fetc", f"{ROOT}/%2e%2e/%2e%2e/etc", f"{ROOT}/%252e%252e/etc",
    f"{ROOT}/model\\..\\..", f"{ROOT}/model\x00", f"{ROOT}/model\n", f"{ROOT}/\u2024\u2024/up", f"{ROOT}/model?x=y", f"{ROOT}/model#../..", f"{ROOT}/" + "x" * 3000, f" {ROOT}/model", f"{ROOT}/model ",
    f"{ROOT}/nobody", f"mlflow-artifacts://example.org/{experiment}/{run}/artifacts/model", f"mlflow-artifacts:{experiment}/{run}/artifacts/model", f"MLFLOW-ARTIFACTS:/{experiment}/{run}/artifacts/model",
    f"runs:/{run}/../{other}/model", f"runs:/{run}/model/../..", f"runs:/{run}/%2e%2e/x", f"runs://host/{run}/model", f"runs:{run}/model", f"runs:/{run}/model#x", "runs:/", "runs:/../etc", "models:/../etc", "models:/churn/../1",
]


def label(source):
    for known, name in ((run, "RUN"), (other, "OTHER"), (far, "FAR"), (logged.model_id, "MODEL")):
        source = source.replace(known, name)
    source = source.replace(f":/{experiment}/", ":/HERE/").replace(f":/{other_experiment}/", ":/THERE/").replace(f"{experiment}/RUN", "HERE/RUN")
    return repr(source if len(source) < 120 else f"{source[:60]}… of {len(source)}")


for source in [*OWN, *BY_NAME, *FOREIGN, *ELSEWHERE]:
    t(f"{label(source)} of its run", lambda: bool(client.create_model_version("churn", source, run).source))
for source in [*OWN, *BY_NAME, *FOREIGN[:4], *ELSEWHERE[:12]]:
    t(f"{label(source)} of no run", lambda: bool(client.create_model_version("churn", source).source))
for source in [*OWN[:1], *BY_NAME, *ELSEWHERE[8:16]]:
    t(f"{label(source)} of its logged model", lambda: bool(client.create_model_version("churn", source, model_id=logged.model_id).source))

# A prompt has no files. The client makes none from a place, so by hand.
API = "/api/2.0/mlflow"
PROMPT = [{"key": "mlflow.prompt.is_prompt", "value": "true"}, {"key": "mlflow.prompt.text", "value": "Hi"}]
t.http("a prompt", "POST", f"{API}/registered-models/create", json={"name": "greeting", "tags": PROMPT})
for source in [*OWN[:1], *ELSEWHERE[8:16]]:
    t.http(f"a prompt from {label(source)}", "POST", f"{API}/model-versions/create", json={"name": "greeting", "source": source, "tags": PROMPT})
t("the files of the first are what they were", lambda: sorted(path.name for path in pathlib.Path(mlflow.artifacts.download_artifacts("models:/churn/1")).rglob("*")))
t("nothing of another machine comes down", lambda: mlflow.artifacts.download_artifacts(f"{ROOT}/../../../../../etc/passwd"))
t.end()
