"""Logged models: made, finished, tagged, measured, searched, deleted; what runs use and make; and what is refused."""

import mlflow
from mlflow.entities import LoggedModelInput, LoggedModelOutput, Metric
from transcript import Transcript

t = Transcript()
client = mlflow.MlflowClient()
one = mlflow.set_experiment("one").experiment_id
two = client.create_experiment("two")
t.name("experiment", one)
t.name("experiment", two)
AT = 1_700_000_000_000
NOBODY = "m-" + "0" * 32
NAMES = {}
run = client.create_run(one, run_name="maker").info.run_id
t.name("run", run)


def new_model(name, where=one, **options):
    model = client.create_logged_model(where, name, **options)
    t.name("model", model.model_id)
    NAMES[model.model_id] = name
    return model.model_id


first = t("create", client.create_logged_model, one, "first").model_id
NAMES[first] = "first"
t("get", client.get_logged_model, first)
full = t(
    "create with all", client.create_logged_model, one, "full", source_run_id=run, tags={"team": "risk", "ü": "🚀"}, params={"depth": "6", "lr": "0.1"}, model_type="toy"
).model_id
NAMES[full] = "full"
t("get with all", client.get_logged_model, full)
unnamed = t("create without a name", lambda: client.create_logged_model(one).name is not None)
t("create of a run that is not there", client.create_logged_model, one, "orphan", source_run_id="0" * 32)
t("create in an experiment that is not there", client.create_logged_model, "987654321", "x")
for name in ("Ünï ¢ode 日本 🚀", "x" * 500, "x" * 501, "a/b", "a:b", "a.b", "a%b", "a'b", 'a"b', " ", "..", "a\\b", "a b"):
    t(f"create {name[:12]!r} of {len(name)}", lambda: client.create_logged_model(one, name).name)
t("an id that is not there", client.get_logged_model, NOBODY)
t("an id of another kind", client.get_logged_model, "nobody")
t("an empty id", client.get_logged_model, "")

t("finish", client.finalize_logged_model, full, "READY")
t("finish as failed", client.finalize_logged_model, first, "FAILED")
t("and as ready again", lambda: client.finalize_logged_model(first, "READY").status)
t("finish as what is no status", client.finalize_logged_model, first, "DONE")
t("finish what is not there", client.finalize_logged_model, NOBODY, "READY")

t("tag", client.set_logged_model_tags, first, {"k": "v", "n": 1.5, "empty": "", "ü": "🚀"})
t("tag again", client.set_logged_model_tags, first, {"k": "v2"})
t("tag with nothing", client.set_logged_model_tags, first, {})
t("tags", lambda: client.get_logged_model(first).tags)
for key in ("k" * 250, "k" * 251, "", "a,b", "a:b/c.d e", "../up", "/a", "a//b"):
    t(f"the key {key[:20]!r} of {len(key)}", client.set_logged_model_tags, first, {key: "v"})
t("a value of 8000", client.set_logged_model_tags, first, {"long": "v" * 8000})
t("a value of 8001", client.set_logged_model_tags, first, {"longer": "v" * 8001})
t("tag what is not there", client.set_logged_model_tags, NOBODY, {"k": "v"})
t("delete a tag", client.delete_logged_model_tag, first, "k")
t("delete a tag that is not there", client.delete_logged_model_tag, first, "k")
t("delete a tag of two words", client.delete_logged_model_tag, first, "a:b/c.d e")
t("delete a tag of what is not there", client.delete_logged_model_tag, NOBODY, "k")
t("tags at last", lambda: {key[:5]: len(value) for key, value in client.get_logged_model(first).tags.items()})

t("params", client.log_model_params, first, {"a": "1", "b": "2"})
t("a param again", client.log_model_params, first, {"a": "1"})
t("a param, changed", client.log_model_params, first, {"a": "2"})
t("a param of 6000", client.log_model_params, first, {"long": "p" * 6000})
t("a param of 6001", client.log_model_params, first, {"longer": "p" * 6001})
t("a param of a bad key", client.log_model_params, first, {"a,b": "1"})
t("100 params and one", client.log_model_params, first, {f"p{i}": str(i) for i in range(101)})
t("params of what is not there", client.log_model_params, NOBODY, {"a": "1"})
t("params at last", lambda: {key: value[:5] for key, value in client.get_logged_model(first).params.items()})

t("measure", client.log_metric, run, "acc", 0.5, timestamp=AT, step=1, model_id=first)
t("measure on a dataset", client.log_metric, run, "acc", 0.75, timestamp=AT, step=2, model_id=first, dataset_name="flights", dataset_digest="d1")
t("measure on half a dataset", client.log_metric, run, "acc", 0.8, timestamp=AT, step=3, model_id=first, dataset_name="flights")
t("measure the same again", client.log_metric, run, "acc", 0.5, timestamp=AT, step=1, model_id=first)
t("measure what is not there", client.log_metric, run, "acc", 0.5, timestamp=AT, model_id=NOBODY)
batch = [Metric("f1", 0.9, AT, 1, model_id=first), Metric("f1", 0.8, AT, 1, model_id=full), Metric("loss", float("nan"), AT, 0, model_id=full)]
t("measure in a batch", client.log_batch, run, batch)
t("measurements", lambda: client.get_logged_model(first).metrics)
t("measurements of another", lambda: client.get_logged_model(full).metrics)
t("the run has them too", lambda: client.get_run(run).data.metrics)

t("outputs", client.log_outputs, run, [LoggedModelOutput(first, 3), LoggedModelOutput(full, 4)])
t("outputs again, at another step", client.log_outputs, run, [LoggedModelOutput(first, 5)])
t("outputs that are not there", client.log_outputs, run, [LoggedModelOutput(NOBODY, 0)])
t("outputs of what is not there", client.log_outputs, "0" * 32, [LoggedModelOutput(first, 0)])
t("inputs", client.log_inputs, run, None, [LoggedModelInput(full)])
t("inputs again", client.log_inputs, run, None, [LoggedModelInput(full), LoggedModelInput(first)])
t("what the run used", lambda: sorted(NAMES[used.model_id] for used in client.get_run(run).inputs.model_inputs))
t("what the run made", lambda: sorted([NAMES.get(made.model_id, "nobody"), made.step] for made in client.get_run(run).outputs.model_outputs))

external = mlflow.create_external_model(name="elsewhere", params={"api": "x"}, tags={"team": "ops"}, model_type="agent")
NAMES[external.model_id] = "elsewhere"
t("an external model", client.get_logged_model, external.model_id)
with mlflow.start_run(run_name="active") as active:
    mlflow.set_active_model(name="by name")
    t("the active model", lambda: mlflow.get_logged_model(mlflow.get_active_model_id()).name)
    t("measured by its being active", lambda: mlflow.log_metric("seen", 1, step=0, timestamp=AT, model_id=mlflow.get_active_model_id()))
    mlflow.clear_active_model()

client.log_model_artifact(first, __file__)
t("files", lambda: [info.path for info in client.list_logged_model_artifacts(first)])
t("files below", client.list_logged_model_artifacts, first, "nobody")
t("files of what is not there", client.list_logged_model_artifacts, NOBODY)

# Searches, in an experiment of their own.
SCORES = {"a": (0.9, "6", "risk"), "b": (0.7, "8", "Risk"), "c": (float("nan"), "10", "ops"), "d": (None, "6", None)}
for name, (score, depth, team) in SCORES.items():
    model = new_model(name, two, params={"depth": depth}, tags={} if team is None else {"team": team, "x.y z": "dots"}, model_type="tree" if name < "c" else "net")
    where = client.create_run(two, run_name=f"of {name}").info.run_id
    if score is not None:
        client.log_metric(where, "auc", score, timestamp=AT, step=0, model_id=model)
        client.log_metric(where, "auc", 1 - score, timestamp=AT, step=1, model_id=model, dataset_name="test", dataset_digest="d9")
        client.log_metric(where, "auc", 0.1, timestamp=AT - 1, step=7, model_id=model)
    if name != "b":
        client.finalize_logged_model(model, "READY")


def find(filter_string=None, where=(two,), order_by=({"field_name": "name", "ascending": True},), **how):
    return [model.name for model in client.search_logged_models(list(where), filter_string, order_by=list(order_by), **how)]


t("all", find)
t("all of two experiments", lambda: sorted(name for name in find(where=(one, two)) if name in NAMES.values()))
t("of no experiment", find, where=())
t("of one that is not there", find, where=("987654321",))
FILTERS = """
name = 'a'
name != 'a'
name LIKE '%'
name IN ('a', 'b')
attributes.name = 'a'
attribute.name = 'a'
`name` = 'a'
model_type = 'tree'
model_type LIKE 'n%'
model_id = 'nobody'
model_id != 'nobody'
source_run_id = 'nobody'
source_run_id != 'nobody'
creation_timestamp > 0
creation_time > 0
last_updated_timestamp > 0
last_updated_timestamp < 0
metrics.auc > 0.5
metrics.auc < 0.5
metrics.auc >= 0.9
metrics.auc = 0.9
metrics.nobody > 0
params.depth = '6'
params.depth = 6
params.depth != '6'
params.depth IN ('6', '8')
params.depth NOT IN ('6')
params.depth LIKE '1%'
params.nobody = 'x'
tags.team = 'risk'
tags.team ILIKE 'risk'
tags.team != 'risk'
tags.`x.y z` = 'dots'
tags.nobody = 'x'
name = 'a' AND params.depth = '6'
params.depth = '6' AND tags.team = 'risk' AND metrics.auc > 0.5
name = 'a' OR name = 'b'
nobody = 'x'
name = a
name =
name > 'a'
""".strip("\n").split("\n")
for text in FILTERS:
    t(text, find, text)
t("on a dataset", find, "metrics.auc < 0.5", datasets=[{"dataset_name": "test", "dataset_digest": "d9"}])
t("on a dataset by name", find, "metrics.auc < 0.5", datasets=[{"dataset_name": "test"}])
t("on a dataset of nobody", find, "metrics.auc > 0", datasets=[{"dataset_name": "nobody"}])
t("a dataset without a name", find, "metrics.auc > 0", datasets=[{"dataset_digest": "d9"}])
ORDERS = [
    [{"field_name": "name", "ascending": False}],
    [{"field_name": "metrics.auc", "ascending": False}, {"field_name": "name"}],
    [{"field_name": "metrics.auc", "ascending": True}, {"field_name": "name"}],
    [{"field_name": "metrics.auc", "dataset_name": "test", "dataset_digest": "d9"}, {"field_name": "name"}],
    [{"field_name": "metrics.auc", "dataset_name": "nobody"}, {"field_name": "name"}],
    [{"field_name": "creation_timestamp"}],
    [{"field_name": "creation_time", "ascending": False}],
    [{"field_name": "params.depth"}],
    [{"field_name": "tags.team"}],
    [{"field_name": "nobody"}],
    [{"ascending": False}],
]
for order in ORDERS:
    t(f"by {order}", find, order_by=order)


def pages(size, **how):
    """The pages of a search, each as the names on it."""
    found, token = [], None
    while True:
        page = client.search_logged_models([two], max_results=size, page_token=token, **how)
        found.append([model.name for model in page])
        token = page.token
        if not token:
            return found


NAMED = [{"field_name": "name", "ascending": True}]
t("pages of 3", pages, 3, order_by=NAMED)
t("pages of 1 by a metric", pages, 1, order_by=[{"field_name": "metrics.auc", "ascending": False}, *NAMED])
t("pages of what a filter leaves", pages, 1, filter_string="params.depth = '6'", order_by=NAMED)
for size in (0, -1, 50, 1000, 50_000, 50_001):
    t(f"a page of {size}", find, max_results=size)
t("a token of nobody", find, page_token="nobody")
t("as a frame", lambda: mlflow.search_logged_models([two], order_by=NAMED)[["name", "status", "model_type"]])

t("delete", client.delete_logged_model, first)
t("get deleted", client.get_logged_model, first)
t("delete again", client.delete_logged_model, first)
t("tag deleted", client.set_logged_model_tags, first, {"k": "v"})
t("delete what is not there", client.delete_logged_model, NOBODY)
t("found no more", lambda: "first" in find(where=(one,)))

t("a version of a logged model", lambda: client.create_registered_model("net").name)
made = t("made of a model id", client.create_model_version, "net", f"models:/{full}", model_id=full)
t("by models:/ and its id", lambda: mlflow.register_model(f"models:/{full}", "net").version)
t("what the version knows", lambda: [client.get_model_version("net", "1").model_id, client.get_model_version("net", "1").params, client.get_model_version("net", "1").metrics])
t("what the model knows of its versions", lambda: client.get_logged_model(full).tags.get("mlflow.modelVersions"))
t.end()
