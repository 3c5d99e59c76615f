"""Issues: told, changed, searched; and the traces that show them."""

import re

import mlflow
import requests
from mlflow.entities import AssessmentSource
from mlflow.entities.issue import IssueSeverity, IssueStatus
from mlflow.tracing.client import TracingClient
from transcript import SERVER, Transcript

t = Transcript()
tracing = TracingClient()
store = tracing.store
client = mlflow.MlflowClient()
experiment = mlflow.set_experiment("issues").experiment_id
t.name("experiment", experiment)
elsewhere = client.create_experiment("issues elsewhere")
t.name("experiment", elsewhere)
run = client.create_run(experiment).info.run_id
t.name("run", run)


def told(issue):
    """All of an issue, but for its times, which are the server's."""
    shape = bool(re.fullmatch(r"iss-[0-9a-f]{32}", issue.issue_id))
    t.name("issue", issue.issue_id)
    known = {key: value for key, value in issue.to_dictionary().items() if not key.endswith("_timestamp")}
    return {**known, "id of the usual shape": shape, "created by then": issue.created_timestamp <= issue.last_updated_timestamp}


def create(name, **options):
    return tracing._create_issue(options.pop("experiment_id", experiment), name, options.pop("description", "d"), **options)


slow = create("slow")
t("create", told, slow)
full = create("wrong Ünï 日本", description="says\nanother thing 🚀", status=IssueStatus.RESOLVED, severity=IssueSeverity.HIGH, root_causes=["a", "b, c", ""], source_run_id=run, categories=["x"], created_by="ann")
t("create with all", told, full)
t("read it", lambda: told(tracing._get_issue(full.issue_id)))
low = create("low", severity=IssueSeverity.LOW, experiment_id=elsewhere)
t("elsewhere", told, low)
t("none at all", told, create("none", severity=IssueSeverity.NOT_AN_ISSUE))
for label, options in {"nothing": {"name": ""}, "no description": {"description": ""}, "an experiment that is not there": {"experiment_id": "999"}, "an experiment that is none": {"experiment_id": "x"}}.items():
    t(f"create with {label}", lambda: told(create(options.pop("name", "n"), **options)))
t("read what is not there", tracing._get_issue, "iss-nobody")

t("change", lambda: told(store.update_issue(slow.issue_id, status=IssueStatus.REJECTED, severity=IssueSeverity.MEDIUM)))
t("change what it says", lambda: told(store.update_issue(slow.issue_id, name="slower", description="much")))
t("change nothing", lambda: told(store.update_issue(slow.issue_id)))
t("change to nothing", lambda: told(store.update_issue(slow.issue_id, name="", description="")))
t("change what is not there", lambda: store.update_issue("iss-nobody", name="x"))

# Traces that show them.
shown = []
for i in range(3):
    with mlflow.start_span(f"trace {i}") as span:
        pass
    shown.append(span.trace_id)
    t.name("trace", span.trace_id)
mlflow.flush_trace_async_logging()


def logged(**options):
    one = mlflow.log_issue(**options)
    return {key: value for key, value in one.to_dictionary().items() if key not in ("create_time", "last_update_time")}


t("a trace shows it", lambda: logged(trace_id=shown[0], issue_id=slow.issue_id, rationale="9 s", run_id=run))
t("a trace shows it, by name", lambda: logged(trace_id=shown[1], issue_id=slow.issue_id, issue_name="slower", source=AssessmentSource("HUMAN", "ann"), metadata={"k": "v"}))
t("a trace shows it twice", lambda: logged(trace_id=shown[1], issue_id=slow.issue_id))
t("a trace shows another", lambda: logged(trace_id=shown[2], issue_id=full.issue_id))
t("by another name", lambda: logged(trace_id=shown[0], issue_id=slow.issue_id, issue_name="fast"))
t("an issue that is not there", lambda: logged(trace_id=shown[0], issue_id="iss-nobody"))
t("a trace that is not there", lambda: logged(trace_id="tr-" + "0" * 32, issue_id=slow.issue_id))
t("traces that show it", lambda: sorted(shown.index(trace.info.trace_id) for trace in client.search_traces([experiment], filter_string=f"issue.id = '{slow.issue_id}'")))

# Searches: the severest first, then the newest.
def names(**options):
    return [[issue.name, issue.trace_count] for issue in store.search_issues(**options)]


t("all", names)
t("of an experiment", names, experiment_id=experiment)
t("of an experiment that is not there", names, experiment_id="999")
t("counted", names, include_trace_count=True)
for text in ("status = 'resolved'", "status != 'pending'", "status = 'nobody'", f"source_run_id = '{run}'", f"source_run_id != '{run}'", f"status = 'resolved' AND source_run_id = '{run}'", "", "severity = 'high'", "name = 'slower'", "status LIKE 'r%'", "status > 'a'", "status =", "status = 'a' OR status = 'b'", "nobody"):
    t(t.text(f"search {text}"), names, filter_string=text)


def pages(size, **options):
    found, token = [], None
    while len(found) < 9:
        page = store.search_issues(max_results=size, page_token=token, **options)
        found += [issue.name for issue in page]
        token = page.token
        if not token:
            return found


for size in (1, 2, 3, 4, 100):
    t(f"pages of {size}", pages, size)
t("pages, counted", pages, 1, include_trace_count=True)
for size in (-1, 50_001):
    t(f"pages of {size}", pages, size)
t("a token of nobody", lambda: names(page_token="nobody"))

PATH = "/api/3.0/mlflow/issues"
t.http("raw", "GET", f"{PATH}/iss-nobody")
t.http("raw without a name", "POST", PATH, json={"experiment_id": experiment, "description": "d"})
t.http("raw without an experiment", "POST", PATH, json={"name": "n", "description": "d"})
t.http("raw with a status that is none", "POST", PATH, json={"experiment_id": experiment, "name": "n", "description": "d", "status": "done"})
t.http("raw with a severity that is none", "POST", PATH, json={"experiment_id": experiment, "name": "n", "description": "d", "severity": "huge"})
t.http("raw with causes that are none", "POST", PATH, json={"experiment_id": experiment, "name": "n", "description": "d", "root_causes": "x"})
t.http("raw change to a status that is none", "PATCH", f"{PATH}/{slow.issue_id}", json={"issue_id": slow.issue_id, "status": "done"})
body = requests.get(f"{SERVER}{PATH}/{low.issue_id}").json()
t.note("raw, its members", sorted(body["issue"]))
body = requests.post(f"{SERVER}{PATH}/search", json={"experiment_id": elsewhere}).json()
t.note("raw search, its members", [sorted(body), [sorted(issue) for issue in body["issues"]]])
t.end()
