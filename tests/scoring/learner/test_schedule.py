"""When a site learns, from what, and what a watched promotion comes to."""

import pytest

from scoring.learner.run import LearnerRun
from scoring.learner.schedule import LearnerSettings, LearningSpan, all_days, is_due, second_span
from scoring.learner.watch import is_look_due, judge
from tests.support.events import NOON
from tests.support.learners import DAY, counts, learner_run, report

HOUR = 3_600_000
SETTINGS = LearnerSettings()


@pytest.mark.parametrize(
    ("purchases", "first_day", "last", "hours", "due"),
    [
        pytest.param(29, 60, None, 0, False, id="too few purchases"),
        pytest.param(30, 60, None, 0, True, id="the first time"),
        pytest.param(400, 60, learner_run(purchases=12, step="waiting"), 1, True, id="there were too few before"),
        pytest.param(401, 60, learner_run(), 23, False, id="less than a day later"),
        pytest.param(401, 60, learner_run(), 24, True, id="a day later"),
        pytest.param(800, 27, learner_run(), 1, True, id="purchases doubled in the first weeks"),
        pytest.param(799, 27, learner_run(), 1, False, id="not quite doubled"),
        pytest.param(800, 29, learner_run(), 1, False, id="doubled later on"),
    ],
)
def test_when_a_site_learns(purchases: int, first_day: int, last: LearnerRun | None, hours: int, due: bool) -> None:
    now = NOON + hours * HOUR
    assert is_due(now, counts(purchases, first_opened_at=now - first_day * DAY), last, SETTINGS) == due


def test_sessions_that_have_not_matured_are_in_no_window() -> None:
    assert all_days(NOON, SETTINGS) == LearningSpan(NOON - 61 * DAY, NOON - DAY)


@pytest.mark.parametrize(
    ("run", "first_day", "span"),
    [
        pytest.param(learner_run(), 60, LearningSpan(NOON - 5 * DAY, NOON), id="all days were refused"),
        pytest.param(learner_run(step="waiting"), 60, None, id="nothing was learned"),
        pytest.param(learner_run(step="watching"), 60, LearningSpan(NOON - 5 * DAY, NOON), id="all days are in force"),
        pytest.param(learner_run(step="proposed"), 60, None, id="all days were proposed"),
        pytest.param(learner_run(since=NOON - 5 * DAY), 60, None, id="the newest days were refused, too"),
        pytest.param(learner_run(), 4, None, id="there are no older days"),
    ],
)
def test_the_newest_days_are_tried_after_all_days(run: LearnerRun, first_day: int, span: LearningSpan | None) -> None:
    assert second_span(run, counts(first_opened_at=NOON - first_day * DAY), SETTINGS) == span


WATCHED = learner_run(step="watching", candidate="new", before="old", promoted_at=NOON, looked_at=NOON)


@pytest.mark.parametrize(
    ("difference", "buyers", "days", "step"),
    [
        pytest.param(-0.002, 100, 3, "rolling_back", id="the one before is surely better"),
        pytest.param(-0.0005, 100, 3, "watching", id="perhaps better"),
        pytest.param(0.002, 100, 3, "watching", id="surely not better"),
        pytest.param(-0.002, 29, 3, "watching", id="too few purchases to say"),
        pytest.param(-0.002, 100, 20, "rolling_back", id="better in the end"),
        pytest.param(-0.0005, 100, 15, "kept", id="watched long enough"),
        pytest.param(-0.002, 29, 15, "kept", id="too few purchases for too long"),
    ],
)
def test_what_a_watched_promotion_comes_to(difference: float, buyers: int, days: int, step: str) -> None:
    verdict = judge(WATCHED, report(difference, buyers=buyers, candidate="old"), NOON + days * DAY, 30, SETTINGS)
    assert verdict.step == step
    assert "\n" not in verdict.reason


@pytest.mark.parametrize(("hours", "looked", "due"), [(23, 0, False), (25, 0, True), (47, 25, False), (49, 25, True)])
def test_a_look_waits_until_sessions_have_matured(hours: int, looked: int, due: bool) -> None:
    run = learner_run(step="watching", promoted_at=NOON, looked_at=NOON + looked * HOUR)
    assert is_look_due(NOON + hours * HOUR, run, SETTINGS) == due
