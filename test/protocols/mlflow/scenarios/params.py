"""Parameters: written once, any text up to its limit, and what is refused."""

import mlflow
from mlflow.entities import Param
from transcript import Transcript

t = Transcript()
client = mlflow.MlflowClient()
experiment = mlflow.set_experiment("params").experiment_id
t.name("experiment", experiment)
run = client.create_run(experiment).info.run_id
t.name("run", run)

VALUES = {
    "text": "adam",
    "integer": 7,
    "real": 0.1,
    "true": True,
    "none": None,
    "list": [1, "a"],
    "dict": {"b": 1, "a": [2]},
    "empty": "",
    "spaces": "  \t\n ",
    "unicode": "Ünï ¢ode 日本 🚀 e\u0301",
    "control": "a\u0007b",
    "quotes": "'\"`\\",
    "NaN": float("nan"),
    "bytes": b"ab",
    "5000": "p" * 5000,
    "6000": "p" * 6000,
    "6000 astral": "🚀" * 6000,
    "6001": "p" * 6001,
}
for key, value in VALUES.items():
    t(f"log {key}", client.log_param, run, key, value)
t("read", lambda: client.get_run(run).data.params)

t("the same value again", client.log_param, run, "text", "adam")
t("another value", client.log_param, run, "text", "sgd")
t("another value of the same sound", client.log_param, run, "integer", "7.0")
t("empty again", client.log_param, run, "empty", "")
t("empty, then something", client.log_param, run, "empty", "x")
t("None again", client.log_param, run, "none", None)
t("upper case is another key", client.log_param, run, "TEXT", "adam")
t("unchanged", lambda: client.get_run(run).data.params["text"])

KEYS = ("k" * 250, "k" * 251, "", " ", "a,b", "a:b", "a/b", "a.b", "a@b", "ü", "../up", "/a", "a//b", "a/./b", ".", "..", "a/", "\n")
for key in KEYS:
    t(f"the key {key[:20]!r} of {len(key)}", client.log_param, run, key, "v")
t("the key None", client.log_param, run, None, "v")
t("log to what is not there", client.log_param, "0" * 32, "p", "v")

with mlflow.start_run() as active:
    t("fluent", mlflow.log_param, "lr", 0.01)
    t("fluent again", mlflow.log_param, "lr", 0.01)
    t("fluent, changed", mlflow.log_param, "lr", 0.02)
    t("fluent, several", mlflow.log_params, {"a": 1, "b": "two", "c": None})
    t("fluent, 150 at once", lambda: mlflow.log_params({f"p{i}": i for i in range(150)}))
    t("fluent, several, one too long", mlflow.log_params, {"ok": 1, "long": "p" * 6001})
t("what fluent wrote", lambda: client.get_run(active.info.run_id).data.params)

twice = client.create_run(experiment).info.run_id
t.name("run", twice)
t("twice in one batch, equal", client.log_batch, twice, [], [Param("p", "1"), Param("p", "1")], [])
t("twice in one batch, unequal", client.log_batch, twice, [], [Param("q", "1"), Param("q", "2")], [])
t("one of them alone", client.log_param, twice, "p", "1")
t("a batch with what is there", client.log_batch, twice, [], [Param("s", "1"), Param("p", "1")], [])
t("a batch against what is there", client.log_batch, twice, [], [Param("r", "1"), Param("p", "2")], [])
t("what the batches wrote", lambda: client.get_run(twice).data.params)
t.end()
