"""What a learner does with a site, step by step, and that it comes to the same end wherever it is killed."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from scoring.learner.advance import Learner
from scoring.learner.errors import StepDelayedError
from scoring.learner.run import LearnerRun
from scoring.learner.schedule import LearnerSettings, LearningSpan
from tests.support.events import NOON
from tests.support.learners import DAY, SITE, KilledError, ListedRuns, LossyShop, counts

AUTO = LearnerSettings(promotion="auto")
#: A model of day 0 degrades on day 8: then the one before is better.
DEGRADES = NOON + 8 * DAY


def taught(span: LearningSpan) -> str:
    """What all days teach is better, once; what the newest days teach never is."""
    return "better" if span.until - span.since > 20 * DAY else "recent"


def losses(version: str, span: LearningSpan) -> float:
    better = 0.25 if span.until > DEGRADES else 0.18
    return {"old": 0.2, "better": better, "recent": 0.21}[version]


def lived(shop: LossyShop, runs: ListedRuns, days: int = 12, first: int = 0) -> None:
    """A look each day, begun again where it was killed."""
    for day in range(first, days):
        learner = Learner(shop, runs, AUTO, 30)
        for _ in range(3):
            try:
                learner.advance(counts(), NOON + day * DAY)
                break
            except KilledError:
                continue


def steps(runs: ListedRuns) -> list[str]:
    return [run.step for run in runs.runs(SITE)]


def test_what_is_better_is_promoted_watched_and_rolled_back_when_it_degrades() -> None:
    shop, runs = LossyShop(taught, losses), ListedRuns()
    lived(shop, runs, 3)
    assert (shop.puts, steps(runs)) == (["old", "better"], ["watching", *["refused"] * 5])
    assert runs.runs(SITE)[2].reasons == ("better is in force already: these sessions teach nothing new",)
    lived(shop, runs, 12, first=3)
    assert shop.puts == ["old", "better", "old"]
    first = runs.runs(SITE)[0]
    assert (first.step, first.candidate, first.before) == ("rolled_back", "better", "old")
    assert first.reasons[0].startswith("old would have been better than better: log-loss -0.05000, 95 % -0.05100 to")
    # What was rolled back is not promoted again, though all days teach it again.
    assert runs.runs(SITE)[-2].reasons == ("better was rolled back before",)


@pytest.mark.parametrize(
    ("promotion", "found", "puts"),
    [("auto", ["watching", "refused"], ["old", "better"]), ("propose", ["proposed"], ["old"])],
)
def test_the_setting_decides_whether_it_promotes(promotion: str, found: list[str], puts: list[str]) -> None:
    shop, runs = LossyShop(taught, losses), ListedRuns()
    Learner(shop, runs, replace(AUTO, promotion=promotion), 30).advance(counts(), NOON)
    assert (steps(runs), shop.puts) == (found, puts)
    assert runs.runs(SITE)[0].reasons[0].startswith("the gate lets it pass: log-loss -0.02000")


def test_what_the_gate_refuses_is_tried_with_the_newest_days_and_then_not_again() -> None:
    shop, runs = LossyShop(taught, lambda version, _: 0.1 if version == "old" else 0.2), ListedRuns()
    for _ in range(3):
        Learner(shop, runs, AUTO, 30).advance(counts(), NOON)
    assert [(run.step, run.candidate) for run in runs.runs(SITE)] == [("refused", "better"), ("refused", "recent")]
    until = NOON - DAY
    assert shop.learned == [LearningSpan(until - 60 * DAY, until), LearningSpan(until - 5 * DAY, until)]


def test_what_the_newest_days_teach_takes_the_place_of_what_all_days_taught_where_it_is_better() -> None:
    """Some days after a change, all days teach a little and the newest much."""
    shop, runs = (
        LossyShop(taught, lambda version, _: {"old": 0.2, "better": 0.195, "recent": 0.18}[version]),
        ListedRuns(),
    )
    Learner(shop, runs, AUTO, 30).advance(counts(), NOON)
    assert shop.puts == ["old", "better", "recent"]
    assert [(run.step, run.before) for run in runs.runs(SITE)] == [("replaced", "old"), ("watching", "better")]


def test_a_version_that_somebody_promoted_ends_the_watch() -> None:
    shop, runs = LossyShop(taught, losses), ListedRuns()
    lived(shop, runs, 1)
    shop.puts.append("old")
    lived(shop, runs, 3, first=1)
    first, _, second = runs.runs(SITE)[:3]
    assert (first.step, first.reasons) == ("overruled", ("somebody put old in force",))
    # All days teach the same again, and it is not promoted against somebody's will.
    assert second.reasons == ("better was overruled before",)
    assert shop.puts == ["old", "better", "old"]


@pytest.mark.parametrize(
    ("line", "purchases"),
    [
        pytest.param("0 of 10,000 sessions bought, and learning takes 30", 0, id="no purchases"),
        pytest.param("each of the 400 sessions bought: there is nothing to tell apart", 400, id="one class only"),
        pytest.param("the disk of data_dir (/data) has 1 MB left of 200: make room", 400, id="a full disk"),
        pytest.param("--until is in the future: sessions that are yet to come teach nothing", 400, id="the future"),
    ],
)
def test_what_cannot_be_learned_from_is_one_line(line: str, purchases: int) -> None:
    shop, runs = LossyShop(lambda _: line, losses), ListedRuns()
    for _ in range(2):
        Learner(shop, runs, AUTO, 30).advance(counts(purchases), NOON)
    [run] = runs.runs(SITE)
    assert run.step == "waiting"
    assert len(run.reasons) == 1
    assert run.reasons[0].startswith(line)
    assert "\n" not in run.reasons[0]


def test_what_is_away_is_done_later_and_costs_no_attempt() -> None:
    shop, runs = LossyShop(taught, losses), ListedRuns()

    def away() -> None:
        raise StepDelayedError("Kafka is away")

    shop.after = away
    for _ in range(5):
        with pytest.raises(StepDelayedError):
            Learner(shop, runs, AUTO, 30).advance(counts(), NOON)
    assert [(run.step, run.attempts) for run in runs.runs(SITE)] == [("learning", 0)]
    shop.after = lambda: None
    Learner(shop, runs, AUTO, 30).advance(counts(), NOON)
    assert steps(runs) == ["watching", "refused"]


def test_a_step_that_always_ends_in_the_middle_is_given_up() -> None:
    shop, runs = LossyShop(taught, losses), ListedRuns()

    def killed() -> None:
        raise KilledError

    shop.after = killed
    lived(shop, runs, 2)
    assert steps(runs)[0] == "failed"
    assert runs.runs(SITE)[0].reasons == ("learning ended in the middle 3 times: see the log, and learning.memory_mb",)


def nth(number: int) -> Callable[[], None]:
    """Ends the process at the so manieth call."""
    left = [number]

    def count() -> None:
        left[0] -= 1
        if left[0] == 0:
            raise KilledError

    return count


def ends(runs: ListedRuns) -> list[LearnerRun]:
    return [replace(run, attempts=0) for run in runs.runs(SITE)]


def test_killed_at_any_boundary_of_its_steps_it_comes_to_the_same_end() -> None:
    """Before each write of its state, and after each effect before that is written: 12 days with a rollback in them."""
    undisturbed, kept = LossyShop(taught, losses), ListedRuns()
    boundaries = [0, 0]

    def counted(which: int) -> Callable[[], None]:
        def count() -> None:
            boundaries[which] += 1

        return count

    kept.before, undisturbed.after = counted(0), counted(1)
    lived(undisturbed, kept)
    assert min(boundaries) > 20
    for which, number in ((0, each) for each in range(1, boundaries[0] + 1)):
        check_same_end(which, number, undisturbed, kept)
    for which, number in ((1, each) for each in range(1, boundaries[1] + 1)):
        check_same_end(which, number, undisturbed, kept)


def check_same_end(which: int, number: int, undisturbed: LossyShop, kept: ListedRuns) -> None:
    shop, runs = LossyShop(taught, losses), ListedRuns()
    if which == 0:
        runs.before = nth(number)
    else:
        shop.after = nth(number)
    lived(shop, runs)
    assert shop.puts == undisturbed.puts, (which, number)
    assert ends(runs) == ends(kept), (which, number)
