"""Runs: started, named, nested, changed, ended, deleted, restored; their tags; and what is refused."""

import mlflow
from mlflow.entities import RunStatus
from transcript import Transcript

t = Transcript()
client = mlflow.MlflowClient()
experiment = mlflow.set_experiment("runs").experiment_id
t.name("experiment", experiment)

made = t("create", client.create_run, experiment)
run = made.info.run_id
t("get", client.get_run, run)
t("create with all", client.create_run, experiment, start_time=1_700_000_000_123, tags={"a": "1"}, run_name="named")
t("create with a name in the tags", client.create_run, experiment, tags={"mlflow.runName": "by tag"})
t("create with two equal names", client.create_run, experiment, run_name="n", tags={"mlflow.runName": "n"})
t("create with two names", client.create_run, experiment, run_name="one", tags={"mlflow.runName": "other"})
t("create with an empty name", client.create_run, experiment, run_name="")
t("create with a unicode name", client.create_run, experiment, run_name="läuft 日本 🚀")
t("create with a long name", client.create_run, experiment, run_name="r" * 250)
t("create with a name of 251", client.create_run, experiment, run_name="r" * 251)
t("create at time 0", client.create_run, experiment, start_time=0)
t("create at a negative time", client.create_run, experiment, start_time=-5)
t("create in the far future", client.create_run, experiment, start_time=2**62)
t("create where no experiment is", client.create_run, "987654321")
t("create in an experiment that is no number", client.create_run, "abc")
t("an id that is not there", client.get_run, "0" * 32)
t("an id with a slash", client.get_run, "a/b")
t("an empty id", client.get_run, "")

t("rename", client.update_run, run, name="renamed")
t("get renamed", client.get_run, run)
t("rename through the tag", client.set_tag, run, "mlflow.runName", "by tag")
t("get renamed through the tag", client.get_run, run)
t("rename to nothing", client.update_run, run, name="")
t("get renamed to nothing", lambda: client.get_run(run).info.run_name)
t("change nothing", client.update_run, run)
for status in ("SCHEDULED", "RUNNING", "FAILED", "KILLED", "FINISHED"):
    t(f"status {status}", client.update_run, run, status=status)
    t(f"get {status}", lambda: [client.get_run(run).info.status, client.get_run(run).info.end_time])
t("a status that is none", client.update_run, run, status="BUSY")
t("change what is not there", client.update_run, "0" * 32, status="FAILED")

other = client.create_run(experiment).info.run_id
t.name("run", other)
t("terminate", client.set_terminated, other)
t("get terminated", client.get_run, other)
t("terminate with a status and a time", client.set_terminated, other, "KILLED", 1_700_000_000_456)
t("get terminated with a time", client.get_run, other)
t("terminate before its start", client.set_terminated, other, "FAILED", 1)
t("get terminated before its start", client.get_run, other)
t("run again", client.update_run, other, status="RUNNING")
t("get running again", client.get_run, other)

t("tag", client.set_tag, run, "k", "v")
t("tag again", client.set_tag, run, "k", "v2")
t("tag with a number", client.set_tag, run, "number", 0.1)
t("tag with nothing", client.set_tag, run, "empty", "")
t("tag with None", client.set_tag, run, "none", None)
t("tag with unicode", client.set_tag, run, "mlflow.note.content", "# Ünï\n日本 🚀 \u0007")
t("tag with 8000 characters", client.set_tag, run, "long", "v" * 8000)
t("tag with 8001 characters", client.set_tag, run, "too long", "v" * 8001)
t("a key of 250", client.set_tag, run, "k" * 250, "v")
t("a key of 251", client.set_tag, run, "k" * 251, "v")
t("a key of all that is allowed", client.set_tag, run, "a_b-c.d e/f:1", "v")
for key in ("", " ", "a,b", "a@b", "ü", "../up", "/root", "a//b", "a/../b", ".", "a/"):
    t(f"the key {key!r}", client.set_tag, run, key, "v")
t("tag what is not there", client.set_tag, "0" * 32, "k", "v")
t("delete a tag", client.delete_tag, run, "k")
t("delete a tag that is not there", client.delete_tag, run, "k")
t("delete a tag of what is not there", client.delete_tag, "0" * 32, "k")
t("delete the name's tag", client.delete_tag, run, "mlflow.runName")
t("tags at last", lambda: client.get_run(run).data.tags)
t("name at last", lambda: client.get_run(run).info.run_name)

t("delete", client.delete_run, run)
t("get deleted", client.get_run, run)
t("delete again", client.delete_run, run)
t("tag deleted", client.set_tag, run, "k", "v")
t("delete a tag of deleted", client.delete_tag, run, "number")
t("log a metric to deleted", client.log_metric, run, "m", 1)
t("log a param to deleted", client.log_param, run, "p", 1)
t("log a batch to deleted", client.log_batch, run, [], [], [])
t("change deleted", client.update_run, run, status="FAILED")
t("rename deleted", client.update_run, run, name="x")
t("restore", client.restore_run, run)
t("restore again", client.restore_run, run)
t("get restored", lambda: client.get_run(run).info)
t("delete what is not there", client.delete_run, "0" * 32)
t("restore what is not there", client.restore_run, "0" * 32)

with mlflow.start_run(run_name="parent", tags={"level": "0"}, description="the outer") as parent:
    with mlflow.start_run(run_name="child", nested=True) as child:
        mlflow.log_metric("m", 1)
        with mlflow.start_run(nested=True) as grandchild:
            pass
t("parent", client.get_run, parent.info.run_id)
t("child", client.get_run, child.info.run_id)
t("grandchild", client.get_run, grandchild.info.run_id)
t("parent of the child", lambda: client.get_parent_run(child.info.run_id).info.run_id)
t("parent of the parent", client.get_parent_run, parent.info.run_id)
t("delete the parent", client.delete_run, parent.info.run_id)
t("the child of a deleted parent", lambda: client.get_run(child.info.run_id).info.lifecycle_stage)


def failing():
    with mlflow.start_run(run_name="failing"):
        raise RuntimeError("boom")


t("a run that raises", failing)
t("is a failed one", lambda: mlflow.search_runs(filter_string="attributes.run_name = 'failing'").status.tolist())
with mlflow.start_run(run_name="goes on") as first:
    pass
with mlflow.start_run(run_id=first.info.run_id) as again:
    t("a run taken up again", lambda: client.get_run(again.info.run_id).info)
t("and ended again", lambda: client.get_run(again.info.run_id).info)
t("statuses", lambda: [RunStatus.to_string(status) for status in RunStatus.all_status()])
t("last active run", lambda: mlflow.last_active_run().info.run_name)
t.end()
