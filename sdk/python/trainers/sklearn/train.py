"""Trains an estimator on the matrix that it is given, and writes its numbers and what it predicts.

A training that goes on after a kill ends with the estimator that it would have had: both fit a span of iterations at a
time, and go on by the estimator's own ``warm_start``.
"""

import json
import os
import pickle
import signal
import time
import warnings

import numpy
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

with open(os.environ["GYRE_INPUTS"]) as file:
    given = json.load(file)


def matrix(path):
    columns = numpy.fromfile(path, "<f4").reshape(given["width"], -1)
    return numpy.ascontiguousarray(columns.T, "f8")


def boosted(options, seed):
    # Early stopping would draw rows to hold out, and more of them the day that there are 10,000.
    model = HistGradientBoostingClassifier(early_stopping=False, random_state=seed, **options)
    return model, boosted_numbers


def boosted_numbers(model):
    # No public attribute tells the trees; the lock pins the version that has these.
    trees = [tree.nodes for (tree,) in model._predictors]
    (prior,) = model._baseline_prediction.ravel().tolist()
    return {"kind": "gbdt", "prior": prior, "trees": [columns(nodes) for nodes in trees]}


def columns(nodes):
    leaf = nodes["is_leaf"] == 1
    inner = ~leaf
    return {
        "features": numpy.where(leaf, -1, nodes["feature_idx"]).tolist(),
        # JSON has no word for the infinite threshold, which parts present values from missing ones.
        "thresholds": [None if value == numpy.inf else value for value in nodes["num_threshold"].tolist()],
        "missingLeft": (nodes["missing_go_to_left"] * inner).tolist(),
        "lefts": (nodes["left"] * inner).tolist(),
        "rights": (nodes["right"] * inner).tolist(),
        "values": numpy.where(leaf, nodes["value"], 0).tolist(),
        "gains": numpy.where(leaf, 0, nodes["gain"]).tolist(),
    }


def logistic(options, seed):
    model = make_pipeline(
        SimpleImputer(keep_empty_features=True),
        StandardScaler(),
        LogisticRegression(random_state=seed, **options),
    )
    return model, logistic_numbers


def logistic_numbers(model):
    _, scaler, line = model
    return {
        "kind": "linear",
        "means": scaler.mean_.tolist(),
        "scales": scaler.scale_.tolist(),
        "weights": line.coef_[0].tolist(),
        "intercept": line.intercept_[0].item(),
    }


#: Iterations of the first span, and of every span of an estimator whose spans change what it learns.
SPAN = 25
#: How a script that was told to end says so (sysexits.h).
TOLD_TO_END = 75


class Spans:
    """Fits a model whose last step, or itself, counts iterations; saves it between two spans of them."""

    def __init__(self, model, every_s):
        self.estimator = model[-1] if hasattr(model, "steps") else model
        name = type(self.estimator).__name__
        if "warm_start" not in self.estimator.get_params():
            raise SystemExit(f"resume: {name} has no warm_start to go on by; leave `resume` out of its step")
        self.model = model
        self.every_s = every_s
        self.rounds = self.estimator.max_iter
        # Boosting counts all its iterations, and learns the same however they are parted; a solver counts its own.
        self.counts_all = isinstance(self.estimator, HistGradientBoostingClassifier)
        self.done = self.saved = 0
        self.saved_at = time.monotonic()
        #: The iterations done, and what goes on behind them.
        self.state = (0, b"")
        self.estimator.set_params(warm_start=True)

    def resume(self, path):
        with open(path, "rb") as file:
            self.done, self.model, self.estimator = pickle.load(file)
        self.saved = self.done

    def fit(self, features, labels):
        span = SPAN
        while True:
            began = time.monotonic()
            ahead = min(span, self.rounds - self.done)
            self.estimator.set_params(max_iter=ahead + (self.done if self.counts_all else 0))
            with warnings.catch_warnings():
                if self.done + ahead < self.rounds:
                    warnings.simplefilter("ignore", ConvergenceWarning)
                self.model.fit(features, labels)
            self.done += ahead
            has_converged = not self.counts_all and self.estimator.n_iter_[0] < ahead
            if self.done == self.rounds or has_converged:
                return self.model
            if self.counts_all:
                span = max(1, int(span * self.every_s / (time.monotonic() - began)))
            self.keep()

    def keep(self):
        self.state = (self.done, pickle.dumps((self.done, self.model, self.estimator)))
        if time.monotonic() - self.saved_at >= self.every_s:
            self.save()

    def save(self):
        done, state = self.state
        if done <= self.saved:
            return
        self.saved = done
        name = f"checkpoint-{done}.pickle"
        with open(name, "wb") as file:
            file.write(state)
        with open(os.environ["GYRE_REPORT"], "a") as report:
            print(json.dumps({"checkpoint": name, "step": done}), file=report)
        self.saved_at = time.monotonic()

    def end(self, *_):
        self.save()
        # An exception would come out in the middle of a solver.
        os._exit(TOLD_TO_END)


def fitted(model):
    features, labels = matrix(given["features"]), numpy.fromfile(given["labels"], "u1")
    if given["saveEverySeconds"] is None:
        return model.fit(features, labels)
    spans = Spans(model, given["saveEverySeconds"])
    if "GYRE_CHECKPOINT" in os.environ:
        spans.resume(os.environ["GYRE_CHECKPOINT"])
    signal.signal(signal.SIGTERM, spans.end)
    return spans.fit(features, labels)


estimators = {"hist-gradient-boosting": boosted, "logistic-regression": logistic}
model, numbers = estimators[given["algorithm"]](given["options"], given["seed"] % 2**32)
model = fitted(model)
with open(given["model"], "w") as file:
    json.dump(numbers(model), file)
model.predict_proba(matrix(given["served"]))[:, 1].astype("<f8").tofile(given["predictions"])
