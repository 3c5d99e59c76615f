"""Trains an estimator on the matrix that it is given, and writes its numbers and what it predicts."""

import json
import os

import numpy
from sklearn.ensemble import HistGradientBoostingClassifier
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


estimators = {"hist-gradient-boosting": boosted, "logistic-regression": logistic}
model, numbers = estimators[given["algorithm"]](given["options"], given["seed"] % 2**32)
model.fit(matrix(given["features"]), numpy.fromfile(given["labels"], "u1"))
with open(given["model"], "w") as file:
    json.dump(numbers(model), file)
model.predict_proba(matrix(given["served"]))[:, 1].astype("<f8").tofile(given["predictions"])
