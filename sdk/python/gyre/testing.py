"""Quality tests of a registered model with plain asserts: a pytest plug-in.

``pytest -p gyre.testing --gyre-model models:/churn@champion --gyre-evaluation-set dataset:holdout`` hands tests the
fixtures below, and keeps what came of the session as a run of kind ``evaluation``: how many tests passed, what
``gyre_measure`` was told, the JUnit report.
"""

from __future__ import annotations

import math
import os
import tempfile
import time
from collections import Counter
from typing import Any, Callable, Dict, Iterator, Optional, Sequence

import pytest

from ._client import Client, GyreError
from ._models import EvaluationSet, Model, find_evaluation_set, find_model, parse_model
from ._run import TrackedRun

__all__ = ["EvaluationSet", "Model", "disparity", "p95_seconds"]


def p95_seconds(call: Callable[[], Any], calls: int = 100, warm_up: int = 10) -> float:
    """The 95th percentile (nearest rank) of how long a call takes, once it is warm."""
    for _ in range(warm_up):
        call()
    took = []
    for _ in range(calls):
        before = time.perf_counter()
        call()
        took.append(time.perf_counter() - before)
    return sorted(took)[math.ceil(0.95 * calls) - 1]


def disparity(predicted: Sequence[Any], groups: Sequence[Any]) -> float:
    """Demographic parity difference: how far apart the groups' mean predictions (0 or 1, or scores) are at most."""
    members: Dict[Any, list] = {}
    for value, group in zip(predicted, groups):
        members.setdefault(group, []).append(float(value))
    means = [sum(values) / len(values) for values in members.values()]
    if len(means) < 2:
        raise ValueError(f"expected rows of two groups at least, got {len(means)}")
    return max(means) - min(means)


def pytest_addoption(parser: pytest.Parser) -> None:
    options = parser.getgroup("gyre", "models that Gyre serves")
    options.addoption("--gyre-url", help="where Gyre runs (GYRE_URL)")
    options.addoption("--gyre-key", help="the key to show (GYRE_KEY)")
    options.addoption("--gyre-model", help="what is tested: models:/NAME@ALIAS, models:/NAME/VERSION")
    options.addoption("--gyre-evaluation-set", help="rows to test on: dataset:NAME[@VERSION] or gate:NAME[@VERSION]")
    options.addoption("--gyre-experiment", default="quality tests", help="where the session is kept as a run")
    options.addoption("--gyre-no-run", action="store_true", help="keep no run")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    if not is_kept(config):
        return
    if config.option.xmlpath is None:
        config.option.xmlpath = os.path.join(tempfile.mkdtemp(prefix="gyre-"), "junit.xml")
    config.pluginmanager.register(Session(config), "gyre-session")


def is_kept(config: pytest.Config) -> bool:
    """A session that tests a model is kept; one that only looks is not, and workers of one leave it to it."""
    wanted = config.getoption("gyre_model") and not config.getoption("gyre_no_run")
    return bool(wanted) and not config.option.collectonly and not hasattr(config, "workerinput")


def client_of(config: pytest.Config) -> Client:
    return Client(config.getoption("gyre_url"), config.getoption("gyre_key"))


def asked(config: pytest.Config, option: str) -> str:
    value = config.getoption(option)
    if not value:
        raise pytest.UsageError(f"this test needs --{option.replace('_', '-')}")
    return str(value)


def model_of(config: pytest.Config, uri: str, folder: str) -> Model:
    try:
        return find_model(client_of(config), uri, folder)
    except GyreError as error:
        pytest.fail(f"{uri}: {error}", pytrace=False)


@pytest.fixture(scope="session")
def gyre_folder() -> Iterator[str]:
    """Where fetched files lie while the session lasts."""
    with tempfile.TemporaryDirectory(prefix="gyre-") as folder:
        yield folder


@pytest.fixture(scope="session")
def gyre_model(pytestconfig: pytest.Config, gyre_folder: str) -> Model:
    """The version that ``--gyre-model`` names."""
    return model_of(pytestconfig, asked(pytestconfig, "gyre_model"), gyre_folder)


@pytest.fixture(scope="session")
def gyre_champion(pytestconfig: pytest.Config, gyre_model: Model, gyre_folder: str) -> Model:
    """The version that has the alias ``champion``; a test that needs one is skipped while there is none."""
    try:
        return find_model(client_of(pytestconfig), f"models:/{gyre_model.name}@champion", gyre_folder)
    except GyreError as error:
        if error.code not in ("NOT_FOUND", "INVALID_ARGUMENT"):
            raise
        pytest.skip(f"{gyre_model.name} has no champion yet")


@pytest.fixture(scope="session")
def gyre_evaluation_set(pytestconfig: pytest.Config, gyre_folder: str) -> EvaluationSet:
    """The rows that ``--gyre-evaluation-set`` names."""
    ref = asked(pytestconfig, "gyre_evaluation_set")
    try:
        return find_evaluation_set(client_of(pytestconfig), ref, gyre_folder)
    except GyreError as error:
        pytest.fail(f"{ref}: {error}", pytrace=False)


@pytest.fixture
def gyre_measure(request: pytest.FixtureRequest) -> Callable[[str, float], float]:
    """Keeps a number with the session's run, and gives it back: ``assert gyre_measure("accuracy", 0.93) >= 0.9``."""

    def measure(name: str, value: float) -> float:
        request.node.user_properties.append((name, value))
        return value

    return measure


class Session:
    """What came of the tests, as a run."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._outcomes: Dict[str, str] = {}
        self._measured: Dict[str, float] = {}
        self._run: Optional[TrackedRun] = None

    def pytest_sessionstart(self) -> None:
        config = self._config
        uri = config.getoption("gyre_model")
        try:
            name, version = parse_model(uri)
            client = client_of(config)
            found = find_model(client, uri, "")
            params = {"model": found.ref}
            rows = config.getoption("gyre_evaluation_set")
            if rows:
                params["evaluation_set"] = find_evaluation_set(client, rows, "").ref
            self._run = TrackedRun(
                client,
                experiment=config.getoption("gyre_experiment"),
                name=f"{name}@{version}",
                kind="evaluation",
                params=params,
                tags={},
                inputs=[{"ref": found.ref, "role": "model", "digest": found.digest}],
            )
        except GyreError as error:
            raise pytest.UsageError(f"--gyre-model {uri}: {error}") from None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            # A failure in set-up or tear-down is one of the test.
            if self._outcomes.get(report.nodeid) != "failed":
                self._outcomes[report.nodeid] = report.outcome
        if report.when == "teardown":
            for name, value in report.user_properties:
                if isinstance(value, (int, float)) or hasattr(value, "__float__") and not isinstance(value, str):
                    self._measured[str(name)] = float(value)

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """After JUnit's report was written."""
        if self._run is None:
            return
        counted = Counter(self._outcomes.values())
        for outcome in ("passed", "failed", "skipped"):
            self._run.log_metric(f"tests.{outcome}", counted[outcome], 0)
        for name, value in self._measured.items():
            self._run.log_metric(name, value, 0)
        report = self._config.option.xmlpath
        if report and os.path.exists(report):
            self._run.log_file(report, "junit.xml")
        self._run.finish(failed=counted["failed"] > 0 or counted["passed"] == 0)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self._run is not None:
            terminalreporter.write_line(f"gyre: run {self._run.id}")
