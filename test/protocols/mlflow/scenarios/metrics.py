"""Metrics: every number there is, steps, times, the latest, histories and their pages."""

import mlflow
import requests
from mlflow.entities import Metric
from transcript import SERVER, Transcript

t = Transcript()
client = mlflow.MlflowClient()
experiment = mlflow.set_experiment("metrics").experiment_id
t.name("experiment", experiment)
AT = 1_700_000_000_000


def new_run():
    run = client.create_run(experiment).info.run_id
    t.name("run", run)
    return run


run = new_run()
t("log", client.log_metric, run, "plain", 0.5)
t("log at a time", client.log_metric, run, "plain", 0.25, timestamp=AT, step=3)
t("get", lambda: client.get_run(run).data.metrics)
t("history", client.get_metric_history, run, "plain")
t("history of what is not there", client.get_metric_history, run, "none")
t("history of a run that is not there", client.get_metric_history, "0" * 32, "plain")

NUMBERS = {
    "zero": 0.0,
    "minus zero": -0.0,
    "integer": 7,
    "third": 1 / 3,
    "tenth": 0.1,
    "smallest": 5e-324,
    "small": 2.2250738585072014e-308,
    "largest": 1.7976931348623157e308,
    "minus largest": -1.7976931348623157e308,
    "above 2^53": 9007199254740993,
    "exponent": 1e21,
    "NaN": float("nan"),
    "infinity": float("inf"),
    "minus infinity": float("-inf"),
    "true": True,
}
for name, value in NUMBERS.items():
    t(f"log {name}", client.log_metric, run, name, value, timestamp=AT)
    t(f"read {name}", lambda: client.get_metric_history(run, name))
t("all at once", lambda: client.get_run(run).data.metrics)
for value in ("0.5", "x", None, [], "NaN", "Infinity", "1e400", b"1"):
    t(f"log {value!r}", client.log_metric, run, "no number", value, timestamp=AT)
t("what came of those", client.get_metric_history, run, "no number")

STEPS = [0, 1, -1, 2**31, -(2**31), 2**53 + 1, 2**63 - 1, -(2**63)]
for step in STEPS:
    t(f"step {step}", client.log_metric, run, "steps", 1.0, timestamp=AT, step=step)
t("steps", client.get_metric_history, run, "steps")
t("latest of the steps", lambda: client.get_run(run).data._metric_objs)
t("a step of 2^63", client.log_metric, run, "steps", 1.0, timestamp=AT, step=2**63)
t("a step and a half", client.log_metric, run, "steps", 1.0, timestamp=AT, step=1.5)
t("a step in words", client.log_metric, run, "steps", 1.0, timestamp=AT, step="one")
for time in (0, 1, -1, 2**53 + 1, 2**63 - 1, -(2**63), 2**63, 1.5, "now"):
    t(f"time {time}", client.log_metric, run, "times", 1.0, timestamp=time, step=1)
t("times", client.get_metric_history, run, "times")


def latest(points):
    """The latest value after `points`, as (value, time, step), were logged one by one; and the history."""
    run = new_run()
    for value, time, step in points:
        client.log_metric(run, "m", value, timestamp=time, step=step)
    found = client.get_run(run).data
    return [found.metrics, found._metric_objs, client.get_metric_history(run, "m")]


NAN = float("nan")
t("latest by step", latest, [(1.0, AT, 5), (9.0, AT + 9, 4)])
t("latest by time", latest, [(1.0, AT + 1, 5), (9.0, AT, 5)])
t("latest by value", latest, [(2.0, AT, 5), (1.0, AT, 5), (3.0, AT, 5), (2.5, AT, 5)])
t("latest of NaN, then a number", latest, [(NAN, AT, 5), (1.0, AT, 5)])
t("latest of a number, then NaN", latest, [(1.0, AT, 5), (NAN, AT, 5)])
t("latest of NaN and a later number", latest, [(NAN, AT, 5), (1.0, AT, 6)])
t("latest of zeros of both signs", latest, [(0.0, AT, 5), (-0.0, AT, 5)])
t("latest of infinities", latest, [(float("-inf"), AT, 1), (float("inf"), AT, 1)])
t("the same point twice", latest, [(1.0, AT, 1), (1.0, AT, 1)])
t("the same point with another value", latest, [(1.0, AT, 1), (2.0, AT, 1)])
t("negative steps", latest, [(1.0, AT, -2), (2.0, AT, -1)])
t("NaN twice", latest, [(NAN, AT, 1), (NAN, AT, 1)])
t("infinity twice", latest, [(float("inf"), AT, 1), (float("inf"), AT, 1)])

for key in ("a_b-c.d e/f", "a:b", "k" * 250, "k" * 251, "", " ", "a,b", "ü", "val/loss@5", "../up", "/a", "a//b", "a/./b"):
    t(f"the key {key[:20]!r} of {len(key)}", client.log_metric, run, key, 1.0, timestamp=AT)
t("the key None", client.log_metric, run, None, 1.0)
t("log to what is not there", client.log_metric, "0" * 32, "m", 1.0)
t("keys at last", lambda: sorted(client.get_run(run).data.metrics))

with mlflow.start_run() as active:
    t("fluent", lambda: mlflow.log_metric("loss", 0.5, step=1))
    t("fluent, several", lambda: mlflow.log_metrics({"a": 1, "b": 2.5, "c": -3}, step=2, timestamp=AT))
t("what fluent wrote", client.get_run, active.info.run_id)

long = new_run()
client.log_batch(long, metrics=[Metric("m", i / 8, AT + i, i) for i in range(1000)])
client.log_batch(long, metrics=[Metric("m", i / 8, AT + i, i) for i in range(1000, 2000)])
client.log_batch(long, metrics=[Metric("m", i / 8, AT + i, i) for i in range(2000, 2500)])
history = client.get_metric_history(long, "m")
t.note("a long history", [len(history), history[0], history[-1], sorted(m.step for m in history) == list(range(2500))])


HISTORY = "/api/2.0/mlflow/metrics/get-history"


def pages(size):
    """The lengths of the pages of the long history, and whether every point is on them once."""
    lengths, steps, token = [], [], None
    while token or not lengths:
        query = {"run_id": long, "metric_key": "m", "max_results": size, "page_token": token}
        page = requests.get(SERVER + HISTORY, params=query).json()
        lengths.append(len(page["metrics"]))
        steps += [int(point.get("step", 0)) for point in page["metrics"]]
        token = page.get("next_page_token")
    return [lengths, sorted(steps) == list(range(2500))]


t("by pages of 1000", pages, 1000)
t("by pages of 2500", pages, 2500)
few = new_run()
client.log_batch(few, metrics=[Metric("m", i / 8, AT + i, i) for i in range(3)])
asked = {"run_id": few, "metric_key": "m"}
t.http("raw history", "GET", HISTORY, params=asked)
t.http("raw history by the old name of a run", "GET", HISTORY, params={"run_uuid": few, "metric_key": "m"})
for size in ("0", "-1", "x", "25000", "25001", "1000000000"):
    t.http(f"a page of {size}", "GET", HISTORY, params=asked | {"max_results": size})
t.http("a page token of nobody", "GET", HISTORY, params=asked | {"max_results": 2, "page_token": "bm9ib2R5"})
t.http("no key", "GET", HISTORY, params={"run_id": few})
t.http("no run", "GET", HISTORY, params={"metric_key": "m"})

BULK = "/ajax-api/2.0/mlflow/metrics/get-history-bulk"


def points(path, **query):
    return requests.get(SERVER + path, params={"metric_key": "m", **query}).json()["metrics"]


t.http("bulk", "GET", BULK, params={"run_id": [few, run], "metric_key": "m"})
t("bulk, three points", points, BULK, run_id=long, max_results=3)
t("bulk, three points of two runs", lambda: len(points(BULK, run_id=[few, long], max_results=3)))
t.http("bulk, without a key", "GET", BULK, params={"run_id": few})
t.http("bulk, without a run", "GET", BULK, params={"metric_key": "m"})
t.http("bulk, of a run that is not there", "GET", BULK, params={"run_id": "0" * 32, "metric_key": "m"})
INTERVAL = "/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval"
asked = {"run_ids": [few, long], "metric_key": "m", "start_step": 100, "end_step": 2400, "max_results": 5}


def chart(run):
    """Its ends, and whether it is a thin one: which points between them are kept is the server's choice."""
    found = [point for point in points(INTERVAL, **asked) if point["run_id"] == run]
    return [found[:1], found[-1:], len(found) < 10]


t("interval", chart, long)
t("interval where a run has no points", chart, few)
t.http("interval of a run that is not there", "GET", INTERVAL, params=asked | {"run_ids": "0" * 32})
t.http("interval of all", "GET", INTERVAL, params={"run_ids": few, "metric_key": "m", "max_results": 10})
t.http("interval, half open", "GET", INTERVAL, params={"run_ids": few, "metric_key": "m", "start_step": 1})
t.http("interval, backwards", "GET", INTERVAL, params=asked | {"start_step": 9, "end_step": 2})
t.http("interval, no run", "GET", INTERVAL, params={"metric_key": "m"})
t.end()
