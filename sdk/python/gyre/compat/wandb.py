"""W&B's interface, logging to Gyre: ``import gyre.compat.wandb as wandb``.

What a training loop needs: ``init``, ``log``, ``config``, ``summary``, ``finish``, ``Artifact``. Inside ``gyre run`` it
logs to that very run. What is not here says so when it is asked for.
"""

from __future__ import annotations

import atexit
import glob as globbing
import json
import numbers
import os
import signal
import sys
import threading
import warnings
from typing import Any, Dict, Iterator, List, Mapping, MutableMapping, Optional, Sequence, Tuple, Union

from .._client import Client, GyreError
from .._run import TrackedRun

Error = GyreError

__all__ = [
    "Artifact", "Config", "Error", "Run", "Summary", "config", "define_metric", "finish", "init", "log",
    "log_artifact", "login", "run", "save", "summary", "unwatch", "watch",
]  # fmt: skip


def flat(value: Any, path: str = "") -> Iterator[Tuple[str, Any]]:
    """The leaves of nested dictionaries by their dotted paths, as W&B itself names them."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from flat(inner, f"{path}.{key}" if path else str(key))
    else:
        yield path, value


def number_of(value: Any) -> Optional[float]:
    """Numbers of any library, truth values as 0 and 1; None for what is no number."""
    if isinstance(value, (bool, numbers.Real)):
        return float(value)
    if isinstance(value, (str, bytes)) or not hasattr(value, "__float__"):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def text_of(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


class Config(MutableMapping[str, Any]):
    """What the run was started with, by item and by attribute. Parameters are told at once, and keep their first value."""

    def __init__(self, run: "Optional[TrackedRun]", given: Mapping[str, Any]) -> None:
        object.__setattr__(self, "_run", run)
        object.__setattr__(self, "_values", {})
        self.update(given)

    def update(self, given: Any = (), /, allow_val_change: Any = None, **more: Any) -> None:
        values = {**dict(given), **more}
        self._values.update(values)
        if self._run is None:
            return
        params = {path: text_of(value) for path, value in flat(values)}
        for name in self._run.log_params(params):
            warnings.warn(f"the parameter {name} keeps the value that it was logged with first", stacklevel=3)

    def setdefaults(self, given: Mapping[str, Any]) -> None:
        self.update({key: value for key, value in given.items() if key not in self})

    def as_dict(self) -> Dict[str, Any]:
        return dict(self._values)

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.update({key: value})

    def __delitem__(self, key: str) -> None:
        raise TypeError(f"the parameter {key} stays: a run keeps what it was told")

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __getattr__(self, key: str) -> Any:
        try:
            return self._values[key]
        except KeyError:
            raise AttributeError(f"the config has no {key}") from None

    def __setattr__(self, key: str, value: Any) -> None:
        self[key] = value

    def __repr__(self) -> str:
        return repr(self._values)


class Summary(MutableMapping[str, Any]):
    """The newest value of each key, or what was set by hand, which is logged when the run finishes."""

    def __init__(self) -> None:
        self._logged: Dict[str, Any] = {}
        self._set: Dict[str, Any] = {}

    def update(self, given: Any = (), /, **more: Any) -> None:
        self._set.update(dict(flat({**dict(given), **more})))

    def __getitem__(self, key: str) -> Any:
        return self._set[key] if key in self._set else self._logged[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.update({key: value})

    def __delitem__(self, key: str) -> None:
        del self._set[key]

    def __iter__(self) -> Iterator[str]:
        return iter({**self._logged, **self._set})

    def __len__(self) -> int:
        return len({**self._logged, **self._set})


class Artifact:
    """Files that are kept with a run, under the artifact's name."""

    def __init__(
        self,
        name: str,
        type: str,
        description: Optional[str] = None,
        metadata: Optional[Mapping[str, Any]] = None,
    ) -> None:
        self.name = name
        self.type = type
        self.description = description
        self.metadata = dict(metadata or {})
        self._files: List[Tuple[str, str]] = []

    def add_file(self, local_path: Union[str, "os.PathLike[str]"], name: Optional[str] = None) -> None:
        path = os.fspath(local_path)
        if not os.path.isfile(path):
            raise ValueError(f"no such file: {path}")
        self._files.append((path, name or os.path.basename(path)))

    def add_dir(self, local_path: Union[str, "os.PathLike[str]"], name: Optional[str] = None) -> None:
        root = os.fspath(local_path)
        if not os.path.isdir(root):
            raise ValueError(f"no such folder: {root}")
        for folder, _, files in os.walk(root):
            for file in sorted(files):
                path = os.path.join(folder, file)
                inside = os.path.relpath(path, root).replace(os.sep, "/")
                self._files.append((path, f"{name}/{inside}" if name else inside))


class Run:
    """A run of ``init``. As a context it finishes at its end, as failed when an exception leaves it."""

    def __init__(self, tracked: Optional[TrackedRun], project: str, config: Mapping[str, Any]) -> None:
        self._tracked = tracked
        self.project = project
        self.config = Config(tracked, config)
        self.summary = Summary()
        self._step = 0
        self._row: Dict[str, Any] = {}
        self._silent: set[str] = set()

    @property
    def id(self) -> str:
        return self._tracked.id if self._tracked else "disabled"

    @property
    def name(self) -> str:
        return self._tracked.name if self._tracked else "disabled"

    @property
    def step(self) -> int:
        return self._step

    @property
    def url(self) -> Optional[str]:
        return f"{self._tracked.client.url}/api/v1/runs/{self.id}" if self._tracked else None

    @property
    def disabled(self) -> bool:
        return self._tracked is None

    def log(self, data: Mapping[str, Any], step: Optional[int] = None, commit: Optional[bool] = None) -> None:
        """One row of the history. Without a step each call is the next one; with one, rows of the same step are one."""
        if not isinstance(data, Mapping):
            raise ValueError(f"expected a dictionary of values by name, got {type(data).__name__}")
        if step is not None:
            if step < self._step:
                warnings.warn(f"step {step} is behind step {self._step}: its values are not kept", stacklevel=2)
                return
            if step > self._step:
                self._commit()
                self._step = step
        self._row.update(flat(data))
        if commit if commit is not None else step is None:
            self._commit()
            self._step += 1

    def _commit(self) -> None:
        row, self._row = self._row, {}
        for key, value in row.items():
            self._log_value(key, value)

    def _log_value(self, key: str, value: Any) -> None:
        self.summary._logged[key] = value
        if self._tracked is None or value is None:
            return
        as_number = number_of(value)
        if as_number is not None:
            self._tracked.log_metric(key, as_number, self._step)
        elif isinstance(value, str):
            self._tracked.set_tags({f"wandb.summary.{key}": value})
        elif key not in self._silent:
            self._silent.add(key)
            warnings.warn(f"{key}: a {type(value).__name__} is no number, and is not kept", stacklevel=4)

    def define_metric(self, name: str, *_: Any, **__: Any) -> None:
        """Accepted: steps are those of `log`, and the newest value of a metric is its summary."""

    def watch(self, *_: Any, **__: Any) -> None:
        warnings.warn("watch does nothing here: log what is worth watching", stacklevel=2)

    def unwatch(self, *_: Any, **__: Any) -> None:
        """Nothing is watched."""

    def log_artifact(
        self,
        artifact_or_path: Union[Artifact, str, "os.PathLike[str]"],
        name: Optional[str] = None,
        type: Optional[str] = None,
        aliases: Optional[Sequence[str]] = None,
    ) -> Artifact:
        if isinstance(artifact_or_path, Artifact):
            artifact = artifact_or_path
        else:
            path = os.fspath(artifact_or_path)
            artifact = Artifact(name or os.path.basename(path), type or "unspecified")
            artifact.add_dir(path) if os.path.isdir(path) else artifact.add_file(path)
        if self._tracked:
            for file, inside in artifact._files:
                self._tracked.log_file(file, f"{artifact.name}/{inside}")
            about = {"type": artifact.type, "description": artifact.description, "metadata": artifact.metadata}
            self._tracked.set_tags({f"wandb.artifact.{artifact.name}": text_of(about)})
        return artifact

    def save(self, glob_str: str, base_path: Optional[str] = None, policy: str = "live") -> List[str]:
        """Keeps the files that match, now: what is written to them later is not followed."""
        files = sorted(path for path in globbing.glob(glob_str, recursive=True) if os.path.isfile(path))
        if not files:
            warnings.warn(f"no file matches {glob_str}", stacklevel=2)
        for file in files:
            inside = os.path.relpath(file, base_path) if base_path else os.path.basename(file)
            if self._tracked:
                self._tracked.log_file(file, inside.replace(os.sep, "/"))
        return files

    def finish(self, exit_code: Optional[int] = None, quiet: Optional[bool] = None) -> None:
        """Sends what waits. Raises when something could not be sent."""
        global _run
        if _run is self:
            _run = None
        try:
            self._commit()
            for key, value in self.summary._set.items():
                self._log_value(key, value)
        finally:
            if self._tracked:
                self._tracked.finish(failed=bool(exit_code))

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self.finish(0 if kind is None else 1)


_run: Optional[Run] = None
_is_crashing = False

#: Of W&B's `init`, without a meaning here.
_IGNORED = {"entity", "dir", "save_code", "settings", "reinit", "anonymous", "force", "allow_val_change", "sync_tensorboard"}  # fmt: skip


def init(
    project: Optional[str] = None,
    name: Optional[str] = None,
    config: Union[Mapping[str, Any], None] = None,
    tags: Optional[Sequence[str]] = None,
    notes: Optional[str] = None,
    group: Optional[str] = None,
    job_type: Optional[str] = None,
    mode: Optional[str] = None,
    **ignored: Any,
) -> Run:
    """Starts a run of the experiment ``project``; joins the one that this program was started for by ``gyre run``."""
    global _run
    unknown = set(ignored) - _IGNORED
    if unknown:
        raise ValueError(f"init: gyre.compat.wandb has no {', '.join(sorted(unknown))}")
    mode = mode or os.environ.get("WANDB_MODE") or "online"
    if mode not in ("online", "disabled"):
        raise ValueError(f"init: mode: expected online or disabled, got {mode}: runs are logged to a server")
    if _run is not None:
        _run.finish()
    project = project or os.environ.get("WANDB_PROJECT") or "Default"
    if config is not None and not isinstance(config, Mapping):
        config = vars(config)
    labels = {
        **{f"wandb.tag.{tag}": "true" for tag in tags or ()},
        **({"mlflow.note.content": notes} if notes else {}),
        **({"wandb.group": group} if group else {}),
        **({"wandb.job_type": job_type} if job_type else {}),
    }
    tracked = None
    if mode == "online":
        tracked = TrackedRun(
            Client(), experiment=project, name=name or os.environ.get("WANDB_NAME"), params={}, tags=labels
        )
    _run = Run(tracked, project, config or {})
    _watch_for_the_end()
    return _run


_is_watching = False


def _watch_for_the_end() -> None:
    """An exception that nobody catches makes the run a failed one; whatever ends the program, the last points go out."""
    global _is_watching
    if _is_watching:
        return
    _is_watching = True
    before = sys.excepthook

    def hook(*error: Any) -> None:
        global _is_crashing
        _is_crashing = True
        before(*error)

    sys.excepthook = hook
    atexit.register(_finish_at_exit)
    is_main = threading.current_thread() is threading.main_thread()
    # Who has a handler of its own knows what it does.
    if is_main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _stop)


def _stop(number: int, _: Any) -> None:
    global _is_crashing
    _is_crashing = True
    sys.exit(128 + number)


def _finish_at_exit() -> None:
    if _run is not None:
        try:
            _run.finish(1 if _is_crashing else 0)
        except GyreError as error:
            print(f"gyre: {error}", file=sys.stderr)


def _current(verb: str) -> Run:
    if _run is None:
        raise Error("CONFLICT", f"call wandb.init() before wandb.{verb}")
    return _run


def log(data: Mapping[str, Any], step: Optional[int] = None, commit: Optional[bool] = None) -> None:
    _current("log").log(data, step, commit)


def finish(exit_code: Optional[int] = None, quiet: Optional[bool] = None) -> None:
    if _run is not None:
        _run.finish(exit_code)


def define_metric(name: str, *more: Any, **options: Any) -> None:
    _current("define_metric").define_metric(name, *more, **options)


def watch(*models: Any, **options: Any) -> None:
    _current("watch").watch(*models, **options)


def unwatch(*models: Any) -> None:
    """Nothing is watched."""


def log_artifact(artifact_or_path: Any, name: Optional[str] = None, type: Optional[str] = None) -> Artifact:
    return _current("log_artifact").log_artifact(artifact_or_path, name, type)


def save(glob_str: str, base_path: Optional[str] = None, policy: str = "live") -> List[str]:
    return _current("save").save(glob_str, base_path, policy)


def login(*_: Any, **__: Any) -> bool:
    """Nothing to do: the key is ``GYRE_KEY``."""
    return True


def __getattr__(name: str) -> Any:
    if name == "run":
        return _run
    if name in ("config", "summary"):
        return getattr(_current(name), name)
    raise AttributeError(f"gyre.compat.wandb has no {name}; what it has: {', '.join(__all__)}")
