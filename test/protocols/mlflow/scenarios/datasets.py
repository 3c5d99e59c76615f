"""Datasets of runs: of pandas, NumPy, dictionaries; their contexts and tags; searches by them; and what is refused."""

import json

import mlflow
import numpy
import pandas
from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelInput
from transcript import Transcript

t = Transcript()
client = mlflow.MlflowClient()
experiment = mlflow.set_experiment("datasets").experiment_id
t.name("experiment", experiment)
other = client.create_experiment("other")
t.name("experiment", other)
NAMES = {}


def new_run(name, where=experiment):
    run = client.create_run(where, run_name=name).info.run_id
    t.name("run", run)
    NAMES[run] = name
    return run


def read(run):
    """The inputs of a run, by the names and digests of their datasets."""
    inputs = client.get_run(run).inputs.dataset_inputs
    return sorted(inputs, key=lambda one: (one.dataset.name, one.dataset.digest))


def find(filter_string, experiments=(experiment,)):
    found = client.search_runs(list(experiments), filter_string, order_by=["attributes.start_time ASC"])
    return sorted(NAMES[run.info.run_id] for run in found)


frame = pandas.DataFrame({"visits": [1.0, 2.5, 3.0], "who": ["a", "b", "ü 🚀"], "n": [1, 2, 3], "late": [True, False, True]})
flights = mlflow.data.from_pandas(frame, source="https://example.org/flights.csv", name="flights", targets="late")
numbers = mlflow.data.from_numpy(numpy.arange(12.0).reshape(4, 3), targets=numpy.array([0, 1, 0, 1]), name="numbers")
nameless = mlflow.data.from_pandas(frame[["n"]])

with mlflow.start_run(run_name="fluent") as active:
    NAMES[active.info.run_id] = "fluent"
    t("log an input", mlflow.log_input, flights, context="training")
    t("log it again", mlflow.log_input, flights, context="training")
    t("log it for another use", mlflow.log_input, flights, context="testing")
    t("log one with tags", mlflow.log_input, numbers, context="validation", tags={"fold": "3", "ü": "🚀"})
    t("log one without a context", mlflow.log_input, nameless)
    t("log several", mlflow.log_inputs, [flights, numbers], ["a", "b"], [{"k": "1"}, None])
fluent = active.info.run_id
t("read", read, fluent)
t("the run in full", lambda: len(client.get_run(fluent).inputs.dataset_inputs))


def source_of(run, name):
    """What loads the dataset again, as the client makes it of what it read."""
    [found] = [one.dataset for one in client.get_run(run).inputs.dataset_inputs if one.dataset.name == name]
    return mlflow.data.get_source(found)


t("a source by its dataset", lambda: source_of(fluent, "flights").to_dict())
t("a schema", lambda: json.loads(read(fluent)[0].dataset.schema or "null"))


def given(name="given", digest="d1", source_type="local", source="{}", schema=None, profile=None, context="training", tags=()):
    labels = [InputTag("mlflow.data.context", context)] if context is not None else []
    return DatasetInput(Dataset(name, digest, source_type, source, schema, profile), [*labels, *(InputTag(*tag) for tag in tags)])


first, second, third, elsewhere = new_run("first"), new_run("second"), new_run("third"), new_run("elsewhere", other)
t("by hand", client.log_inputs, first, [given(schema="{}", profile="[1]", tags=[("k", "v")])])
t("read by hand", read, first)
t("the same, told otherwise, of another run", client.log_inputs, second, [given(source="{'x': 1}", source_type="s3", profile="[2]")])
t("what came of it", read, second)
t("the same, told otherwise, of another experiment", client.log_inputs, elsewhere, [given(source="{'y': 1}")])
t("what came of that", read, elsewhere)
t("another digest", client.log_inputs, second, [given(digest="d2", context="testing")])
t("two at once", client.log_inputs, third, [given(digest="d3", context=None), given(name="Given", digest="d1", context="training")])
t("twice at once", client.log_inputs, third, [given(name="twice"), given(name="twice", context="testing")])
t("read those", read, third)
t("nothing", client.log_inputs, third, [])
t("no list", client.log_inputs, third)
t("of a run that is not there", client.log_inputs, "0" * 32, [given()])
deleted = new_run("deleted")
client.delete_run(deleted)
t("of a deleted run", client.log_inputs, deleted, [given()])
LONG = {"name": 500, "digest": 36, "source": 65_535, "source_type": 50, "schema": 1_048_575, "profile": 16_777_215}
for field in ("name", "digest", "source_type", "source"):
    for length in (0, LONG[field], LONG[field] + 1):
        run = new_run(f"{field} of {length}")
        t(f"a {field} of {length}", client.log_inputs, run, [given(**{"name": f"{field} of {length}", field: "x" * length})])
        t(f"kept of a {field} of {length}", lambda: [len(getattr(one.dataset, field)) for one in read(run)])
run = new_run("unicode")
t("unicode", client.log_inputs, run, [given(name="Ünï 日本 🚀", digest="ü", source='{"a": "é"}', tags=[("ü", "🚀\n")])])
t("read unicode", read, run)
run = new_run("tags")
t("a long key", client.log_inputs, run, [given(tags=[("k" * 255, "v")])])
t("too long a key", client.log_inputs, run, [given(digest="d5", tags=[("k" * 256, "v")])])
t("a long value", client.log_inputs, run, [given(digest="d6", tags=[("k", "v" * 500)])])
t("too long a value", client.log_inputs, run, [given(digest="d7", tags=[("k", "v" * 501)])])
t("a key twice", client.log_inputs, run, [given(digest="d8", tags=[("k", "v"), ("k", "w")])])
t("read the tags", lambda: [[one.dataset.digest, sorted([tag.key[:5], len(tag.value)] for tag in one.tags)] for one in read(run)])

FILTERS = """
dataset.name = 'given'
dataset.name = 'Given'
dataset.name != 'given'
dataset.name LIKE 'g%'
dataset.name ILIKE 'g%'
dataset.name IN ('flights', 'twice')
dataset.name NOT IN ('flights')
dataset.name = 'nobody'
dataset.name > 'a'
dataset.name = 7
dataset.digest = 'd1'
dataset.digest IN ('d2', 'd3')
dataset.digest LIKE 'd%'
dataset.context = 'training'
dataset.context = 'testing'
dataset.context != 'training'
dataset.context LIKE 'train%'
dataset.context IN ('a', 'b')
datasets.name = 'given'
dataset.source = 'x'
dataset.k = 'v'
dataset.name = 'given' AND dataset.digest = 'd2'
dataset.digest = 'd1' AND dataset.digest = 'd2'
dataset.name = 'given' AND dataset.context = 'testing'
dataset.name = 'twice' AND dataset.context = 'testing'
dataset.name = 'given' AND attributes.run_name = 'first'
""".strip("\n").split("\n")
KNOWN = {"first", "second", "third", "fluent"}
for text in FILTERS:
    t(text, lambda: [name for name in find(text) if name in KNOWN])
t("in another experiment", find, "dataset.name = 'given'", [other])
t("by a dataset of Ünï", find, "dataset.name = 'Ünï 日本 🚀'")

INPUTS = "/api/2.0/mlflow/runs/log-inputs"
raw, less = new_run("raw"), new_run("less")
plain = {"name": "plain", "digest": "1", "source_type": "local", "source": "{}"}
t.http("raw, whole", "POST", INPUTS, json={"run_id": raw, "datasets": [{"dataset": plain, "tags": [{"key": "mlflow.data.context", "value": "eval"}]}]})
for field in plain:
    part = {key: value for key, value in plain.items() if key != field}
    t.http(f"raw, without a {field}", "POST", INPUTS, json={"run_id": less, "datasets": [{"dataset": part}]})
t.http("raw, without a dataset", "POST", INPUTS, json={"run_id": less, "datasets": [{"tags": []}]})
t.http("raw, a tag without a value", "POST", INPUTS, json={"run_id": raw, "datasets": [{"dataset": plain | {"digest": "t"}, "tags": [{"key": "k"}]}]})
t.http("raw, a list of no objects", "POST", INPUTS, json={"run_id": less, "datasets": [1]})
t.http("raw, no list", "POST", INPUTS, json={"run_id": raw, "datasets": "x"})
t.http("raw, no run", "POST", INPUTS, json={"datasets": [{"dataset": plain}]})
t("read raw", read, raw)
t.http("raw, datasets of an experiment", "POST", "/ajax-api/2.0/mlflow/experiments/search-datasets", json={"experiment_ids": [other]})
t.http("raw, datasets of no experiment", "POST", "/ajax-api/2.0/mlflow/experiments/search-datasets", json={"experiment_ids": []})
t.http("raw, datasets of one that is not there", "POST", "/ajax-api/2.0/mlflow/experiments/search-datasets", json={"experiment_ids": ["987654321"]})

t("a model as an input", client.log_inputs, raw, None, [LoggedModelInput(model_id="m-" + "0" * 32)])
t("the inputs with it", lambda: [one.model_id for one in client.get_run(raw).inputs.model_inputs])
t.end()
