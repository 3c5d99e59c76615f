"""Trains a booster on the matrix that it is given, and writes its trees and what it predicts."""

import json
import os

import lightgbm
import numpy

with open(os.environ["GYRE_INPUTS"]) as file:
    given = json.load(file)


def matrix(path):
    columns = numpy.fromfile(path, "<f4").reshape(given["width"], -1)
    return numpy.ascontiguousarray(columns.T, "f8")


options = dict(given["options"])
rounds = options.pop("num_iterations", 100)
settings = {
    **options,
    "objective": "binary",
    "seed": given["seed"] % 2**31,
    "num_threads": int(os.environ["OMP_NUM_THREADS"]),
    # The same sums in the same order, however many threads there are.
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
}
labels = numpy.fromfile(given["labels"], "u1")
data = lightgbm.Dataset(matrix(given["features"]), labels)
booster = lightgbm.train(settings, data, num_boost_round=rounds)


def flat(root):
    """The nodes of a tree as columns, children behind their parent."""
    names = ["features", "thresholds", "missingLeft", "lefts", "rights", "values", "gains"]
    tree = {name: [] for name in names}
    stack = [(root, None, None)]
    while stack:
        node, parent, side = stack.pop()
        place = len(tree["features"])
        if parent is not None:
            tree[side][parent] = place
        is_leaf = "split_feature" not in node
        row = [-1, 0, 0, 0, 0, node["leaf_value"], 0] if is_leaf else asked(node)
        for name, value in zip(names, row):
            tree[name].append(value)
        if not is_leaf:
            stack.append((node["right_child"], place, "rights"))
            stack.append((node["left_child"], place, "lefts"))
    return tree


def asked(node):
    if node["decision_type"] != "<=" or node["missing_type"] not in ("None", "NaN"):
        raise SystemExit("a split that only this library can make: " + json.dumps(node)[:200])
    # Where no training row lacked a value, the library takes a missing one for 0.
    learned = node["missing_type"] == "NaN"
    left = node["default_left"] if learned else node["threshold"] >= 0
    return [node["split_feature"], node["threshold"], int(left), 0, 0, 0, node["split_gain"]]


trees = [flat(tree["tree_structure"]) for tree in booster.dump_model()["tree_info"]]
with open(given["model"], "w") as file:
    json.dump({"kind": "gbdt", "prior": 0, "trees": trees}, file)
booster.predict(matrix(given["served"])).astype("<f8").tofile(given["predictions"])
