"""What the guide's tests do not show: bias, the champion, and a bound that is told from outside."""

import os

from gyre.testing import disparity
from sklearn.metrics import accuracy_score


class TestModelQuality:
    def test_bias(self, gyre_model, gyre_evaluation_set, gyre_measure):
        rows = gyre_evaluation_set.frame()
        # Of an even and an odd half nothing differs but chance.
        halves = [i % 2 for i in range(len(gyre_evaluation_set))]
        assert gyre_measure("disparity", disparity(gyre_model.predict(rows.drop(columns=["row", "label"])), halves)) < 0.2

    def test_not_worse_than_the_champion(self, gyre_model, gyre_champion, gyre_evaluation_set):
        rows = gyre_evaluation_set.frame()
        ours, theirs = (
            accuracy_score(rows["label"], model.predict(rows.drop(columns=["row", "label"])))
            for model in (gyre_model, gyre_champion)
        )
        assert ours >= theirs

    def test_accuracy_as_told(self, gyre_model, gyre_evaluation_set):
        rows = gyre_evaluation_set.frame()
        told = float(os.environ["LEAST"])
        assert accuracy_score(rows["label"], gyre_model.predict(rows.drop(columns=["row", "label"]))) >= told
