"""The registry: models, versions, stages, aliases, tags, searches; and what is refused."""

import mlflow
from transcript import Transcript

t = Transcript()
client = mlflow.MlflowClient()
experiment = mlflow.set_experiment("registry").experiment_id
t.name("experiment", experiment)
run = client.create_run(experiment, run_name="maker").info.run_id
t.name("run", run)
client.log_text(run, "a model of sorts", "model/MLmodel")
SOURCE = f"mlflow-artifacts:/{experiment}/{run}/artifacts/model"

t("create", client.create_registered_model, "churn")
t("create with all", client.create_registered_model, "fraud", {"team": "risk", "µ": "√2"}, "finds fraud")
t("get", client.get_registered_model, "churn")
t("get with all", client.get_registered_model, "fraud")
t("a name that is taken", client.create_registered_model, "churn")
t("get what is not there", client.get_registered_model, "nobody")
GOOD = ["Ünï ¢ode 日本 🚀", " spaces ", "quote'\"`", "a.b-c_d e%f?g#h&i=j", "x" * 255]
for name in [*GOOD, "x" * 256, "x" * 257, "", "a/b", "a:b", ".", "..", "a\\b", "a\nb", None, 7]:
    label = repr(name)[:20]
    t(f"create {label} of {len(str(name))}", client.create_registered_model, name)
    t(f"get {label} of {len(str(name))}", client.get_registered_model, name)
    t(f"a version of {label} of {len(str(name))}", client.create_model_version, name, SOURCE, run)

t("describe", client.update_registered_model, "churn", "who leaves")
t("describe with nothing", client.update_registered_model, "churn", "")
t("describe with unicode", client.update_registered_model, "churn", "Ünï\n日本 🚀")
t("describe with 5000 characters", lambda: len(client.update_registered_model("churn", "d" * 5000).description))
t("describe with 5001 characters", lambda: len(client.update_registered_model("churn", "d" * 5001).description))
t("describe what is not there", client.update_registered_model, "nobody", "x")
t("rename", client.rename_registered_model, "churn", "leaving")
t("get by the new name", client.get_registered_model, "leaving")
t("get by the old name", client.get_registered_model, "churn")
t("rename to one that is taken", client.rename_registered_model, "leaving", "fraud")
t("rename to itself", client.rename_registered_model, "leaving", "leaving")
t("rename to nothing", client.rename_registered_model, "leaving", "")
t("rename to a path", client.rename_registered_model, "leaving", "a/b")
t("rename what is not there", client.rename_registered_model, "nobody", "x")
t("rename back", client.rename_registered_model, "leaving", "churn")

t("a version", client.create_model_version, "churn", SOURCE, run)
t("a version with all", client.create_model_version, "churn", SOURCE, run, {"k": "v"}, description="the second")
t("a version without a run", client.create_model_version, "churn", SOURCE)
t("a version by runs:/", client.create_model_version, "churn", f"runs:/{run}/model", run)
t("a fourth version", client.create_model_version, "churn", SOURCE, run)
t("a version of what is not there", client.create_model_version, "nobody", SOURCE, run)
t("a version of a run that is not there", client.create_model_version, "churn", SOURCE, "0" * 32)
t("get a version", client.get_model_version, "churn", "1")
t("get a version by number", client.get_model_version, "churn", 2)
for version in ("9", "0", "-1", "x", "1.0", "", "01", "99999999999999999999"):
    t(f"get version {version!r}", client.get_model_version, "churn", version)
t("get a version of what is not there", client.get_model_version, "nobody", "1")
t("download uri", client.get_model_version_download_uri, "churn", "1")
t("download uri of what is not there", client.get_model_version_download_uri, "churn", "9")
t("stages there are", client.get_model_version_stages, "churn", "1")
t("describe a version", client.update_model_version, "churn", "1", "the first")
t("describe a version with nothing", client.update_model_version, "churn", "1", "")
t("describe a version that is not there", client.update_model_version, "churn", "9", "x")
t("the model with versions", client.get_registered_model, "churn")

SOURCES = [
    "", ".", "/etc/passwd", "file:///etc", "file:relative", "relative/path", "../../etc", "s3://bucket/model", "s3://bucket/../model", "dbfs:/model", "http://127.0.0.1/model",
    "https://example.org/model", f"mlflow-artifacts:/{experiment}/{run}/../../../etc", f"mlflow-artifacts:/{experiment}/{run}/artifacts/nobody",
    "mlflow-artifacts:/", "mlflow-artifacts://example.org/0/x", "runs:/" + "0" * 32 + "/model", "models:/churn/1", "models:/churn/9", "models:/m-" + "0" * 32,
    f"{SOURCE}?x=y", f"{SOURCE}#x", f"{SOURCE}/%2e%2e/%2e%2e",
]
for source in SOURCES:
    label = f"a version from {source!r}".replace(run, "RUN").replace(f":/{experiment}/", ":/EXPERIMENT/")
    t(label, lambda: client.create_model_version("fraud", source, run).source)


def stages(name="churn"):
    return {version.version: version.current_stage for version in client.search_model_versions(f"name = '{name}'")}


t("to Staging", client.transition_model_version_stage, "churn", "1", "Staging")
t("to Production", client.transition_model_version_stage, "churn", "1", "Production")
t("to where it is", client.transition_model_version_stage, "churn", "1", "Production")
t("in lower case", client.transition_model_version_stage, "churn", "2", "production")
t("two in Production", stages)
t("another, archiving", client.transition_model_version_stage, "churn", "3", "Production", archive_existing_versions=True)
t("one in Production", stages)
t("the same, archiving", client.transition_model_version_stage, "churn", "3", "Production", archive_existing_versions=True)
t("still one", stages)
t("Staging, archiving", client.transition_model_version_stage, "churn", "4", "Staging", archive_existing_versions=True)
t("None, archiving", client.transition_model_version_stage, "churn", "4", "None", archive_existing_versions=True)
t("Archived, archiving", client.transition_model_version_stage, "churn", "4", "Archived", archive_existing_versions=True)
t("out of Archived", client.transition_model_version_stage, "churn", "4", "Staging")
for stage in ("Nirvana", "", "none", "STAGING", None):
    t(f"to {stage!r}", client.transition_model_version_stage, "churn", "4", stage)
t("stage of what is not there", client.transition_model_version_stage, "churn", "9", "Staging")
t("stage of a model that is not there", client.transition_model_version_stage, "nobody", "1", "Staging")
t("stages at last", stages)
t("latest of each stage", client.get_latest_versions, "churn")
t("latest of some", client.get_latest_versions, "churn", ["Production", "Staging"])
t("latest in lower case", client.get_latest_versions, "churn", ["production"])
t("latest of a stage that is none", client.get_latest_versions, "churn", ["Nirvana"])
t("latest of no stage", client.get_latest_versions, "churn", [])
t("latest of what is not there", client.get_latest_versions, "nobody")
t("latest of what has none", client.get_latest_versions, "Ünï ¢ode 日本 🚀")

t("alias", client.set_registered_model_alias, "churn", "champion", "1")
t("alias by number", client.set_registered_model_alias, "churn", "challenger", 2)
t("by alias", client.get_model_version_by_alias, "churn", "champion")
t("move it", client.set_registered_model_alias, "churn", "champion", "2")
t("by alias, moved", client.get_model_version_by_alias, "churn", "champion")
t("set where it is", client.set_registered_model_alias, "churn", "champion", "2")
t("in upper case", client.set_registered_model_alias, "churn", "CHAMPION", "3")
t("aliases of a version", lambda: client.get_model_version("churn", "2").aliases)
t("aliases of the model", lambda: client.get_registered_model("churn").aliases)
t("by an alias that is not there", client.get_model_version_by_alias, "churn", "nobody")
t("alias of a version that is not there", client.set_registered_model_alias, "churn", "x", "9")
t("alias of a model that is not there", client.set_registered_model_alias, "nobody", "x", "1")
for alias in ("v1", "V2", "latest", "LATEST", "", "a b", "a/b", "a.b", "ü", "1", "a_b-c", "x" * 255, "x" * 256, "v1a"):
    t(f"the alias {alias[:20]!r} of {len(alias)}", client.set_registered_model_alias, "churn", alias, "1")
t("delete an alias", client.delete_registered_model_alias, "churn", "challenger")
t("delete an alias that is not there", client.delete_registered_model_alias, "churn", "challenger")
t("delete an alias of what is not there", client.delete_registered_model_alias, "nobody", "x")
t("aliases at last", lambda: client.get_registered_model("churn").aliases)

t("tag", client.set_registered_model_tag, "churn", "k", "v")
t("tag again", client.set_registered_model_tag, "churn", "k", "v2")
t("tag with a number", client.set_registered_model_tag, "churn", "n", 1.5)
t("tag with nothing", client.set_registered_model_tag, "churn", "empty", "")
t("tag with unicode", client.set_registered_model_tag, "churn", "tÄg", "日本 🚀")
t("tag with 5000 characters", client.set_registered_model_tag, "churn", "long", "v" * 5000)
t("tag with 5001 characters", client.set_registered_model_tag, "churn", "longer", "v" * 5001)
t("tag with 100000 characters", client.set_registered_model_tag, "churn", "longest", "v" * 100_000)
t("tag with 100001 characters", client.set_registered_model_tag, "churn", "too long", "v" * 100_001)
for key in ("k" * 250, "k" * 251, "", "a,b", "a:b/c.d e", "../up", "a//b"):
    t(f"the key {key[:20]!r} of {len(key)}", client.set_registered_model_tag, "churn", key, "v")
t("tag what is not there", client.set_registered_model_tag, "nobody", "k", "v")
t("delete a tag", client.delete_registered_model_tag, "churn", "k")
t("delete a tag that is not there", client.delete_registered_model_tag, "churn", "k")
t("delete a tag of what is not there", client.delete_registered_model_tag, "nobody", "k")
t("tags at last", lambda: {key: value[:30] for key, value in client.get_registered_model("churn").tags.items()})
t("tag a version", client.set_model_version_tag, "churn", "1", "k", "v")
t("tag a version again", client.set_model_version_tag, "churn", "1", "k", "v2")
t("tag a version by stage", client.set_model_version_tag, "churn", None, "staged", "v", stage="Production")
t("tag a version that is not there", client.set_model_version_tag, "churn", "9", "k", "v")
t("a long key for a version", client.set_model_version_tag, "churn", "1", "k" * 251, "v")
t("a long value for a version", client.set_model_version_tag, "churn", "1", "too long", "v" * 100_001)
t("tags of a version", lambda: client.get_model_version("churn", "1").tags)
t("delete a version's tag", client.delete_model_version_tag, "churn", "1", "k")
t("delete a version's tag that is not there", client.delete_model_version_tag, "churn", "1", "k")

t("delete a version", client.delete_model_version, "churn", "2")
t("delete it again", client.delete_model_version, "churn", "2")
t("get it", client.get_model_version, "churn", "2")
t("by the alias it had", client.get_model_version_by_alias, "churn", "champion")
t("aliases without it", lambda: client.get_registered_model("churn").aliases)
t("download uri of it", client.get_model_version_download_uri, "churn", "2")
t("tag it", client.set_model_version_tag, "churn", "2", "k", "v")
t("move it to Staging", client.transition_model_version_stage, "churn", "2", "Staging")
t("the newest goes", client.delete_model_version, "churn", "4")
t("the next has a new number", lambda: client.create_model_version("churn", SOURCE, run).version)

t("rename with versions", client.rename_registered_model, "churn", "left")
t("the versions follow", lambda: [version.name for version in client.search_model_versions("name = 'left'")])
t("the aliases follow", lambda: client.get_registered_model("left").aliases)
t("delete", client.delete_registered_model, "left")
t("delete again", client.delete_registered_model, "left")
t("get deleted", client.get_registered_model, "left")
t("versions of deleted", lambda: client.search_model_versions("name = 'left'"))
t("make it again", client.create_registered_model, "left")
t("its first version", lambda: client.create_model_version("left", SOURCE, run).version)
t("its aliases", lambda: client.get_registered_model("left").aliases)

ANY = "/api/2.0/mlflow/registered-models/get"
t.http("raw get", "GET", ANY, params={"name": "left"})
t.http("raw get, not there", "GET", ANY, params={"name": "nobody"})
t.http("raw get without a name", "GET", ANY)
t.http("raw create without a name", "POST", "/api/2.0/mlflow/registered-models/create", json={})
t.http("raw create with a number", "POST", "/api/2.0/mlflow/registered-models/create", json={"name": 7})
t.http("raw stage without archiving said", "POST", "/api/2.0/mlflow/model-versions/transition-stage", json={"name": "left", "version": "1", "stage": "Staging"})
t.http("raw stage, archiving as text", "POST", "/api/2.0/mlflow/model-versions/transition-stage", json={"name": "left", "version": "1", "stage": "Staging", "archive_existing_versions": "yes"})
t.http("raw version as a number", "GET", "/api/2.0/mlflow/model-versions/get", params={"name": "left", "version": 1})
t.http("raw version without a source", "POST", "/api/2.0/mlflow/model-versions/create", json={"name": "left"})
t.http("raw latest by GET", "GET", "/api/2.0/mlflow/registered-models/get-latest-versions", params={"name": "left"})
t.http("raw latest by POST", "POST", "/api/2.0/mlflow/registered-models/get-latest-versions", json={"name": "left", "stages": ["Staging"]})
t.end()
