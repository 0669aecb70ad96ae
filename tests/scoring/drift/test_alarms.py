"""Drift: as few alarms on quiet days as the setting says, and planted shifts found. Generated days, known truth."""

import numpy as np
import pytest
from scipy.stats import poisson

from scoring.drift.alarms import DAYS_PER_MONTH, FEWEST_DAYS, DriftFigure, TooFewSessionsError, drift, name_of
from scoring.drift.measures import AUC, GAP, LATE, PROGRAMS, SESSIONS
from tests.support.drift_windows import (
    COLUMNS,
    Change,
    Generated,
    half_gone,
    hidden_programs,
    known_programs,
    no_page_types,
    no_pings,
    prices_doubled,
    purchases_twice,
    scores_shuffled,
    slow_queue,
    unknown_page_types,
    window,
)

#: Seeds, the alarms that are set for each day, and sessions of a day.
QUIET = [
    pytest.param(3, 1 / 20, 1_000, id="21 days"),
    pytest.param(29, 1 / 20, 300, id="203 days", marks=pytest.mark.long),
    pytest.param(29, 1 / 20, 2_000, id="203 days of more sessions", marks=pytest.mark.long),
]
RUNS = [pytest.param(20, id="20 runs"), pytest.param(100, id="100 runs", marks=pytest.mark.long)]


@pytest.mark.parametrize(("seeds", "share", "sessions"), QUIET)
def test_quiet_days_give_no_more_alarms_than_the_setting(seeds: int, share: float, sessions: int) -> None:
    """The alarm of the day is the farthest of all columns and figures, so one share holds for all of them."""
    alarmed = 0
    for seed in range(seeds):
        days = [window(seed, number, sessions) for number in range(1, 36)]
        reports = [drift(COLUMNS, days[:28], day, (), share * DAYS_PER_MONTH, draws=300) for day in days[28:]]
        alarmed += sum(bool(report.moved) for report in reports)
    print(f"{alarmed} alarms on {7 * seeds} quiet days, {7 * seeds * share:.1f} expected")
    assert alarmed <= poisson.ppf(0.99, 7 * seeds * share)


@pytest.mark.parametrize("runs", RUNS)
@pytest.mark.parametrize(
    ("change", "sessions", "moved"),
    # One session in ten has a cart.
    [
        (no_pings, 300, "engaged_seconds at event 1"),
        (prices_doubled, 2_000, "cart_value at event 1"),
        (hidden_programs, 300, "TrafficType at event 1"),
        (known_programs, 300, PROGRAMS),
        (no_page_types, 300, "last_page_type at event 1"),
        (unknown_page_types, 300, "last_page_type unknown"),
        (slow_queue, 300, LATE),
        (purchases_twice, 1_000, f"{GAP} at event 1"),
        (scores_shuffled, 1_000, f"{AUC} at event 1"),
    ],
)
def test_planted_shifts_are_found_on_the_same_day(change: Change, sessions: int, moved: str, runs: int) -> None:
    found = 0
    for seed in range(runs):
        quiet = [window(seed, number, sessions) for number in range(1, 15)]
        found += moved in drift(COLUMNS, quiet, window(seed, 15, sessions, change), draws=200).moved
    print(f"{change.__name__}: found in {found} of {runs}")
    assert found >= 0.95 * runs


def test_an_alarm_names_the_column_its_histograms_and_the_usual_cause() -> None:
    quiet = [window(1, number) for number in range(14)]
    report = drift(COLUMNS, quiet, window(1, 14, change=no_pings), draws=200)
    first = report.alarms[0]
    assert first.name == "engaged_seconds"
    assert first.cause.startswith("pings stopped")
    assert len(first.bins) == len(first.before) == len(first.now)
    assert (sum(first.before), sum(first.now)) == (pytest.approx(1), pytest.approx(1))
    assert first.now[0] == 1.0
    assert [alarm.strength for alarm in report.alarms] == sorted((a.strength for a in report.alarms), reverse=True)


def test_the_share_of_unknown_values_is_a_column_of_its_own() -> None:
    quiet = [window(6, number) for number in range(14)]
    report = drift(COLUMNS, quiet, window(6, 14, change=unknown_page_types), draws=200)
    alarm = next(each for each in report.alarms if name_of(each) == "last_page_type unknown")
    assert alarm.bins == ["known", "unknown"]
    assert alarm.before[1] == pytest.approx(0.1, abs=0.02)
    assert alarm.now[1] == pytest.approx(0.37, abs=0.1)


def figure(figures: list[DriftFigure], name: str, events: int = 0) -> DriftFigure:
    return next(each for each in figures if (each.name, each.events) == (name, events))


def test_a_figure_stands_beside_those_of_every_window_and_its_band() -> None:
    quiet = [window(7, number) for number in range(14)]
    report = drift(COLUMNS, quiet, window(7, 14, change=half_gone), draws=200)
    found = figure(report.figures, SESSIONS)
    assert found.now == pytest.approx(report.sessions)
    assert found.quiet == pytest.approx([each.counts.sessions for each in quiet])
    assert found.low < found.usual < found.high
    assert found.is_alarm == (not found.low <= found.now <= found.high)
    assert found.is_alarm
    assert not figure(report.figures, AUC, 1).is_alarm


def test_what_models_that_differ_scored_is_not_compared() -> None:
    def other_model(made: Generated) -> None:
        made.models = frozenset({"m2"})
        scores_shuffled(made)
        made.values[:, made.of("probability")] = 0.9

    quiet = [window(8, number, 1_000) for number in range(14)]
    report = drift(COLUMNS, quiet, window(8, 14, 1_000, other_model), draws=200)
    assert report.moved == []
    assert report.left_out == [
        "scores, calibration and AUC: 0 windows before were scored by the window's one model, 7 are needed"
    ]
    assert {each.events for each in report.figures} == {0}
    since = [window(8, number, 1_000, other_model) for number in range(7)]
    assert drift(COLUMNS, [*quiet, *since], window(8, 14, 1_000, other_model), draws=200).left_out == []


def test_features_are_compared_with_the_days_that_the_model_learned_from() -> None:
    """Doubled for weeks, prices are as in the days before, and not as the model knows them."""
    learned = [window(9, number, 3_000).sample for number in range(14)]
    quiet = [window(9, number, 3_000, prices_doubled) for number in range(20, 34)]
    day = window(9, 40, 3_000, prices_doubled)
    assert drift(COLUMNS, quiet, day, draws=200).moved == []
    report = drift(COLUMNS, quiet, day, learned, draws=200)
    assert report.reference_days == len(learned)
    assert {alarm.name for alarm in report.alarms} == {"cart_value"}


def test_bad_days_of_the_last_weeks_do_not_hide_the_next_one() -> None:
    def half_of_the_pings(made: Generated) -> None:
        made.values[:, made.of("engaged_seconds")] /= 2

    bad = [window(10, number, change=no_pings) for number in (3, 4)]
    quiet = [window(10, number) for number in range(5, 31)]
    report = drift(COLUMNS, bad + quiet, window(10, 31, change=half_of_the_pings), draws=200)
    assert "engaged_seconds at event 1" in report.moved


def test_the_same_days_give_the_same_report() -> None:
    quiet = [window(2, number) for number in range(10)]
    assert drift(COLUMNS, quiet, window(2, 30)) == drift(COLUMNS, quiet, window(2, 30))


def test_a_value_that_one_session_has_for_the_first_time_is_no_alarm() -> None:
    def one_more(made: Generated) -> None:
        made.values[0, made.of("device_class")] = 3
        made.late[0] = made.sent[0]

    quiet = [window(3, number) for number in range(14)]
    quiet = [each._replace(counts=each.counts._replace(senders=each.counts.senders * [1, 0, 1])) for each in quiet]
    assert drift(COLUMNS, quiet, window(3, 15, change=one_more), draws=200).moved == []


def test_the_usual_limits_of_psi_are_passed_on_quiet_days_of_few_sessions() -> None:
    quiet = [window(4, number, 100) for number in range(1, 29)]
    report = drift(COLUMNS, quiet, window(4, 30, 100), draws=200)
    assert report.psi_over[0] > 0
    assert report.moved == []


def test_a_longer_window_comes_less_often_and_has_a_lower_limit() -> None:
    quiet, day = [window(5, number) for number in range(14)], window(5, 14)
    limits = [drift(COLUMNS, quiet, day, days=days, draws=300).limit for days in (0.25, 1, 7)]
    assert limits == sorted(limits, reverse=True)
    assert len(set(limits)) == 3


def test_too_little_to_compare_is_one_line() -> None:
    quiet = [window(5, number) for number in range(FEWEST_DAYS)]
    few = window(5, 8, 20)
    with pytest.raises(TooFewSessionsError, match=r"the window has \d+ sessions: 50 are needed"):
        drift(COLUMNS, quiet[1:], few)
    with pytest.raises(TooFewSessionsError, match="there are 6 days"):
        drift(COLUMNS, [*quiet[1:], few], window(5, 9))


def test_a_window_with_hardly_a_session_is_compared_by_its_volume_alone() -> None:
    def nobody(made: Generated) -> None:
        for name in ("values", "reached", "sent", "late", "logits", "bought"):
            setattr(made, name, getattr(made, name)[:0])
        made.sessions = made.programs = 0

    report = drift(COLUMNS, [window(5, number) for number in range(14)], window(5, 14, change=nobody), draws=200)
    assert report.moved == ["sessions", "events"]
    assert report.left_out == ["all but volume: the window has 0 sessions, 50 are needed"]
    assert not np.isnan([each.now for each in report.figures]).any()
