"""The tests of the guide: a model's quality with plain asserts."""

import pytest
from gyre.testing import disparity, p95_seconds
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import accuracy_score


@pytest.fixture(scope="session")
def rows():
    inputs, labels = load_breast_cancer(return_X_y=True, as_frame=True)
    return inputs[1::2], labels[1::2]


class TestModelQuality:
    def test_accuracy(self, gyre_model, rows, gyre_measure, least):
        inputs, labels = rows
        assert gyre_measure("accuracy", accuracy_score(labels, gyre_model.predict(inputs))) >= least

    def test_latency(self, gyre_model, rows, gyre_measure):
        one = rows[0][:1]
        assert gyre_measure("latency_p95_s", p95_seconds(lambda: gyre_model.predict(one))) < 0.1

    def test_bias(self, gyre_model, rows, gyre_measure):
        inputs, _ = rows
        # Of an even and an odd half nothing differs but chance.
        halves = [i // 2 % 2 for i in range(len(inputs))]
        assert gyre_measure("disparity", disparity(gyre_model.predict(inputs), halves)) < 0.15

    def test_size(self, gyre_model, gyre_measure):
        assert gyre_measure("size_mib", gyre_model.size_bytes / 1024**2) < 500

    def test_not_worse_than_the_champion(self, gyre_model, gyre_champion, rows):
        inputs, labels = rows
        ours, theirs = (accuracy_score(labels, model.predict(inputs)) for model in (gyre_model, gyre_champion))
        assert ours >= theirs


@pytest.fixture
def least(pytestconfig):
    import os

    return float(os.environ.get("LEAST", "0.90"))
