"""What a scenario's client read back, as JSON that two servers can be compared by."""

import json
import math
import os
import re
import time
from collections.abc import Sequence

import requests
from mlflow.entities._mlflow_object import _MlflowObject
from mlflow.exceptions import MlflowException

SERVER = os.environ["MLFLOW_TRACKING_URI"]

# The fields by which a server tells its own ids. Their values become `<run 1>`, `<run 2>`, … in the order they
# are met, here and inside every other text of the transcript.
ID_FIELDS = {
    "experiment_id": "experiment",
    "experiment_ids": "experiment",
    "run_id": "run",
    "run_uuid": "run",
    "source_run_id": "run",
    "model_id": "model",
    "source_model_id": "model",
    "trace_id": "trace",
    "request_id": "trace",
    "assessment_id": "assessment",
    "span_id": "span",
    "dataset_id": "dataset",
}
TIME_FIELD = re.compile(r"(^|_)(time|timestamp|timestamp_ms|time_ms|time_ns|time_unix_nano)$|^timestamp")
RANDOM_NAME = re.compile(r"^[a-z]+-[a-z]+-\d{1,3}$")
HEX = re.compile(r"(?<![0-9a-f])(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?![0-9a-f])")
LARGEST_SAFE = 2**53 - 1


class Transcript:
    def __init__(self):
        self.lines = []
        self.names = {"0": "0"}
        self.counts = {}

    def __call__(self, label, act, *args, **kwargs):
        """Does `act` and writes down what it gave, or the error code it was refused with; hands on the value."""
        try:
            value = act(*args, **kwargs)
        except Exception as error:
            self.write(label, refusal(error))
            return None
        self.write(label, plain(value))
        return value

    def id(self, kind, label, act, *args, **kwargs):
        """As a call, of an act that gives the bare id of a new `kind`."""
        value = act(*args, **kwargs)
        self.name(kind, value)
        self.write(label, self.names[value])
        return value

    def http(self, label, method, path, **options):
        """A request by hand: its status, and the error code or the body."""
        try:
            response = requests.request(method, SERVER + path, timeout=120, **options)
        except requests.ConnectionError:
            return self.write(label, {"status": "cut"})
        try:
            body = response.json()
        except ValueError:
            body = response.text
        if response.status_code < 400:
            self.write(label, {"status": response.status_code, "body": plain(body or {})})
        else:
            code = body.get("error_code") if isinstance(body, dict) else None
            self.write(label, {"status": response.status_code, "error": code})
        return response

    def note(self, label, value):
        """Writes down what the scenario worked out by itself."""
        self.write(label, plain(value))
        return value

    def end(self):
        """Prints the transcript: the scenario's last line."""
        print(json.dumps(self.lines))

    def write(self, label, value):
        self.learn(value)
        self.lines.append({"step": label, "value": self.hide(value)})

    def name(self, kind, value):
        if isinstance(value, str) and value and value not in self.names:
            self.counts[kind] = self.counts.get(kind, 0) + 1
            self.names[value] = f"<{kind} {self.counts[kind]}>"

    def learn(self, value, field=None):
        """Meets every id that `value` tells."""
        if isinstance(value, dict):
            for key, inner in value.items():
                self.learn(inner, key)
        elif isinstance(value, list):
            for inner in value:
                self.learn(inner, field)
        elif field in ID_FIELDS:
            self.name(ID_FIELDS[field], value)

    def hide(self, value, field=None):
        """`value` without what differs from server to server and from day to day."""
        if isinstance(value, dict):
            return {self.text(key): self.hide(inner, key) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.hide(inner, field) for inner in in_order(value)]
        if field is not None and TIME_FIELD.search(field) and self.recent(value):
            return "<now>"
        if isinstance(value, str):
            if field in ID_FIELDS:
                value = self.names.get(value, value)
            if field in ("run_name", "mlflow.runName", "name") and RANDOM_NAME.match(value):
                return "<random name>"
            return self.text(value)
        return value

    def text(self, text):
        text = text.replace(SERVER, "<server>")
        text = re.sub(r"(mlflow-artifacts:/)([^/]+)", self.place, text)
        for known in sorted((known for known in self.names if len(known) >= 8), key=len, reverse=True):
            text = text.replace(known, self.names[known])
        return HEX.sub("<uuid>", text)

    def place(self, match):
        return match[1] + self.names.get(match[2], match[2])

    def recent(self, value):
        """Whether it is a time of the last day, in seconds, milliseconds, microseconds or nanoseconds."""
        try:
            number = float(value)
        except (TypeError, ValueError):
            return False
        return any(-5 <= time.time() - number / unit <= 86_400 for unit in (1, 1e3, 1e6, 1e9))


def in_order(items):
    """Tags, parameters and latest metrics come in no order of meaning: by key. A history keeps its own."""
    keys = [item.get("key") if isinstance(item, dict) else None for item in items]
    if None in keys or len(set(keys)) < len(keys):
        return items
    return sorted(items, key=lambda item: item["key"])


def refusal(error):
    """An error by what a script can tell it by: its code, else its class."""
    if "too many 500 error responses" in str(error):
        return {"error": "HTTP 500"}
    if isinstance(error, MlflowException):
        return {"error": error.error_code}
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return {"error": f"HTTP {error.response.status_code}"}
    return {"error": type(error).__name__}


def as_double(key, value):
    """The value of a metric in a body by hand: JSON has one kind of number, and a server may write 1 for 1.0."""
    return float(value) if key == "value" and isinstance(value, int) and not isinstance(value, bool) else value


def plain(value):
    """Entities, pages and frames as JSON. A float becomes the text Python prints of it, so that 1, 1.0, -0.0, NaN
    and 1.7976931348623157e+308 stay apart; so does an integer that JSON's readers would round."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return value if abs(value) <= LARGEST_SAFE else str(value)
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else repr(float(value))
    if isinstance(value, bytes):
        return {"bytes": value.hex() if len(value) <= 64 else f"{len(value)} bytes"}
    if isinstance(value, dict):
        return {str(key): plain(as_double(key, value[key])) for key in sorted(value, key=str)}
    if hasattr(value, "token") and isinstance(value, list):
        return {"items": [plain(item) for item in value], "more": bool(value.token)}
    if isinstance(value, Sequence):
        return [plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(item) for item in value), key=str)
    if isinstance(value, _MlflowObject):
        return plain(dict(value))
    if hasattr(value, "to_dict"):
        return plain(value.to_dict(orient="records") if hasattr(value, "columns") else value.to_dict())
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    return str(value)
