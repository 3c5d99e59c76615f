"""A run that this program logs to: the one that ``gyre run`` has started it for, or one of its own."""

from __future__ import annotations

import json
import os
import platform
import queue
import sys
import threading
import time
import urllib.parse
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from ._client import Client, GyreError, number

#: How long a run of this program's own may be silent; it says that it goes on four times as often.
HOLD_S = 60
#: The most that one request carries, by MLflow's rules.
MOST_METRICS, MOST_LABELS = 1000, 100
#: How long points may wait for others.
FLUSH_S = 1.0
#: Points that wait to be sent; more make `log` wait.
MOST_WAITING = 100_000
#: The first answer is waited for so long: nobody wants to train before a typing error in a URL is told.
FIRST_OUTAGE_S = 3.0

Point = Tuple[str, float, int, int]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


class TrackedRun:
    """Sends what is logged from a thread of its own, in order, until `finish`, which sends the rest."""

    def __init__(
        self,
        client: Client,
        *,
        experiment: str,
        name: Optional[str],
        kind: str = "training",
        params: Mapping[str, str],
        tags: Mapping[str, str],
        inputs: Sequence[Mapping[str, str]] = (),
    ) -> None:
        self.client = client
        held = os.environ.get("GYRE_RUN_ID") or os.environ.get("MLFLOW_RUN_ID")
        #: Whether somebody else has started it, and ends it.
        self.is_joined = bool(held)
        if held:
            run = client.get(f"/api/v1/runs/{urllib.parse.quote(held)}")
        else:
            started = {
                "kind": kind,
                "name": name or os.path.basename(sys.argv[0]) or "run",
                "experiment": experiment,
                "tags": dict(tags),
                "inputs": [dict(ref) for ref in inputs],
                "code": {"command": list(sys.orig_argv) if hasattr(sys, "orig_argv") else sys.argv},
                "environment": {"python": platform.python_version()},
                "hold": f"{HOLD_S}s",
            }
            run = client.post("/api/v1/runs", started, FIRST_OUTAGE_S)
        self.id = str(run["id"])
        self._logged_params: Dict[str, str] = {key: _text(value) for key, value in run["params"].items()}
        self.name = str(run["name"])
        self.experiment = str(run["experiment"])
        self._waiting: "queue.Queue[Optional[Point]]" = queue.Queue(MOST_WAITING)
        self._failure: Optional[GyreError] = None
        self._ended = threading.Event()
        self._sender = threading.Thread(target=self._send_all, name="gyre-sender", daemon=True)
        self._sender.start()
        if not held:
            threading.Thread(target=self._beat, name="gyre-heartbeat", daemon=True).start()
        self.log_params(params)
        if held:
            self.set_tags(tags)

    def log_metric(self, key: str, value: float, step: int) -> None:
        """Raises what earlier points failed with."""
        self._raise()
        self._waiting.put((key, value, step, time.time_ns() // 1_000_000))

    def log_params(self, params: Mapping[str, str]) -> List[str]:
        """A parameter keeps its first value: gives the names of those that have another one already."""
        new = {key: value for key, value in params.items() if key not in self._logged_params}
        self._logged_params.update(new)
        labels = [{"key": key, "value": value} for key, value in new.items()]
        for at in range(0, len(labels), MOST_LABELS):
            self._batch(params=labels[at : at + MOST_LABELS])
        return [key for key, value in params.items() if self._logged_params[key] != value]

    def set_tags(self, tags: Mapping[str, str]) -> None:
        labels = [{"key": key, "value": value} for key, value in tags.items()]
        for at in range(0, len(labels), MOST_LABELS):
            self._batch(tags=labels[at : at + MOST_LABELS])

    def log_file(self, file: str, path: str) -> None:
        """Keeps a file under a path among the run's artifacts."""
        where = f"/api/2.0/mlflow-artifacts/artifacts/{self.experiment}/{self.id}/artifacts"
        self.client.put_file(f"{where}/{urllib.parse.quote(path)}", file)

    def finish(self, failed: bool = False) -> None:
        """Sends what waits, and ends a run of this program's own. Raises when something could not be sent."""
        if self._ended.is_set():
            return
        self._waiting.put(None)
        self._sender.join()
        self._ended.set()
        if not self.is_joined:
            status = "failed" if failed or self._failure else "succeeded"
            self.client.post(f"/api/v1/runs/{self.id}/end", {"status": status})
        self._raise()

    def _raise(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _batch(self, **members: Any) -> None:
        self.client.post("/api/2.0/mlflow/runs/log-batch", {"run_id": self.id, **members})

    def _send_all(self) -> None:
        is_open = True
        while is_open:
            points: List[Point] = []
            until = time.monotonic() + FLUSH_S
            while is_open and len(points) < MOST_METRICS:
                # The first one may be long in coming; those after it are waited for a moment.
                patience = max(0.0, until - time.monotonic()) if points else None
                try:
                    point = self._waiting.get(timeout=patience)
                except queue.Empty:
                    break
                if point is None:
                    is_open = False
                else:
                    if not points:
                        until = time.monotonic() + FLUSH_S
                    points.append(point)
            if points and self._failure is None:
                self._send(points)

    def _send(self, points: List[Point]) -> None:
        metrics = [
            {"key": key, "value": number(value), "step": step, "timestamp": at} for key, value, step, at in points
        ]
        try:
            self._batch(metrics=metrics)
        except GyreError as error:
            self._failure = GyreError(error.code, f"{len(points)} points of run {self.id} were not kept: {error}")

    def _beat(self) -> None:
        while not self._ended.wait(HOLD_S / 4):
            try:
                self.client.post(f"/api/v1/runs/{self.id}/heartbeat", {"hold": f"{HOLD_S}s"}, 0.0)
            except GyreError:
                # It is heard of later: a run that was lost goes on when it is heard again.
                continue
