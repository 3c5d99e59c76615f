"""System metrics: what the client's own monitor measures and logs beside a run. Of the values only that they are some."""

import time

import mlflow
from transcript import Transcript

t = Transcript()
client = mlflow.MlflowClient()
experiment = mlflow.set_experiment("system").experiment_id
t.name("experiment", experiment)


def measured(run, least=1):
    """The metrics of a run once each has as many points; the monitor writes from a thread of its own."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        keys = sorted(client.get_run(run).data.metrics)
        if keys and all(len(client.get_metric_history(run, key)) >= least for key in keys):
            break
        time.sleep(0.1)
    return keys


def run_for(points, **options):
    with mlflow.start_run(**options) as active:
        t.name("run", active.info.run_id)
        measured(active.info.run_id, points)
    return active.info.run_id


mlflow.set_system_metrics_sampling_interval(0.1)
mlflow.set_system_metrics_samples_before_logging(1)
with mlflow.start_run(run_name="not asked") as outer:
    t.name("run", outer.info.run_id)
    run = run_for(3, run_name="asked", nested=True, log_system_metrics=True)
t("none unless asked", lambda: client.get_run(outer.info.run_id).data.metrics)
# A machine's network, disks and graphics cards have keys of their own; these every machine has.
EVERYWHERE = ("cpu_utilization_percentage", "system_memory_usage_megabytes", "system_memory_usage_percentage", "disk_usage_megabytes", "disk_usage_percentage", "disk_available_megabytes")
t("the keys", measured, run, 3)
t("those of every machine", lambda: [f"system/{key}" in client.get_run(run).data.metrics for key in EVERYWHERE])
t("steps from 0 on, one after the other", lambda: [[point.step for point in client.get_metric_history(run, f"system/{key}")][:3] for key in EVERYWHERE])
t("percentages are", lambda: all(0 <= point.value <= 100 for key in EVERYWHERE if "percentage" in key for point in client.get_metric_history(run, f"system/{key}")))
t("times go up", lambda: all(a.timestamp <= b.timestamp for key in EVERYWHERE for points in [client.get_metric_history(run, f"system/{key}")] for a, b in zip(points, points[1:])))
t("a search by one", lambda: [found.info.run_id for found in client.search_runs([experiment], 'metrics."system/cpu_utilization_percentage" >= 0')])
t("no params, no models", lambda: [client.get_run(run).data.params, client.get_run(run).outputs.model_outputs])
keys = [f"system/{key}" for key in EVERYWHERE]
steps = max(point.step for key in keys for point in client.get_metric_history(run, key))

with mlflow.start_run(run_id=run, log_system_metrics=True):
    measured(run, steps + 3)
t("a run that goes on counts on", lambda: all(len({point.step for point in points}) == len(points) for key in keys for points in [client.get_metric_history(run, key)]))

mlflow.enable_system_metrics_logging()
mlflow.set_system_metrics_node_id("node-7")
run = run_for(2, run_name="all of them")
t("by node", measured, run, 2)
mlflow.disable_system_metrics_logging()
with mlflow.start_run(run_name="off again") as outer:
    t.name("run", outer.info.run_id)
    run_for(2, run_name="asked once more", nested=True, log_system_metrics=True)
t("off again", lambda: client.get_run(outer.info.run_id).data.metrics)
t.end()
