"""An experiment read: what is called, when, and what stops or delays the reading."""

import msgspec
import numpy as np
import pytest

from deploy.simulate.experiment import GeneratedFacts, generated
from scoring.experiments.any_time import any_time_multiplier
from scoring.experiments.planned_looks import boundaries
from scoring.experiments.reading import ExperimentDesign, looks, read
from scoring.experiments.visitors import ExperimentError

DESIGN = ExperimentDesign(arms=("control", "coupon"), shares=(50, 50), planned_visitors=20_000)
PLANNED = msgspec.structs.replace(DESIGN, reading="planned looks")
STRONG = generated(GeneratedFacts(base=0.05, uplift=0.6), (1,))


@pytest.mark.parametrize("design", [DESIGN, PLANNED], ids=["any time", "planned looks"])
def test_a_strong_effect_is_called_before_the_end_and_covered(design: ExperimentDesign) -> None:
    report = read(design, STRONG, 28)
    assert (report.stopped, report.waiting, report.day) == ("", "", 27)
    effect = report.effects[0]
    assert (effect.metric, effect.arm, effect.decides) == ("conversion", "coupon", True)
    assert effect.called_on is not None
    assert effect.called_on < 27
    assert effect.low is not None
    assert effect.high is not None
    assert 0 < effect.low < 0.03 < effect.high
    assert effect.ratio_low is not None
    assert effect.ratio_high is not None
    assert 1 < effect.ratio_low < 1.6 < effect.ratio_high
    assert 0.1 < effect.explained < 0.5
    assert [each.metric for each in report.effects] == ["conversion", "session_conversion", "revenue_per_visitor"]
    assert 0 < report.revenue_cut < 0.1


def test_arms_are_counted_as_they_are() -> None:
    report = read(DESIGN, STRONG, 28)
    for arm, figures in enumerate(report.arms):
        of_arm = STRONG.chosen(STRONG.arm == arm)
        assert (figures.visitors, figures.sessions) == (of_arm.size, of_arm.sessions.sum())
        assert figures.conversion == pytest.approx(of_arm.converted.mean())
        assert figures.session_conversion == pytest.approx(of_arm.converted_sessions.sum() / of_arm.sessions.sum())


def test_looks_follow_visitors_and_no_outcome() -> None:
    counted = np.linspace([360.0, 360.0], [10_080.0, 10_080.0], 28)
    planned = looks(PLANNED, counted)
    assert planned.days == [6, 13, 20, 27]
    fractions = [min(counted[day].sum() / 20_000, 1) for day in planned.days]
    assert planned.multipliers.tolist() == boundaries(fractions, 0.05)
    daily = looks(DESIGN, counted)
    assert daily.days == list(range(28))
    assert daily.multipliers[9] == any_time_multiplier(counted[9].sum(), 20_000, 0.05)


def test_a_broken_ratio_stops_the_reading() -> None:
    lost = generated(GeneratedFacts(second_share=0.45), (2,))
    report = read(DESIGN, lost, 28)
    assert report.effects == []
    assert report.day == -1
    assert report.stopped.startswith("the arms have ")
    assert "\n" not in report.stopped


def test_the_ratio_goes_by_exposures_where_they_are_given() -> None:
    exposed = np.array([[4_000, 3_000]] * 28)
    assert read(DESIGN, STRONG, 28, exposed).stopped.startswith("the arms have 4,000 : 3,000")


@pytest.mark.parametrize(
    ("design", "days", "waiting"),
    [
        pytest.param(PLANNED, 3, "the first planned look is at 5,000 visitors", id="planned looks"),
        pytest.param(DESIGN, 0, "each arm needs 100 visitors", id="nobody yet"),
    ],
)
def test_before_the_first_look_it_waits(design: ExperimentDesign, days: int, waiting: str) -> None:
    if not days:
        later = STRONG._replace(counted_on=STRONG.counted_on + 1)
        report = read(design, later, 1)
        assert report.arms[0].conversion is None
    else:
        report = read(design, STRONG, days)
    assert report.waiting.startswith(waiting)
    assert report.effects == []


def test_several_arms_share_alpha() -> None:
    three = msgspec.structs.replace(DESIGN, arms=("control", "a", "b"), shares=(2, 1, 1))
    arms = STRONG.arm * (1 + np.arange(STRONG.size) % 2)
    report = read(three, STRONG._replace(arm=arms), 28)
    assert [each.arm for each in report.effects[:2]] == ["a", "b"]
    assert three.arm_alpha == 0.025


def test_a_report_is_json() -> None:
    document = msgspec.json.decode(msgspec.json.encode(read(DESIGN, STRONG, 28)))
    assert document["effects"][0]["decides"] is True


@pytest.mark.parametrize(
    ("given", "message"),
    [
        pytest.param({"arms": ("one",), "shares": (1,)}, "at least two arms", id="one arm"),
        pytest.param({"shares": (1, 0)}, "share above 0", id="an empty arm"),
        pytest.param({"planned_visitors": 300}, "too few for 2 arms", id="few visitors"),
        pytest.param({"alpha": 1.0}, "alpha must be", id="alpha"),
    ],
)
def test_a_design_that_cannot_be_read_is_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(ExperimentError, match=message):
        msgspec.structs.replace(DESIGN, **given)


def test_visitors_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ExperimentError, match="one length"):
        read(DESIGN, STRONG._replace(revenue=STRONG.revenue[1:]), 28)
    with pytest.raises(ExperimentError, match="arms of visitors must be 0 to 1"):
        read(DESIGN, STRONG._replace(arm=STRONG.arm + 1), 28)
    with pytest.raises(ExperimentError, match="revenue must be a number"):
        read(DESIGN, STRONG._replace(revenue=STRONG.revenue * np.nan), 28)
    with pytest.raises(ExperimentError, match="session of its exposure"):
        read(DESIGN, STRONG._replace(sessions=STRONG.sessions * 0), 28)
