"""Logging that nobody waits for: all at once by the setting, from many threads, through flushes, and into runs that end."""

import threading

import mlflow
from mlflow.entities import Metric, Param, RunTag
from transcript import Transcript

t = Transcript()
client = mlflow.MlflowClient()
experiment = mlflow.set_experiment("later").experiment_id
t.name("experiment", experiment)
AT = 1_700_000_000_000


def own_tags(run):
    return {key: value for key, value in client.get_run(run).data.tags.items() if not key.startswith("mlflow.")}


def steps(run, key):
    return [point.step for point in client.get_metric_history(run, key)]


mlflow.config.enable_async_logging()
with mlflow.start_run(run_name="by the setting") as active:
    run = active.info.run_id
    t.name("run", run)
    t("what a call gives", lambda: type(mlflow.log_metric("m", 1.5, step=0, timestamp=AT)).__name__)
    mlflow.log_metrics({"a": 1, "b": float("nan"), "c": float("inf")}, step=2, timestamp=AT)
    mlflow.log_param("p", "v")
    mlflow.log_params({"q": 1, "r": "Ünï 日本 🚀", "empty": ""})
    mlflow.set_tag("t", "v")
    mlflow.set_tags({"u": 2})
    mlflow.flush_async_logging()
    t("after a flush, before the end", lambda: [client.get_run(run).data.metrics, client.get_run(run).data.params, own_tags(run)])
    mlflow.log_metric("m", 2.5, step=1, timestamp=AT + 1)
mlflow.flush_async_logging()
t("after the end", lambda: [client.get_run(run).data.metrics, client.get_run(run).info.status])
t("its history", client.get_metric_history, run, "m")

# Many threads, one run: every point once, whatever their order.
THREADS, POINTS = 6, 60
with mlflow.start_run(run_name="many threads") as active:
    run = active.info.run_id
    t.name("run", run)

    def log(thread):
        for i in range(POINTS):
            mlflow.log_metric("shared", thread * POINTS + i, step=thread * POINTS + i, timestamp=AT + i, run_id=run)
            mlflow.log_metric(f"own {thread}", i, step=i, timestamp=AT + i, run_id=run)
        client.log_param(run, f"thread {thread}", "x" * thread, synchronous=False)
        client.set_tag(run, f"thread {thread}", thread, synchronous=False)

    threads = [threading.Thread(target=log, args=[thread]) for thread in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    mlflow.flush_async_logging()
t("all points of all threads", lambda: sorted(steps(run, "shared")) == list(range(THREADS * POINTS)))
t("in the order of their time", lambda: [point.timestamp - AT for point in client.get_metric_history(run, "shared")] == sorted(i for i in range(POINTS) for _ in range(THREADS)))
t("each thread's own", lambda: [steps(run, f"own {thread}") == list(range(POINTS)) for thread in range(THREADS)])
t("their newest", lambda: client.get_run(run).data.metrics)
t("their params and tags", lambda: [client.get_run(run).data.params, own_tags(run)])

# Many runs at once.
runs = [client.create_run(experiment, run_name=f"beside {i}").info.run_id for i in range(5)]
for i, run in enumerate(runs):
    t.name("run", run)
pending = [client.log_batch(run, [Metric(f"k{j}", i * j, AT + j, j) for j in range(100)], [Param("i", str(i))], [RunTag("i", str(i))], synchronous=False) for i, run in enumerate(runs)]
t("each of them waited for", lambda: [type(one.wait()).__name__ for one in pending])
t("each run has its own", lambda: [[len(found.data.metrics), found.data.metrics["k99"], found.data.params, found.data.tags["i"]] for found in map(client.get_run, runs)])

# What is refused is told by whoever waits, and by nobody else.
run = runs[0]
client.set_terminated(run)
t("into a run that has ended", lambda: client.log_metric(run, "late", 1.0, timestamp=AT, step=0, synchronous=False).wait())
t("it is there", lambda: client.get_run(run).data.metrics["late"])
t("a param changed", lambda: client.log_param(run, "i", "other", synchronous=False).wait())
t("a key that is none", lambda: client.log_metric(run, "b,ad", 1.0, timestamp=AT, step=0, synchronous=False).wait())
t("a value that is too long", lambda: client.log_param(run, "long", "v" * 6001, synchronous=False).wait())
client.delete_run(runs[1])
t("into a run that is deleted", lambda: client.log_metric(runs[1], "m", 1.0, timestamp=AT, step=0, synchronous=False).wait())
t("into a run that is not there", lambda: client.log_metric("0" * 32, "m", 1.0, timestamp=AT, step=0, synchronous=False).wait())
t("the param is what it was", lambda: client.get_run(run).data.params)
t("a flush after those", mlflow.flush_async_logging)
mlflow.config.enable_async_logging(False)
with mlflow.start_run(run_name="not later") as active:
    t("waited for again", lambda: [mlflow.log_metric("m", 1, step=0, timestamp=AT), client.get_run(active.info.run_id).data.metrics])
t.end()
