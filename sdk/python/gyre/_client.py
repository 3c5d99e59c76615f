"""A running Gyre over HTTP: what the standard library has is enough."""

from __future__ import annotations

import json
import math
import os
import random
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, Dict, Optional

#: A server that does not answer is asked again for so long: it may be starting anew.
OUTAGE_S = 120.0
#: Said by a server that would rather be asked again.
AGAIN = (429, 502, 503, 504)


class GyreError(Exception):
    """What the server refused, or why it could not be asked. ``code`` is one of Gyre's error codes."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Client:
    """Where it is, and the key to show, come from ``GYRE_URL`` and ``GYRE_KEY``, or MLflow's own variables."""

    def __init__(self, url: Optional[str] = None, key: Optional[str] = None) -> None:
        environ = os.environ
        tracking = environ.get("MLFLOW_TRACKING_URI", "")
        fallback = tracking if tracking.startswith("http") else "http://127.0.0.1:7400"
        self.url = (url or environ.get("GYRE_URL") or fallback).rstrip("/")
        self.key = key or environ.get("GYRE_KEY") or environ.get("MLFLOW_TRACKING_TOKEN") or None

    def get(self, path: str, **query: str) -> Any:
        question = urllib.parse.urlencode(query)
        return json.loads(self.call("GET", f"{path}?{question}" if question else path))

    def post(self, path: str, body: Dict[str, Any], outage_s: float = OUTAGE_S) -> Any:
        data = json.dumps(body, allow_nan=False).encode()
        return json.loads(self.call("POST", path, data, "application/json", outage_s))

    def put_file(self, path: str, file: str) -> None:
        """Sends a file as it is."""

        def attempt() -> bytes:
            with open(file, "rb") as stream:
                request = self._request("PUT", path, stream, "application/octet-stream")
                request.add_header("content-length", str(os.path.getsize(file)))
                return _open(request, self.url)

        _patiently(attempt, OUTAGE_S)

    def call(
        self,
        method: str,
        path: str,
        data: Optional[bytes] = None,
        media_type: Optional[str] = None,
        outage_s: float = OUTAGE_S,
    ) -> bytes:
        """Raises GyreError with the server's code, UNAVAILABLE when it did not answer for so long."""
        return _patiently(lambda: _open(self._request(method, path, data, media_type), self.url), outage_s)

    def _request(self, method: str, path: str, data: Any, media_type: Optional[str]) -> urllib.request.Request:
        request = urllib.request.Request(self.url + path, data=data, method=method)
        if media_type is not None:
            request.add_header("content-type", media_type)
        if self.key is not None:
            request.add_header("authorization", f"Bearer {self.key}")
        return request


def number(value: float) -> Any:
    """A double as the wire carries it."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def _patiently(attempt: Any, outage_s: float) -> bytes:
    until = time.monotonic() + outage_s
    wait_s = 0.1
    while True:
        try:
            return attempt()
        except GyreError as error:
            if error.code not in ("UNAVAILABLE", "OVERLOADED") or time.monotonic() + wait_s > until:
                raise
        time.sleep(wait_s * random.uniform(0.5, 1.0))
        wait_s = min(wait_s * 2, 5.0)


def _open(request: urllib.request.Request, url: str) -> bytes:
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.read()
    except urllib.error.HTTPError as error:
        raise _refusal(error.code, error.read().decode("utf-8", "replace")) from None
    except (urllib.error.URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        raise GyreError(
            "UNAVAILABLE", f'no answer from {url} ({reason}); is "gyre up" running? GYRE_URL says where'
        ) from None


def _refusal(status: int, text: str) -> GyreError:
    try:
        problem = json.loads(text)
    except ValueError:
        problem = {}
    if not isinstance(problem, dict):
        problem = {}
    code = "UNAVAILABLE" if status in AGAIN else problem.get("code") or problem.get("error_code") or "INTERNAL"
    return GyreError(code, problem.get("detail") or problem.get("message") or f"HTTP {status}: {text[:200]}")
