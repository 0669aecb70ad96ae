"""A model learned from the generated shop, held against the probability that is true at each event."""

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from deploy.simulate.evaluation.learning import shop_rows
from deploy.simulate.shop.parameters import ShopFacts
from deploy.simulate.shop.shop import ShopParameters, visits
from scoring import registry
from scoring.learning import choose
from scoring.learning.choose import learn
from scoring.learning.figures import MeasuredFigure, measured
from scoring.learning.rows import LearningRows
from tests.support.learning import shipped

pytest.importorskip("lightgbm")
#: A shop in which one of eight sessions buys, so that few sessions are enough.
BUSY = ShopFacts(conversion=0.12, of_carts=0.5, of_checkouts=0.7)


def generated(wanted: ShopParameters) -> tuple[LearningRows, NDArray[np.float64]]:
    model = registry.load()
    return shop_rows(visits(wanted, clock="live"), wanted.facts.conversion, lambda _: model)


def beside_the_truth(
    rows: LearningRows, truth: NDArray[np.float64], learned: NDArray[np.float64], resamples: int = 1
) -> Iterator[tuple[int, dict[str, dict[str, MeasuredFigure]]]]:
    """The figures at each event of sessions that go on after it; of one that has ended the truth is 0, which no column
    of contract 2 says."""
    on = truth > 0
    models = {"learned": learned[on], "truth": truth[on], "live": rows.live[on]}
    for at in measured(rows.take(on), models, resamples):
        if at.number in (1, 3, 5, 10):
            yield at.number, at.figures


def test_what_is_learned_from_a_small_shop_is_near_the_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    # The quickest of the families.
    monkeypatch.setattr(choose, "FAMILIES", ("recalibrated", "logistic"))
    rows, truth = generated(ShopParameters(2_600, 1, 6, 1.0, BUSY))
    learned = learn(rows, shipped())
    assert learned.chosen.family == "logistic"
    test = learned.parts.test
    probability = learned.chosen.fitted.probability(test.rows.astype(np.float64))
    for number, found in beside_the_truth(test, truth[-len(test) :], probability):
        if number == 1:
            continue
        assert found["learned"]["log_loss"].value < found["live"]["log_loss"].value
        assert found["learned"]["log_loss"].value < found["truth"]["log_loss"].value + 0.05
        assert found["learned"]["auc"].value > found["truth"]["auc"].value - 0.08


@pytest.mark.long
def test_20_000_sessions_give_nearly_the_truth_of_20_000_others() -> None:
    rows, _ = generated(ShopParameters(20_000, 1, 60))
    learned = learn(rows, shipped(), report_line=print)
    others, truth = generated(ShopParameters(20_000, 2, 60))
    probability = learned.chosen.fitted.probability(others.rows.astype(np.float64))
    for number, found in beside_the_truth(others, truth, probability):
        mine, best = found["learned"], found["truth"]
        print(number, {name: (mine[name].value, best[name].value, found["live"][name].value) for name in mine})
        # Measured: .007, .010, .010, .009; with 463 purchases to learn from.
        assert mine["auc"].value > best["auc"].value - 0.012
        assert mine["log_loss"].value < best["log_loss"].value + 0.01
        assert mine["ece"].value <= 0.02
