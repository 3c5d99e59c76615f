"""Trains a booster on the matrix that it is given, and writes its trees and what it predicts.

A training that goes on after a kill ends with the booster that it would have had. What is drawn at random (rows,
features) is drawn anew from the seed and the iteration every SEGMENT iterations, because a booster that goes on does
not know what the one before has drawn.
"""

import json
import os
import signal
import time

import lightgbm
import numpy

#: Iterations between two places where a training that draws at random can go on.
SEGMENT = 25
#: How a script that was told to end says so (sysexits.h).
TOLD_TO_END = 75

with open(os.environ["GYRE_INPUTS"]) as file:
    given = json.load(file)


def matrix(path):
    columns = numpy.fromfile(path, "<f4").reshape(given["width"], -1)
    return numpy.ascontiguousarray(columns.T, "f8")


options = dict(given["options"])
rounds = options.pop("num_iterations", 100)
seed = given["seed"] % 2**31
settings = {
    **options,
    "objective": "binary",
    "num_threads": int(os.environ["OMP_NUM_THREADS"]),
    # The same sums in the same order, however many threads there are.
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
}
labels = numpy.fromfile(given["labels"], "u1")
features = matrix(given["features"])


class Training:
    """A list of boosters, each of which has gone on where the one before it ended."""

    def __init__(self, every_s):
        self.every_s = every_s
        self.draws = options.get("bagging_fraction", 1) < 1 or options.get("feature_fraction", 1) < 1
        self.parts = []
        self.done = 0
        self.saved = 0
        self.saved_at = time.monotonic()
        self.told = False
        self.scores = None
        self.data = lightgbm.Dataset(features, labels, params=settings)

    def resume(self, path):
        with open(path) as file:
            kept = json.load(file)
        self.done = self.saved = kept["done"]
        for text in kept["parts"]:
            self.add(lightgbm.Booster(model_str=text))

    def add(self, booster):
        """Tree by tree, as the library adds them up while it trains: the sums are the same to the last bit."""
        self.parts.append(booster)
        self.scores = numpy.zeros(len(labels)) if self.scores is None else self.scores
        for tree in range(booster.num_trees()):
            self.scores += booster.predict(features, raw_score=True, start_iteration=tree, num_iteration=1)

    def run(self):
        while self.done < rounds:
            last = min(rounds, (self.done // SEGMENT + 1) * SEGMENT) if self.draws else rounds
            if self.scores is not None:
                self.data.set_init_score(self.scores)
            # A seed of its own for each segment; that of the first one is the seed as it was told.
            drawn = {**settings, "seed": (seed + self.done) % 2**31}
            booster = lightgbm.train(drawn, self.data, last - self.done, callbacks=[self.watch])
            self.done = last
            if last < rounds:
                self.add(booster)
                self.keep([])
            else:
                self.parts.append(booster)

    def watch(self, env):
        """After each iteration of the booster that is being trained."""
        if self.draws:
            # What the booster at hand has drawn is lost with it; the ones before are not.
            if self.told:
                self.keep([])
        elif env.iteration + 1 < env.end_iteration:
            self.keep([env.model], env.iteration + 1)

    def keep(self, begun, ahead=0):
        """Saves when it is time to, or told to end; `begun` is the booster that is `ahead` iterations on its way."""
        is_due = time.monotonic() - self.saved_at >= self.every_s
        if is_due or self.told:
            self.save(begun, self.done + ahead)
        if self.told:
            raise SystemExit(TOLD_TO_END)

    def save(self, begun, done):
        if done <= self.saved:
            return
        self.saved = done
        name = f"checkpoint-{done}.json"
        texts = [part.model_to_string() for part in [*self.parts, *begun]]
        with open(name, "w") as file:
            json.dump({"done": done, "parts": texts}, file)
        with open(os.environ["GYRE_REPORT"], "a") as report:
            print(json.dumps({"checkpoint": name, "step": done}), file=report)
        self.saved_at = time.monotonic()

    def end(self, *_):
        self.told = True

    def predict(self, rows):
        scores = sum(part.predict(rows, raw_score=True) for part in self.parts)
        return 1 / (1 + numpy.exp(-scores))


def trained():
    """The boosters that have learned, and what gives their probabilities."""
    if given["saveEverySeconds"] is None:
        data = lightgbm.Dataset(features, labels)
        booster = lightgbm.train({**settings, "seed": seed}, data, num_boost_round=rounds)
        return [booster], booster.predict
    training = Training(given["saveEverySeconds"])
    signal.signal(signal.SIGTERM, training.end)
    if "GYRE_CHECKPOINT" in os.environ:
        training.resume(os.environ["GYRE_CHECKPOINT"])
    training.run()
    return training.parts, training.predict


def trees(boosters):
    """All their trees; a booster that finds no split has a leaf alone, which says something in the first one only."""
    for at, booster in enumerate(boosters):
        for tree in booster.dump_model()["tree_info"]:
            if at == 0 or tree["num_leaves"] > 1:
                yield flat(tree["tree_structure"])


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


boosters, predict = trained()
with open(given["model"], "w") as file:
    json.dump({"kind": "gbdt", "prior": 0, "trees": list(trees(boosters))}, file)
predict(matrix(given["served"])).astype("<f8").tofile(given["predictions"])
