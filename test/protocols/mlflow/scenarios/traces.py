"""Traces: spans of every kind, told whole and in pieces; tags, assessments, links, searches, deletions; OTLP by hand."""

import os

os.environ["MLFLOW_ENABLE_ASYNC_TRACE_LOGGING"] = "false"  # what was told is there once a span has ended

import gzip
import json
import time

import mlflow
import requests
from mlflow.entities import AssessmentError, AssessmentSource, Expectation, Feedback, Link, SpanEvent
from mlflow.entities.assessment import IssueReference
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse
from transcript import SERVER, Transcript

t = Transcript()
client = mlflow.MlflowClient()
experiment = mlflow.set_experiment("traces").experiment_id
t.name("experiment", experiment)
elsewhere = client.create_experiment("traces elsewhere")
t.name("experiment", elsewhere)

START = 1_764_000_000_123_456_789  # nanoseconds, and no double
VOLATILE = ("mlflow.trace.size", "mlflow.source", "mlflow.user")


def told(info):
    """What a server keeps of a trace, but for what differs with the machine."""
    return {
        "trace_id": info.trace_id,
        "experiment_id": info.experiment_id,
        "state": str(info.state),
        "request": info.request_preview,
        "response": info.response_preview,
        "client_request_id": info.client_request_id,
        "metadata": {key: value for key, value in info.trace_metadata.items() if not key.startswith(VOLATILE)},
        "tags": info.tags,
        "assessments": [assessed(one) for one in sorted(info.assessments, key=lambda one: (one.create_time_ms, one.name, str(getattr(one, "value", ""))))],
    }


def timed(info):
    return {**told(info), "at": str(info.request_time), "for": info.execution_duration}


def assessed(one):
    """All of an assessment; its times are the client's."""
    return {key: value for key, value in one.to_dictionary().items() if key not in ("create_time", "last_update_time")}


def spans(trace):
    """All of the spans, by name; their ids as they hang together."""
    names = {span.span_id: span.name for span in trace.data.spans}
    return [
        {
            "name": span.name,
            "below": names.get(span.parent_id, span.parent_id),
            "type": span.span_type,
            "status": [str(span.status.status_code), span.status.description],
            "attributes": {key: value for key, value in span.attributes.items() if key != "mlflow.traceRequestId"},
            "events": [[event.name, event.attributes if event.name != "exception" else sorted(event.attributes)] for event in span.events],
            "links": [[link.attributes, link.trace_id == trace.info.trace_id] for link in span.links],
        }
        for span in sorted(trace.data.spans, key=lambda span: (span.start_time_ns, span.name))
    ]


def parts(found):
    """What spans are made of, nanoseconds and ids too."""
    return {span.span_id: {key: json.dumps(value, sort_keys=True, default=str) for key, value in flat(span.to_dict())} for span in found}


def flat(span):
    for key, value in span.items():
        if key == "attributes":
            yield from ((f"attribute {name}", inner) for name, inner in value.items())
        else:
            yield key, value


def lost(live, found):
    """What of the spans in hand does not read back as it was; the client itself changes some of it on the way."""
    sent, got = parts(live), parts(found)
    return sorted({"a span" for span in sent if span not in got} | {key for span in got for key in sent[span] | got[span] if sent[span].get(key) != got[span].get(key)})


def same(trace_id, live):
    """What is lost by each way there is to read spans."""
    found = client.search_traces([experiment], filter_string=f"request_id = '{trace_id}'")
    return {"spans": len(live), "by get_trace": lost(live, client.get_trace(trace_id).data.spans), "by search_traces": [lost(live, trace.data.spans) for trace in found]}


def made(name, *, at=START, ns=2_000_001, inputs=None, outputs=None, status="OK", **options):
    """A trace of one span at a set time."""
    root = mlflow.start_span_no_context(name, start_time_ns=at, inputs=inputs, **options)
    root.end(outputs=outputs, status=status, end_time_ns=at + ns)
    return root


# As scripts do it: decorated functions, nested spans, an exception.
@mlflow.trace(span_type="TOOL", attributes={"kind": "adder"})
def add(x, y=1):
    return x + y


@mlflow.trace
def fails(text):
    raise ValueError(f"no {text} 日本")


with mlflow.start_span("outer", span_type="CHAIN") as outer:
    outer.set_inputs({"question": "Ünï 日本 🚀", "n": 1})
    add(1, y=2)
    with mlflow.start_span("inner") as inner:
        inner.set_attributes({"a": 1, "b": [1, "zwei", None], "c": {"deep": {"er": True}}})
        inner.add_event(SpanEvent("said", attributes={"text": "hi", "n": 3, "x": 1.5, "many": ["a", "b"]}))
        try:
            fails("luck")
        except ValueError:
            pass
    mlflow.update_current_trace(tags={"user": "ann", "ünï": "日本"}, metadata={"told": "once"}, client_request_id="req-1", request_preview="asked", response_preview="said")
    outer.set_outputs([1, 2, {"three": None}])
nested = mlflow.get_trace(outer.trace_id)
t("nested spans: the trace", told, nested.info)
t("nested spans: the spans", spans, nested)
t("nested spans: is it where spans are kept", lambda: nested.info.tags["mlflow.trace.spansLocation"])
try:
    fails("luck")
except ValueError:
    pass
failed = mlflow.get_last_active_trace_id()
t("a failure: the trace", lambda: told(client.get_trace(failed).info))
t("a failure: the spans", lambda: spans(client.get_trace(failed)))

# Attributes of every type and every size.
VALUES = {
    "none": None, "true": True, "false": False, "zero": 0, "minus": -1, "int64": 2**63 - 1, "least": -(2**63), "unsafe": 2**53 + 1,
    "float": 0.1, "whole float": 2.0, "minus zero": -0.0, "huge": 1.7976931348623157e308, "tiny": 5e-324,
    "text": "text", "empty": "", "number as text": "1", "true as text": "true", "quote": "\"'`\\", "lines": "a\nb\r\tc",
    "nul": "a\0b", "unicode": "Ünï ¢ode 日本 🚀 e\u0301", "separator": "\u2028", "long": "x" * 20_000, "empty list": [], "list": [1, 2.5, "a", None, True],
    "lists": [[1], [[2]]], "empty dict": {}, "dict": {"z": 1, "a": {"b": [{"c": None}]}}, "kéy.with-all/of:it 日": 1,
}
typed = mlflow.start_span_no_context("typed", start_time_ns=START, inputs={"values": 1}, experiment_id=experiment)
for key, value in VALUES.items():
    typed.set_attribute(key, value)
for number in (float("nan"), float("inf"), float("-inf")):
    typed.set_attribute(f"{number}", number)
typed.add_event(SpanEvent("at a set time", timestamp=START + 7, attributes={"bools": [True, False], "big": 2**62}))
child = mlflow.start_span_no_context("child", parent_span=typed, start_time_ns=START + 1, links=[Link(trace_id=outer.trace_id, span_id=outer.span_id, attributes={"why": "because"})])
child.end(outputs="x" * 100_000, status="ERROR", end_time_ns=START + 2)
typed.end(outputs={"ok": True}, end_time_ns=START + 1_500_000_000)
t("typed: the trace", lambda: timed(client.get_trace(typed.trace_id).info))
t("typed: the spans", lambda: spans(client.get_trace(typed.trace_id)))
t("typed: its times", lambda: [[str(span.start_time_ns), str(span.end_time_ns)] for span in client.get_trace(typed.trace_id).data.spans])
t("typed: what is lost", same, typed.trace_id, [typed, child])
t("typed: by its run", lambda: mlflow.search_traces(locations=[experiment], return_type="list", filter_string="name = 'typed'")[0].data.spans[0].get_attribute("int64"))

kept = mlflow.start_span_no_context("kept", start_time_ns=START)
kept.set_attribute("json as text", '{"a": 1}')
kept.add_event(SpanEvent("bytes", timestamp=START + 7, attributes={"bytes": b"\x00\xff"}))
kept.end(end_time_ns=START + 1)
t("JSON as text", lambda: client.get_trace(kept.trace_id).data.spans[0].get_attribute("json as text"))
t("bytes of an event", lambda: client.get_trace(kept.trace_id).data.spans[0].events[0].attributes)
t("kept: what is lost", same, kept.trace_id, [kept])

root = mlflow.start_span_no_context("big", start_time_ns=START)
live = [root]
for i in range(1, 5_000):
    span = mlflow.start_span_no_context(f"step {i}", parent_span=live[i // 2 if i % 3 else 0], start_time_ns=START + i, inputs={"i": i}, attributes={"text": "日" * (i % 50)})
    live.append(span)


for span in live:
    span._span._end_time = START + 10_000
store = mlflow.tracking._tracking_service.utils._get_store()
t("5,000 spans in one request", lambda: len(store.log_spans(experiment, list(reversed(live)))))
t("5,000 spans: what is lost", lambda: lost(live, store.get_trace(root.trace_id).data.spans))
t("5,000 spans: which comes first", lambda: store.get_trace(root.trace_id).data.spans[0].name)
t("5,000 spans: the trace", lambda: timed(store.get_trace_info(root.trace_id)))

with mlflow.start_span("counted") as counted:
    with mlflow.start_span("model", span_type="LLM") as asked:
        asked.set_attribute("mlflow.chat.tokenUsage", {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7})
    with mlflow.start_span("model again", span_type="LLM") as asked:
        asked.set_attribute("mlflow.chat.tokenUsage", {"input_tokens": 10, "output_tokens": 20, "total_tokens": 30})
t("tokens", lambda: client.get_trace(counted.trace_id).info.token_usage)
t("tokens of each span", lambda: [span.get_attribute("mlflow.chat.tokenUsage") for span in client.get_trace(counted.trace_id).data.spans])
t("with bytes, sets and objects", lambda: spans(client.get_trace(made("odd", inputs={"bytes": b"\x00\xff", "nan": float("nan"), "path": os.path, "tuple": (1, 2)}).trace_id))[0]["attributes"]["mlflow.spanInputs"]["bytes"])

# Told in one piece.
logged = mlflow.log_trace("logged", request="q", response={"a": 1}, intermediate_outputs={"docs": ["d1"]}, tags={"from": "log_trace"}, start_time_ms=1_764_000_000_000, execution_time_ms=1_234)
t.name("trace", logged)
t("log_trace: the trace", lambda: timed(client.get_trace(logged).info))
t("log_trace: the spans", lambda: spans(client.get_trace(logged)))
t("intermediate outputs", lambda: client.get_trace(logged).data.intermediate_outputs)

# Tags.
one = made("tagged", tags={"kept": "1"}).trace_id
t.name("trace", one)
TAGS = {"plain": "v", "empty": "", "日本": "ünï 🚀", "a.b/c-d e_f:g": "odd", "mlflow.traceName": "renamed", "long": "x" * 5_000}
for key, value in TAGS.items():
    t(f"tag {key}", client.set_trace_tag, one, key, value)
t("tag again", client.set_trace_tag, one, "plain", "other")
t("tag a number", client.set_trace_tag, one, "number", 7)
for key in ("", "a" * 250, "a" * 251, "a,b", "../x", "/x", "mlflow.trace.spansLocation", "mlflow.artifactLocation"):
    t(f"tag {key[:30]!r} of {len(key)}", client.set_trace_tag, one, key, "x")
t("untag", client.delete_trace_tag, one, "kept")
for key in ("kept", "mlflow.trace.spansLocation", ""):
    t(f"untag {key!r}", client.delete_trace_tag, one, key)
t("tag a trace that is not there", client.set_trace_tag, "tr-" + "0" * 32, "a", "b")
t("untag a trace that is not there", client.delete_trace_tag, "tr-" + "0" * 32, "a")
t("tags", lambda: {key: value if len(value) < 4_000 else len(value) for key, value in client.get_trace(one).info.tags.items()})

# Assessments.
human = AssessmentSource(source_type="HUMAN", source_id="bob@example.com")
held = made("assessed").trace_id
t.name("trace", held)
FEEDBACK = [True, False, 0, 1, -2.5, 1e300, 2**60, "", "good", "日本", ["a", "b"], [], {"x": 1, "y": {"z": "w"}}, {}, None]
for value in FEEDBACK:
    t(f"feedback {value!r}", lambda: assessed(mlflow.log_feedback(trace_id=held, name="quality", value=value, source=human)))
EXPECTED = [2**60, True, 0, 2.5, "text", ["a", "b"], [], [1, 2], {"a": {"b": [None, 1]}}, {}]
for value in EXPECTED:
    t(f"expectation {value!r}", lambda: assessed(mlflow.log_expectation(trace_id=held, name="answer", value=value, source=human)))
full = mlflow.log_feedback(trace_id=held, name="full", value=0.5, source=AssessmentSource("LLM_JUDGE", "judge-1"), rationale="because 日本", metadata={"k": "v", "mlflow.assessment.sourceRunId": "a" * 32, "n": 1}, span_id="0123456789abcdef")
t("all of a feedback", assessed, full)
t("read it", lambda: assessed(mlflow.get_assessment(held, full.assessment_id)))
t("its run", lambda: mlflow.get_assessment(held, full.assessment_id).run_id)
t("a feedback that failed", lambda: assessed(mlflow.log_feedback(trace_id=held, name="failed", error=AssessmentError("TIMEOUT", "too slow", "at line 1"))))
t("a feedback that failed by an exception", lambda: mlflow.log_feedback(trace_id=held, name="raised", error=ValueError("no")).error.error_message)
t("an issue", lambda: assessed(mlflow.log_assessment(held, IssueReference("iss-1", "too long", rationale="r", run_id="b" * 32))))
judged = mlflow.log_feedback(trace_id=held, name="judged", value="bad", source=AssessmentSource("LLM_JUDGE", "j"), rationale="first")
t.name("assessment", judged.assessment_id)
t("override it", lambda: assessed(mlflow.override_feedback(trace_id=held, assessment_id=judged.assessment_id, value="good", rationale="second", source=human)))
t("the overridden", lambda: assessed(mlflow.get_assessment(held, judged.assessment_id)))
newer = [one for one in client.get_trace(held).info.assessments if one.overrides][0]
t("delete the newer", mlflow.delete_assessment, held, newer.assessment_id)
t("the overridden is valid again", lambda: mlflow.get_assessment(held, judged.assessment_id).valid)
t("override what is not there", lambda: mlflow.log_assessment(held, Feedback(name="x", value=1, overrides="a-nobody")))
t("update a value", lambda: assessed(mlflow.update_assessment(held, full.assessment_id, Feedback(name="full", value=0.75))))
t("update all", lambda: assessed(mlflow.update_assessment(held, full.assessment_id, Feedback(name="renamed", value={"a": 1}, rationale="new", metadata={"k": "w", "more": "m"}))))
t("update to an error", lambda: assessed(mlflow.update_assessment(held, full.assessment_id, Feedback(name="renamed", error=AssessmentError("E", "m")))))
t("update a feedback to an expectation", lambda: mlflow.update_assessment(held, full.assessment_id, Expectation(name="full", value=1)))
t("update what is not there", lambda: mlflow.update_assessment(held, "a-nobody", Feedback(name="x", value=1)))
t("read what is not there", mlflow.get_assessment, held, "a-nobody")
t("delete what is not there", mlflow.delete_assessment, held, "a-nobody")
t("assess a trace that is not there", lambda: mlflow.log_feedback(trace_id="tr-" + "0" * 32, name="x", value=1))
t("read of a trace that is not there", mlflow.get_assessment, "tr-" + "0" * 32, full.assessment_id)
t("all of them", lambda: [one for one in told(client.get_trace(held).info)["assessments"] if one["assessment_name"] != "raised"])
with mlflow.start_span("assessed while it runs") as early:
    mlflow.log_feedback(trace_id=early.trace_id, name="early", value="yes")
    mlflow.log_expectation(trace_id=early.trace_id, name="hoped", value={"a": 1})
t("assessed while it runs", lambda: told(client.get_trace(early.trace_id).info))

# Runs, models and prompts.
with mlflow.start_run(run_name="traced") as run:
    t.name("run", run.info.run_id)
    within = made("within a run").trace_id
t.name("trace", within)
t("the run of a trace", lambda: client.get_trace(within).info.trace_metadata["mlflow.sourceRun"])
t("link traces to a run", client.link_traces_to_run, [one, held], run.info.run_id)
t("link them again", client.link_traces_to_run, [one], run.info.run_id)
t("link 101", client.link_traces_to_run, [one] * 101, run.info.run_id)
t("link none", client.link_traces_to_run, [], run.info.run_id)
t("link a trace that is not there", client.link_traces_to_run, ["tr-" + "0" * 32], run.info.run_id)
t("traces of the run", lambda: sorted(trace.info.tags["mlflow.traceName"] for trace in mlflow.search_traces(locations=[experiment], run_id=run.info.run_id, return_type="list")))
app = mlflow.create_external_model(name="app")
t.name("model", app.model_id)
mlflow.set_active_model(model_id=app.model_id)
with mlflow.start_span("of a model") as of_model:
    pass
mlflow.clear_active_model()
t.name("trace", of_model.trace_id)
t("the model of a trace", lambda: client.get_trace(of_model.trace_id).info.trace_metadata["mlflow.modelId"])
t("traces of the model", lambda: [trace.info.trace_id for trace in mlflow.search_traces(locations=[experiment], model_id=app.model_id, return_type="list")])
mlflow.genai.register_prompt("greet", "Hello {{name}}")
prompt = mlflow.genai.load_prompt("prompts:/greet/1")
t("link a prompt", client.link_prompt_versions_to_trace, [prompt], one)
t("link it again", client.link_prompt_versions_to_trace, [prompt], one)
t("link a prompt to what is not there", client.link_prompt_versions_to_trace, [prompt], "tr-" + "0" * 32)
t("traces of the prompt", lambda: [trace.info.trace_id for trace in client.search_traces([experiment], filter_string="prompt = 'greet/1'")])

# Searches, in an experiment of their own.
wanted = mlflow.set_experiment("traces searched").experiment_id
t.name("experiment", wanted)
LETTERS = {}
for letter, options in {
    "A": {"at": START, "ns": 5_000_000, "tags": {"t": "x", "only": "A"}, "metadata": {"m": "1"}, "inputs": "alpha"},
    "B": {"at": START + 1_000_000_000, "ns": 1_000_000, "tags": {"t": "y"}, "metadata": {"m": "2"}, "status": "ERROR", "inputs": "beta 100%"},
    "C": {"at": START + 2_000_000_000, "ns": 9_000_000, "tags": {"t": "X"}, "metadata": {"mlflow.trace.session": "s1"}, "attributes": {"model": "gpt", "n": 5, "日": "本"}, "span_type": "LLM"},
    "D": {"at": START + 2_001_000_000, "ns": 9_000_000, "tags": {"t": ""}, "inputs": {"text": "日本"}},
    "E": {"at": START + 500_000_000, "ns": 0, "metadata": {"m": "10", "mlflow.trace.session": "s1", "mlflow.trace.user": "u1"}},
}.items():
    span = made(f"trace {letter}", **options)
    LETTERS[span.trace_id] = letter
    t.name("trace", span.trace_id)
ids = {letter: trace_id for trace_id, letter in LETTERS.items()}
WHEN = {"create_time_ms": 1_764_000_005_000, "last_update_time_ms": 1_764_000_005_000}
for letter, score in {"A": 1, "B": 0.5, "C": 0}.items():
    mlflow.log_assessment(ids[letter], Feedback("score", score, **WHEN))
mlflow.log_assessment(ids["A"], Feedback("verdict", "yes", **WHEN))
mlflow.log_assessment(ids["B"], Feedback("verdict", True, **WHEN))
mlflow.log_assessment(ids["D"], Feedback("odd name", "no", **WHEN))
mlflow.log_assessment(ids["C"], Expectation("answer", "42", **WHEN))
mlflow.log_assessment(ids["D"], IssueReference("iss-7", "slow", **WHEN))
mlflow.log_assessment(ids["E"], Feedback("polite", "yes", metadata={"mlflow.trace.session": "s1"}, **WHEN))
mlflow.log_assessment(ids["E"], Feedback("alone", "yes", **WHEN))


def letters(filter_string=None, **options):
    found = client.search_traces([wanted], filter_string=filter_string, include_spans=False, **options)
    return "".join(LETTERS[trace.info.trace_id] for trace in found)


FILTERS = [
    None, "", "status = 'OK'", "status = 'ERROR'", "status != 'OK'", "status = 'ok'", "state = 'OK'", "trace.status = 'OK'", "attributes.status = 'OK'", "status IN ('OK', 'ERROR')",
    "timestamp > 1764000000500", "timestamp_ms >= 1764000001123", "timestamp < 1764000001123", "timestamp = 1764000000123", "timestamp != 1764000000123", "trace.timestamp_ms > 1764000000500",
    "execution_time > 4", "execution_time_ms = 9", "execution_time < 1", "end_time > 1764000002000", "end_time_ms <= 1764000001124",
    "name = 'trace A'", "name != 'trace A'", "name LIKE 'trace%'", "name LIKE 'TRACE%'", "name ILIKE 'TRACE%'", "trace.name = 'trace A'", "tags.`mlflow.traceName` = 'trace B'",
    "tags.t = 'x'", "tag.t = 'x'", "tags.t != 'x'", "tags.t LIKE 'x'", "tags.t ILIKE 'x'", "tags.t = ''", "tags.t IS NULL", "tags.t IS NOT NULL", "tags.nobody = 'x'", "tags.nobody != 'x'", "tags.only = 'A' AND tags.t = 'x'", "tags.only = 'A' AND tags.t = 'y'",
    "metadata.m = '1'", "request_metadata.m = '1'", "metadata.m != '1'", "metadata.m LIKE '1%'", "metadata.m IS NULL", "metadata.m IS NOT NULL", "metadata.`mlflow.trace.session` = 's1'", "metadata.`mlflow.trace.user` = 'u1'",
    f"request_id = '{ids['A']}'", f"request_id != '{ids['A']}'", f"request_id IN ('{ids['A']}', '{ids['B']}')", f"request_id NOT IN ('{ids['A']}', '{ids['B']}')", "client_request_id = 'x'", "client_request_id != 'x'",
    "span.name = 'trace A'", "span.name LIKE '%C'", "span.name ILIKE '%c'", "span.name != 'trace A'", "span.name IN ('trace A', 'trace D')", "span.name NOT IN ('trace A')", "span.type = 'LLM'", "span.type != 'LLM'", "span.status = 'ERROR'", "span.status != 'ERROR'",
    "span.name = 'trace A' AND span.type = 'LLM'", "span.name = 'trace C' AND span.type = 'LLM'", "span.attributes.model LIKE '%gpt%'", "span.attributes.model ILIKE '%GPT%'", "span.attributes.model LIKE '%nobody%'", "span.attributes.nobody LIKE '%'",
    "trace.text LIKE '%alpha%'", "text LIKE '%ALPHA%'", "trace.text ILIKE '%ALPHA%'", "trace.text LIKE '%日本%'", "trace.text LIKE '%nobody%'", "text = 'alpha'",
    "feedback.score = '1'", "feedback.score > 0", "feedback.score >= 0.5", "feedback.score < 1", "feedback.score <= 0", "feedback.verdict = 'yes'", "feedback.verdict != 'yes'", "feedback.verdict = 'true'", "feedback.verdict LIKE '%e%'", "feedback.verdict ILIKE '%YES%'", "feedback.`odd name` = 'no'",
    "feedback.score IS NULL", "feedback.score IS NOT NULL", "feedback.nobody = 'x'", "feedback.score > 'x'", "feedback.verdict = 1", "feedback.polite = 'yes'", "feedback.polite IS NULL", "feedback.polite IS NOT NULL", "feedback.polite = 'no'", "feedback.alone = 'yes'", "feedback.score = '1.0'", "feedback.score = '0.5'", "feedback.score != '0.5'", "expectation.answer = '42'", "expectation.answer IS NOT NULL", "expectation.score IS NOT NULL", "issue.id = 'iss-7'", "issue.id = 'nobody'", "issue.id != 'x'", "issue.name = 'x'",
    "status = 'OK' AND tags.t = 'x' AND metadata.m = '1' AND feedback.score > 0 AND span.name = 'trace A'", "run_id = 'nobody'", "prompt = 'greet/1'", "prompt = 'greet'", "prompt != 'greet/1'",
    "nobody = 'x'", "status > 'OK'", "timestamp > 'x'", "timestamp LIKE '1%'", "tags.t > 'x'", "status = OK", "status = 'OK' OR status = 'ERROR'", "NOT status = 'OK'", "(status = 'OK')", "status =", "= 'OK'", "status", "span.nobody = 'x'", "span.attributes.model = 'gpt'", "metrics.x > 1", "params.x = '1'", "status = 'it''s'", "'",
]
for text in FILTERS:
    t(t.text(f"search {text}"), letters, text)
ORDERS = [
    ["timestamp"], ["timestamp DESC"], ["timestamp_ms ASC"], ["execution_time", "timestamp"], ["execution_time_ms DESC"], ["end_time"], ["status", "timestamp"], ["status DESC", "timestamp"], ["name"], ["name DESC"],
    ["tags.t", "timestamp"], ["tag.t DESC", "timestamp"], ["metadata.m", "timestamp"], ["request_metadata.m DESC", "timestamp"], ["experiment_id", "timestamp"], ["run_id", "timestamp"], ["trace.timestamp"],
    ["timestamp", "timestamp"], ["nobody"], ["timestamp SIDEWAYS"], ["span.name"], ["feedback.score"], [""], ["client_request_id"],
]
for order in ORDERS:
    t(f"order by {order}", letters, order_by=order)


def pages(size, **options):
    """Every page, until there is none."""
    found, token = [], None
    while len(found) < 20:
        page = client.search_traces([wanted], max_results=size, page_token=token, include_spans=False, order_by=["timestamp", "name"], **options)
        found.append("".join(LETTERS[trace.info.trace_id] for trace in page))
        token = page.token
        if not token:
            return "".join(found)


for size in (1, 2, 3, 100, 500):
    t(f"pages of {size}", pages, size)
for size in (0, -1, 501):
    t(f"pages of {size}", pages, size)
t("a token of nobody", lambda: client.search_traces([wanted], page_token="nobody"))
t("several experiments", lambda: sorted(trace.info.tags["mlflow.traceName"] for trace in client.search_traces([wanted, elsewhere], include_spans=False)))
t("an experiment that is not there", lambda: [trace.info.trace_id for trace in client.search_traces(["999"])])
t("no experiment", lambda: client.search_traces([]))
t("as a frame", lambda: mlflow.search_traces(locations=[wanted], filter_string="tags.only = 'A'")[["trace_id", "state", "request", "response", "tags"]])
t("with their spans", lambda: [[span.name for span in trace.data.spans] for trace in client.search_traces([wanted], order_by=["name"])])

# By hand.
V3 = "/api/3.0/mlflow/traces"
t.http("raw info", "GET", f"{V3}/{ids['A']}")
t.http("raw info of what is not there", "GET", f"{V3}/tr-nobody")
t.http("raw get", "GET", f"{V3}/get", params={"trace_id": "tr-nobody"})
t.http("raw get without an id", "GET", f"{V3}/get")
t.http("raw batch", "GET", f"{V3}/batchGet", params={"trace_ids": ["tr-nobody", ids["A"], ids["A"]]})
t.http("raw batch of none", "GET", f"{V3}/batchGet")
t.http("raw batch of another experiment", "GET", f"{V3}/batchGet", params={"trace_ids": [ids["A"]], "experiment_ids": [elsewhere]})
t.http("raw infos", "POST", f"{V3}/batchGetInfos", json={"trace_ids": [ids["B"], "tr-nobody", ids["A"]]})
page = requests.post(f"{SERVER}{V3}/search", json={"locations": [{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": wanted}}], "max_results": 1, "order_by": ["timestamp"]}).json()
t.note("raw search", {**page, "next_page_token": bool(page["next_page_token"])})
t.http("raw search without a place", "POST", f"{V3}/search", json={"max_results": 1})
t.http("raw search of too much", "POST", f"{V3}/search", json={"locations": [{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": wanted}}], "max_results": 501})
t.http("raw tag, version 3", "PATCH", f"{V3}/{ids['A']}/tags", json={"key": "v3", "value": "1"})
t.http("raw untag, version 3", "DELETE", f"{V3}/{ids['A']}/tags", json={"key": "v3"})
NEW = "tr-" + "ab" * 16
t.name("trace", NEW)


def info(**members):
    place = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": members.pop("experiment", elsewhere)}}
    return {"trace": {"trace_info": {"trace_id": NEW, "trace_location": place, "request_time": "2025-11-24T16:00:00.123Z", "state": "IN_PROGRESS", **members}}}


t.http("raw start", "POST", V3, json=info(execution_duration="1.5s", trace_metadata={"a": "1"}, tags={"b": "2"}, assessments=[{"assessment_name": "x", "source": {"source_type": "HUMAN", "source_id": "h"}, "feedback": {"value": 3}, "create_time": "2025-11-24T16:00:01Z", "last_update_time": "2025-11-24T16:00:01Z"}]))
t.http("raw start again, otherwise", "POST", V3, json=info(request_time="2025-11-24T16:00:01Z", execution_duration="2s", state="OK", trace_metadata={"c": "3"}, tags={"b": "4"}, request_preview="p"))
t.http("raw start with an enum by number", "POST", V3, json=info(state=2, trace_id="tr-" + "ac" * 16))
t.http("raw start of a state that is none", "POST", V3, json=info(state="DONE"))
t.http("raw start at a time that is none", "POST", V3, json=info(request_time="yesterday"))
t.http("raw start of an experiment that is not there", "POST", V3, json=info(experiment="999"))
t.http("raw start without a trace", "POST", V3, json={})
t.http("raw get of one without spans", "GET", f"{V3}/get", params={"trace_id": NEW})
t.note("raw get of one without spans, in part", requests.get(f"{SERVER}{V3}/get", params={"trace_id": NEW, "allow_partial": "true"}).status_code)
t.http("raw assessment without a value", "POST", f"{V3}/{NEW}/assessments", json={"assessment": {"assessment_name": "x"}})
t.http("raw assessment without anything", "POST", f"{V3}/{NEW}/assessments", json={})
t.http("raw assessment with a value that is none", "POST", f"{V3}/{NEW}/assessments", json={"assessment": {"assessment_name": "x", "feedback": 3}})


# OTLP, by hand.
def request(trace=b"\x01" * 16, span=b"\x02" * 8, **members):
    message = ExportTraceServiceRequest()
    place = message.resource_spans.add()
    for key, value in {"service.name": "shop", "telemetry.sdk.name": "opentelemetry", "mlflow.x": "y"}.items():
        attribute = place.resource.attributes.add()
        attribute.key = key
        attribute.value.string_value = value
    scope = place.scope_spans.add()
    scope.scope.name = "by hand"
    made = scope.spans.add()
    made.trace_id, made.span_id, made.name = trace, span, members.pop("name", "by hand")
    made.start_time_unix_nano, made.end_time_unix_nano = START, START + 3_000_000
    for key, value in members.pop("attributes", {}).items():
        attribute = made.attributes.add()
        attribute.key = key
        attribute.value.string_value = value
    for key, value in members.items():
        setattr(made, key, value)
    return message


def otlp(label, body, headers=()):
    """A request: its status, and how many spans were not taken."""
    given = {"content-type": "application/x-protobuf", "x-mlflow-experiment-id": elsewhere, **dict(headers)}
    response = requests.post(f"{SERVER}/v1/traces", data=body, headers=given)
    value = {"status": response.status_code}
    if response.status_code == 200 and response.headers["content-type"] == "application/x-protobuf":
        value["rejected"] = ExportTraceServiceResponse.FromString(response.content).partial_success.rejected_spans
    elif response.status_code == 200:
        value["rejected"] = int(response.json().get("partialSuccess", {}).get("rejectedSpans", 0))
    t.note(label, value)


whole = request(attributes={"mlflow.spanInputs": '{"q": 1}', "mlflow.spanOutputs": '"a"', "session.id": "s", "user.id": "u", "mlflow.traceTag.team": "risk", "gen": "1"}).SerializeToString()
otlp("otlp", whole)
hand = "tr-" + "01" * 16
t.name("trace", hand)
t("otlp: the trace", lambda: timed(client.get_trace(hand).info))
t("otlp: the spans", lambda: spans(client.get_trace(hand)))
otlp("otlp again", whole)
t("otlp again: the spans", lambda: len(client.get_trace(hand).data.spans))
otlp("otlp with gzip", gzip.compress(request(span=b"\x03" * 8, name="zipped", parent_span_id=b"\x02" * 8, end_time_unix_nano=START + 9_000_000).SerializeToString()), {"content-encoding": "gzip"})
t("otlp with gzip: the trace", lambda: timed(client.get_trace(hand).info))
t("otlp with gzip: the spans", lambda: [span.name for span in client.get_trace(hand).data.spans])
otlp("otlp of a child before its root", request(trace=b"\x05" * 16, parent_span_id=b"\x09" * 8).SerializeToString())
t("its state", lambda: str(client.get_trace("tr-" + "05" * 16).info.state))
otlp("its root, which failed", (lambda message: (setattr(message.resource_spans[0].scope_spans[0].spans[0].status, "code", 2), message)[1])(request(trace=b"\x05" * 16, span=b"\x09" * 8)).SerializeToString())
t("its state then", lambda: str(client.get_trace("tr-" + "05" * 16).info.state))
as_json = {"resourceSpans": [{"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "json"}}]}, "scopeSpans": [{"spans": [{
    "traceId": "0a" * 16, "spanId": "0b" * 8, "name": "as JSON 日本", "kind": 2, "startTimeUnixNano": str(START), "endTimeUnixNano": str(START + 1_000_000), "unknown": 1,
    "attributes": [{"key": "i", "value": {"intValue": "9223372036854775807"}}, {"key": "j", "value": {"intValue": 5}}, {"key": "l", "value": {"arrayValue": {"values": [{"boolValue": True}, {"doubleValue": 0.5}]}}}, {"key": "o", "value": {"kvlistValue": {"values": [{"key": "k", "value": {"stringValue": "v"}}]}}}],
    "events": [{"timeUnixNano": str(START + 5), "name": "e"}], "status": {"code": 1, "message": "fine"}}]}]}]}
otlp("otlp as JSON", json.dumps(as_json), {"content-type": "application/json"})
t("otlp as JSON: the spans", lambda: spans(client.get_trace("tr-" + "0a" * 16)))
t("otlp as JSON: the tags", lambda: client.get_trace("tr-" + "0a" * 16).info.tags)
# As OpenTelemetry's exporter sends what MLflow's client has recorded: JSON in every attribute.
DUMPED = {
    "mlflow.traceRequestId": f"tr-{'0e' * 16}", "mlflow.spanInputs": {"q": "日本"}, "mlflow.spanOutputs": [1, 2.5, None], "mlflow.spanType": "LLM", "mlflow.traceTag.team": "risk", "session.id": "s-1", "user.id": "u-1",
    "text": "plain", "json in a text": '{"a": 1}', "number": 5, "float": 1.0, "true": True, "none": None, "empty": {}, "deep": {"a": {"b": [None, True, 2**53 + 1, -0.0, 1e300]}}, "quote": '"',
}
otlp("otlp of texts with JSON", request(trace=b"\x0e" * 16, attributes={key: json.dumps(value) for key, value in DUMPED.items()}).SerializeToString())
dumped = f"tr-{'0e' * 16}"
t.name("trace", dumped)
t("otlp of texts with JSON: the trace", lambda: timed(client.get_trace(dumped).info))
t("otlp of texts with JSON: the spans", lambda: spans(client.get_trace(dumped)))
t("otlp of texts with JSON: by its type", lambda: [trace.info.trace_id for trace in client.search_traces([elsewhere], filter_string="span.type = 'LLM'")])
with mlflow.start_run(experiment_id=elsewhere) as other:
    t.name("run", other.info.run_id)
otlp("otlp of a run", request(trace=b"\x0c" * 16).SerializeToString(), {"x-mlflow-run-id": other.info.run_id})
t("traces of that run", lambda: [trace.info.trace_id for trace in client.search_traces([elsewhere], filter_string=f"run_id = '{other.info.run_id}'")])
otlp("otlp that is none", b"\x0a\x05nobody")
otlp("otlp as JSON that is none", "{", {"content-type": "application/json"})
otlp("otlp with half a gzip", gzip.compress(whole)[:-9], {"content-encoding": "gzip"})
otlp("otlp of an experiment that is not there", request(trace=b"\x0d" * 16).SerializeToString(), {"x-mlflow-experiment-id": "999"})

# Deletions.
t("delete by id", client.delete_traces, wanted, trace_ids=[ids["A"], ids["B"], "tr-nobody"])
t("delete by id of another experiment", client.delete_traces, elsewhere, trace_ids=[ids["C"]])
t("what is deleted", client.get_trace, ids["A"])
t("delete again", client.delete_traces, wanted, trace_ids=[ids["A"]])
t("delete the oldest", client.delete_traces, wanted, max_timestamp_millis=1_764_000_002_124, max_traces=1)
t("those that are left", letters)
t("delete nothing named", client.delete_traces, wanted)
t("delete both ways", client.delete_traces, wanted, trace_ids=[ids["C"]], max_timestamp_millis=1)
t("delete none", client.delete_traces, wanted, trace_ids=[ids["C"]], max_traces=1)
t("delete until then", client.delete_traces, wanted, max_timestamp_millis=int(time.time() * 1000))
t("none is left", letters)
t("delete in an experiment that is not there", client.delete_traces, "999", max_timestamp_millis=1)
t.http("raw delete, version 3", "POST", f"{V3}/delete-traces", json={"experiment_id": elsewhere, "request_ids": [NEW]})

# Without waiting.
mlflow.set_experiment("traces")
os.environ["MLFLOW_ENABLE_ASYNC_TRACE_LOGGING"] = "true"
mlflow.tracing.reset()
mlflow.tracing.enable()
live = []
try:
    with mlflow.start_span("not waited for") as late:
        late.set_inputs({"text": "Ünï 日本 🚀", "long": "x" * 1_000_000, "nan": float("nan"), "json": '{"a": [1]}'})
        for i in range(20):
            with mlflow.start_span(f"part {i}") as part:
                part.set_outputs(i)
                part.add_event(SpanEvent("said", timestamp=START + i, attributes={"n": i, "many": ["a", "日"]}))
            live.append(part)
        raise RuntimeError("not waited for")
except RuntimeError:
    pass
live.append(late)
mlflow.flush_trace_async_logging()
t("not waited for", lambda: sorted(span.name for span in client.get_trace(late.trace_id).data.spans))
t("not waited for: what is lost", same, late.trace_id, live)
t("not waited for: its state", lambda: str(client.get_trace(late.trace_id).info.state))
failed = client.get_trace(late.trace_id).data.spans[0]
t("not waited for: why", lambda: [failed.name, failed.status.description, [event.attributes["exception.message"] for event in failed.events]])
t.end()
