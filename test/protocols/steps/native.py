"""What the library itself, told the same, answers to questions: from the CSV, without anything of the platform."""

import csv
import json
import sys

import numpy

library, path, until, seed, questions = sys.argv[1:]
nan = float("nan")


def inputs(row):
    return [float(row[name]) if row[name] not in ("", None) else nan for name in ("visits", "spent")]


with open(path) as file:
    rows = [row for row in csv.DictReader(file) if row["at"] < until]
X = numpy.array([inputs(row) for row in rows], "f4").astype("f8")
y = numpy.array([row["left"] == "true" for row in rows], "u1")
Q = numpy.array([inputs(row) for row in json.loads(questions)], "f4").astype("f8")

if library == "lightgbm":
    import lightgbm

    told = {"objective": "binary", "num_leaves": 7, "seed": int(seed), "bagging_fraction": 0.7, "bagging_freq": 1}
    told |= {"num_threads": 1, "deterministic": True, "force_row_wise": True, "verbose": -1}
    booster = lightgbm.train(told, lightgbm.Dataset(X, y), num_boost_round=40)
    answers = booster.predict(Q)
elif library == "hist-gradient-boosting":
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(max_iter=40, max_leaf_nodes=7, early_stopping=False, random_state=int(seed))
    answers = model.fit(X, y).predict_proba(Q)[:, 1]
else:
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression(C=0.5))
    answers = model.fit(X, y).predict_proba(Q)[:, 1]
print(json.dumps(answers.tolist()))
