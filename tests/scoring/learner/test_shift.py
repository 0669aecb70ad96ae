"""A shop whose visitors behave otherwise from some day on: a better model is live within three days, by itself."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from deploy.simulate.shop.chain import Shifts
from scoring.learner.advance import Learner
from scoring.learner.schedule import LearnerSettings, all_days
from scoring.shadow.gate import GateSettings
from tests.support.learners import ListedRuns
from tests.support.shifted_shop import SITE, ShiftedShop, shifted_visits

pytest.importorskip("lightgbm")
#: Nearly who has a cart buys; then twice as many fill carts, and half of them leave.
BEFORE, AFTER = Shifts(0.5, 1.4, 1.6, 1.2), Shifts(0.5, 2.6, 0.2, 0.6)
#: Carts are filled and left: one of eleven buys.
LEFT = Shifts(0.5, 2.6, -0.6, -1.0)
#: The days of a test are short.
SMALL = GateSettings(least_days=0.5)


def lived(
    shop: ShiftedShop, settings: LearnerSettings, days: int, looks: Sequence[int], least_buyers: int = 30
) -> ListedRuns:
    """The shop's days, at the end of some of which its learner looks."""
    runs = ListedRuns()
    learner = Learner(shop, runs, settings, least_buyers)

    def look(day: int) -> None:
        if day in looks:
            learner.advance(shop.counts(all_days(shop.now, settings).since), shop.now)

    shop.live(days, look)
    for run in runs.runs(SITE):
        print(run.number, run.step, run.candidate, run.purchases, "; ".join(run.reasons))
    return runs


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two families, whose cost is measured but bounds nothing: others share the machine."""
    monkeypatch.setattr("scoring.learning.choose.FAMILIES", ("recalibrated", "logistic"))
    monkeypatch.setattr("scoring.learning.choose.RUNS", 1)
    monkeypatch.setattr("tests.support.shifted_shop.COST_LIMIT", 1e9)


def test_after_a_shift_a_better_model_is_live_within_three_days_and_the_log_replays(
    tmp_path: Path, quick: None
) -> None:
    settings = LearnerSettings(promotion="auto", days=6, recent_days=4, matured_hours=2)
    shop = ShiftedShop(tmp_path, shifted_visits(350, 10, 6, BEFORE, AFTER), SMALL)
    lived(shop, settings, 10, (8, 9))
    (live, truth), (after, best) = shop.losses(6, 8), shop.losses(9, 10)
    print(f"above the truth before: {live - truth:.4f}, after: {after - best:.4f}")
    assert 6 < shop.puts[0][0] <= 6 + 3
    assert live - truth > 0.1
    assert after - best < 0.05
    # The controls stand in the log: a second worker gives the same scores by the same models.
    assert shop.replayed() == shop.scores


@pytest.mark.long
def test_after_a_shift_on_day_20_the_loss_is_near_the_truth_again(tmp_path: Path, quick: None) -> None:
    """A better model within three days, and .01 from the truth's loss once the newest days have taught it again."""
    settings = LearnerSettings(promotion="auto", days=18, recent_days=5, matured_hours=2)
    shop = ShiftedShop(tmp_path, shifted_visits(1_200, 26, 20, BEFORE, AFTER), GateSettings())
    lived(shop, settings, 26, range(20, 26))
    gaps = {day: live - truth for day in range(19, 26) for live, truth in [shop.losses(day, day + 1)]}
    print("above the truth, by day:", ", ".join(f"{day}: {gap:.4f}" for day, gap in gaps.items()))
    assert any(20 < day <= 23 for day, _ in shop.puts)
    assert gaps[23] < gaps[20]
    assert gaps[25] < 0.01
    assert shop.replayed() == shop.scores


def test_a_model_that_degrades_after_its_promotion_is_rolled_back(tmp_path: Path, quick: None) -> None:
    """It knows that carts buy, and is promoted; from that day on they are left, and the one before would be better."""
    settings = LearnerSettings(promotion="auto", days=6, recent_days=0, matured_hours=2)
    shop = ShiftedShop(tmp_path, shifted_visits(350, 8, 6, BEFORE, LEFT), SMALL)
    runs = lived(shop, settings, 8, (6, 7, 8), least_buyers=8)
    first = runs.runs(SITE)[0]
    assert [version for _, version in shop.puts][:2] == [first.candidate, first.before]
    assert first.step == "rolled_back"
    assert first.reasons[0].startswith(f"{first.before} would have been better than {first.candidate}: log-loss -")
    assert shop.replayed() == shop.scores
