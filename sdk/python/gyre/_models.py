"""Registered models and evaluation rows of a running Gyre, as files on this machine."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
import urllib.parse
from typing import Any, Dict, List, Optional

from ._client import Client, GyreError


class Model:
    """One version of a registered model. Its files are fetched, and checked against their digests, on first use."""

    def __init__(self, client: Client, about: Dict[str, Any], folder: str) -> None:
        self._client = client
        self._folder = folder
        self._tree: Optional[List[Dict[str, Any]]] = None
        self._loaded: Any = None
        self.name: str = about["name"]
        self.version: str = about["version"]
        #: `model:NAME@VERSION`
        self.ref: str = about["ref"]
        self.digest: str = about["digest"]
        self.aliases: List[str] = about["aliases"]
        self.stage: str = about["stage"]
        #: What its gate measured; empty for a model that only a client has logged.
        self.metrics: Dict[str, Optional[float]] = about["metrics"]

    @property
    def files(self) -> Dict[str, int]:
        """Sizes in bytes by path."""
        return {entry["path"]: entry["artifact"]["bytes"] for entry in self._entries()}

    @property
    def size_bytes(self) -> int:
        return sum(self.files.values())

    @property
    def path(self) -> str:
        """A folder with its files."""
        folder = os.path.join(self._folder, self.digest.replace(":", "-"))
        for entry in self._entries():
            target = os.path.join(folder, *entry["path"].split("/"))
            if not os.path.exists(target):
                os.makedirs(os.path.dirname(target), exist_ok=True)
                fetch(self._client, entry["artifact"]["digest"], target)
        return folder

    def load(self) -> Any:
        """The model by MLflow, whatever library it is of; what `predict` asks. Raises GyreError where it cannot be."""
        if self._loaded is None:
            if "MLmodel" not in self.files:
                raise GyreError("INVALID_INPUT", f"{self.ref} has no MLmodel file; load its files from gyre_model.path")
            try:
                import mlflow.pyfunc
            except ImportError as error:
                raise GyreError("INVALID_INPUT", f"loading {self.ref} needs mlflow here: {error}") from error
            self._loaded = mlflow.pyfunc.load_model(self.path)
        return self._loaded

    def predict(self, inputs: Any) -> Any:
        return self.load().predict(inputs)

    def _entries(self) -> List[Dict[str, Any]]:
        if self._tree is None:
            self._tree = json.loads(self._client.call("GET", f"/api/v1/blobs/{self.digest}"))["entries"]
        return self._tree

    def __repr__(self) -> str:
        return self.ref


def find_model(client: Client, uri: str, folder: str) -> Model:
    """`models:/NAME@ALIAS`, `models:/NAME/VERSION` or `model:NAME@VERSION`. Raises GyreError for anything else."""
    name, version = parse_model(uri)
    path = f"/api/v1/models/{urllib.parse.quote(name, safe='')}/versions/{urllib.parse.quote(version, safe='')}"
    return Model(client, client.get(path), folder)


def parse_model(uri: str) -> "tuple[str, str]":
    found = re.fullmatch(r"models:/([^/@]+)[/@]([^/@]+)|model:([^@]+)@([^@]+)", uri)
    if found is None:
        raise GyreError(
            "INVALID_ARGUMENT", f"expected models:/NAME@ALIAS, models:/NAME/VERSION or model:NAME@VERSION, got {uri}"
        )
    name, version = [group for group in found.groups() if group is not None]
    return urllib.parse.unquote(name), version


class EvaluationSet:
    """Rows that never change, as a Parquet file."""

    def __init__(self, client: Client, ref: str, digest: str, rows: int, folder: str) -> None:
        self._client = client
        self._folder = folder
        #: `dataset:NAME@VERSION`, or `GATE@VERSION`
        self.ref = ref
        self.digest = digest
        self.rows = rows

    @property
    def path(self) -> str:
        target = os.path.join(self._folder, f"{self.digest.replace(':', '-')}.parquet")
        if not os.path.exists(target):
            fetch(self._client, self.digest, target)
        return target

    def frame(self) -> Any:
        """A pandas DataFrame of it."""
        try:
            import pandas
        except ImportError as error:
            raise GyreError(
                "INVALID_INPUT", f"reading rows needs pandas and pyarrow here ({error}); the file is at .path"
            ) from error
        return pandas.read_parquet(self.path)

    def __len__(self) -> int:
        return self.rows

    def __repr__(self) -> str:
        return self.ref


def find_evaluation_set(client: Client, ref: str, folder: str) -> EvaluationSet:
    """`dataset:NAME`, or `gate:NAME` for the rows that a gate judges on; the newest version unless `@VERSION` follows."""
    found = re.fullmatch(r"(dataset|gate):([^@]+)(?:@(.+))?", ref)
    if found is None:
        raise GyreError("INVALID_ARGUMENT", f"expected dataset:NAME[@VERSION] or gate:NAME[@VERSION], got {ref}")
    kind, name, version = found.groups()
    if kind == "dataset":
        known = client.get("/api/v1/datasets", name=name)["versions"]
    else:
        known = client.get("/api/v1/evaluation-sets", gate=name)["sets"]
    for one in known:
        if version in (None, str(one["version"])):
            shown = one.get("ref") or f"{name}@{one['version']}"
            return EvaluationSet(client, shown, one["digest"], one["rows"], folder)
    raise GyreError("NOT_FOUND", f"there is no {ref}; known versions: {[str(one['version']) for one in known]}")


def fetch(client: Client, digest: str, target: str) -> None:
    """Bytes by their digest, whole or not at all. Raises GyreError when what came is something else."""
    content = client.call("GET", f"/api/v1/blobs/{digest}")
    found = f"sha256:{hashlib.sha256(content).hexdigest()}"
    if found != digest:
        raise GyreError("DAMAGED", f"asked for {digest}, got {found}")
    descriptor, part = tempfile.mkstemp(dir=os.path.dirname(target))
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    os.replace(part, target)
