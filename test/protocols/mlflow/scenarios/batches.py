"""log_batch: its limits, duplicates, what of a refused batch is kept; and logging that is not waited for."""

import mlflow
from mlflow.entities import Metric, Param, RunTag
from transcript import Transcript

t = Transcript()
client = mlflow.MlflowClient()
experiment = mlflow.set_experiment("batches").experiment_id
t.name("experiment", experiment)
AT = 1_700_000_000_000


def new_run():
    run = client.create_run(experiment).info.run_id
    t.name("run", run)
    return run


def read(run):
    """What a run holds, but for the tags that the client sets by itself."""
    data = client.get_run(run).data
    tags = {key: value for key, value in data.tags.items() if not key.startswith("mlflow.")}
    return [data.metrics, data.params, tags]


def counts(run):
    return [len(part) for part in read(run)]


run = new_run()
t("everything at once", client.log_batch, run, [Metric("m", 1.5, AT, 0)], [Param("p", "v")], [RunTag("t", "v")])
t("read everything", read, run)
t("nothing at all", client.log_batch, run)
t("an odd mix", client.log_batch, run, [Metric("m", float("nan"), AT, 1), Metric("inf", float("inf"), AT, 1)], [], [RunTag("t", "v2")])
t("read the odd mix", read, run)

run = new_run()
t("1000 metrics", client.log_batch, run, [Metric(f"m{i}", i, AT, 0) for i in range(1000)])
t("count them", counts, run)
t("100 params", client.log_batch, run, [], [Param(f"p{i}", str(i)) for i in range(100)])
t("100 tags", client.log_batch, run, [], [], [RunTag(f"t{i}", str(i)) for i in range(100)])
t("count all", counts, run)
full = [Metric(f"m{i}", i, AT, 1) for i in range(800)], [Param(f"p{i}", str(i)) for i in range(100)], [RunTag(f"t{i}", "x") for i in range(100)]
t("800 + 100 + 100", client.log_batch, run, *full)
t("801 + 100 + 100", client.log_batch, run, [*full[0], Metric("one more", 1, AT, 0)], *full[1:])
t("one too many metrics", client.log_batch, new_run(), [Metric(f"m{i}", i, AT, 0) for i in range(1001)])
t("one too many params", client.log_batch, new_run(), [], [Param(f"p{i}", "x") for i in range(101)])
t("one too many tags", client.log_batch, new_run(), [], [], [RunTag(f"t{i}", "x") for i in range(101)])
t("above a megabyte", client.log_batch, new_run(), [], [], [RunTag(f"t{i}", "\u65e5" * 5000) for i in range(70)])

# What the client looks at before it sends, a raw request does not.
BATCH = "/api/2.0/mlflow/runs/log-batch"


def raw(label, **body):
    run = new_run()
    t.http(label, "POST", BATCH, json={"run_id": run, **body})
    t(f"{label}: kept", counts, run)


def metric(key="m", value=1.0, timestamp=AT, step=0):
    return {"key": key, "value": value, "timestamp": timestamp, "step": step}


def pair(key, value="v"):
    return {"key": key, "value": value}


raw("raw, 1001 metrics", metrics=[metric(f"m{i}") for i in range(1001)])
raw("raw, 101 params", params=[pair(f"p{i}") for i in range(101)])
raw("raw, 101 tags", tags=[pair(f"t{i}") for i in range(101)])
raw("raw, 901 + 100", metrics=[metric(f"m{i}") for i in range(901)], params=[pair(f"p{i}") for i in range(100)])
raw("raw, a bad metric key after good ones", metrics=[metric("good"), metric("b,ad")], params=[pair("p")], tags=[pair("t")])
raw("raw, a bad param key after good ones", metrics=[metric("good")], params=[pair("p"), pair("b,ad")], tags=[pair("t")])
raw("raw, a bad tag key after good ones", metrics=[metric("good")], params=[pair("p")], tags=[pair("t"), pair("b,ad")])
raw("raw, a long param after good ones", metrics=[metric("good")], params=[pair("p"), pair("long", "v" * 6001)], tags=[pair("t")])
raw("raw, a long tag after good ones", metrics=[metric("good")], params=[pair("p")], tags=[pair("t"), pair("long", "v" * 8001)])
raw("raw, a param twice, unequal, with others", metrics=[metric("good")], params=[pair("p"), pair("p", "w")], tags=[pair("t")])
raw("raw, a value that is no number", metrics=[metric("good"), metric("bad", "x")], params=[pair("p")])
raw("raw, a value that is null", metrics=[metric("good"), metric("bad", None)])
raw("raw, a metric without a value", metrics=[metric("good"), {"key": "bad", "timestamp": AT}])
raw("raw, a metric without a time", metrics=[metric("good"), {"key": "bad", "value": 1.0}])
raw("raw, a metric without a key", metrics=[metric("good"), {"value": 1.0, "timestamp": AT}])
raw("raw, a metric without a step", metrics=[{"key": "m", "value": 1.0, "timestamp": AT}])
raw("raw, a param without a key", params=[pair("p"), {"value": "v"}])
raw("raw, a param without a value", params=[pair("p"), {"key": "q"}])
raw("raw, a tag without a value", tags=[pair("p"), {"key": "q"}])
raw("raw, numbers as text", metrics=[metric("m", "1.5", str(AT), "3")])
raw("raw, NaN and infinities as text", metrics=[metric("a", "NaN"), metric("b", "Infinity"), metric("c", "-Infinity")])
raw("raw, a step above int64", metrics=[metric(step=2**63)])
raw("raw, a step and a half", metrics=[metric(step=1.5)])
raw("raw, no lists", metrics={}, params="x")
raw("raw, a list of no objects", metrics=[1, 2])
raw("raw, a field of nobody", nobody=1)
t.http("raw, no run", "POST", BATCH, json={"metrics": [metric()]})
t.http("raw, a run that is not there", "POST", BATCH, json={"run_id": "0" * 32, "metrics": [metric()]})
t.http("raw, a run by number", "POST", BATCH, json={"run_id": 7, "metrics": [metric()]})

run = new_run()
point = Metric("m", 1.0, AT, 1)
t("the same point three times in a batch", client.log_batch, run, [point, point, point])
t("and once more", client.log_batch, run, [point, Metric("m", 2.0, AT, 1), Metric("m", 0.5, AT - 5, 9)])
t("its history", client.get_metric_history, run, "m")
t("its latest", read, run)
t("a tag twice in a batch", client.log_batch, run, [], [], [RunTag("t", "first"), RunTag("t", "second")])
t("the later one", read, run)

# Logging that is not waited for.
with mlflow.start_run() as active:
    pending = [mlflow.log_metric("loss", 1 / (i + 1), step=i, timestamp=AT + i, synchronous=False) for i in range(50)]
    pending += [mlflow.log_param(f"p{i}", i, synchronous=False) for i in range(20)]
    pending += [mlflow.set_tag(f"t{i}", i, synchronous=False) for i in range(20)]
    pending += [mlflow.log_metrics({"a": 1, "b": 2}, step=1, timestamp=AT, synchronous=False)]
    pending += [mlflow.log_params({"c": 1, "d": 2}, synchronous=False), mlflow.set_tags({"e": 1}, synchronous=False)]
    t("all of them have landed", lambda: [operation.wait() for operation in pending if operation] and len(pending))
    t("a param changed, not waited for", lambda: mlflow.log_param("p0", "other", synchronous=False).wait())
mlflow.flush_async_logging()
t("what they wrote", read, active.info.run_id)
t("their history", client.get_metric_history, active.info.run_id, "loss")
mlflow.config.enable_async_logging(True)
with mlflow.start_run() as active:
    for i in range(2000):
        mlflow.log_metric("fast", i, step=i, timestamp=AT + i)
mlflow.flush_async_logging()
t("2000 in a row", lambda: len(client.get_metric_history(active.info.run_id, "fast")))
t("the last of them", lambda: client.get_run(active.info.run_id).data.metrics)
t.end()
