"""The gate against candidates of which the truth is known: 50 generated shops each."""

from collections import Counter
from functools import partial

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from scoring.manifest import FittedWindow, Manifest
from scoring.shadow.gate import DEFAULTS, GateSettings, refusals
from scoring.shadow.report import ShadowReport
from tests.support.shadow import (
    DAY,
    FITTED,
    NEW,
    Floats,
    Scorer,
    live,
    logit,
    manifest,
    report_of,
    shadow_rows,
    sigmoid,
)

TRIES = 50
Outcomes = NDArray[np.bool_]


def learned(truth: Floats, bought: Outcomes, chance: np.random.Generator, is_mobile: Outcomes) -> Floats:
    """A truly better model: near the truth, though not quite."""
    return sigmoid(logit(truth) + chance.normal(0, 0.1, len(truth)))


def of_shuffled_labels(truth: Floats, bought: Outcomes, chance: np.random.Generator, is_mobile: Outcomes) -> Floats:
    """What a fit on shuffled labels gives: the rate of buyers, and noise."""
    return np.clip(0.08 * np.exp(chance.normal(0, 0.3, len(truth))), 0.001, 0.99)


def of_a_leak(truth: Floats, bought: Outcomes, chance: np.random.Generator, is_mobile: Outcomes) -> Floats:
    """What a fit on a leak of the outcome gives where there is no leak: it is sure, and of the wrong sessions."""
    return np.where(chance.random(len(truth)) < 0.08, 0.97, 0.01)


def of_a_leak_in_its_own_window(
    truth: Floats, bought: Outcomes, chance: np.random.Generator, is_mobile: Outcomes
) -> Floats:
    return np.where(bought, 0.97, 0.01)


def miscalibrated(
    truth: Floats, bought: Outcomes, chance: np.random.Generator, is_mobile: Outcomes, shift: float
) -> Floats:
    """The truth's own order, at other odds."""
    return sigmoid(logit(truth) + shift)


def crude(truth: Floats, bought: Outcomes, chance: np.random.Generator, is_mobile: Outcomes) -> Floats:
    """A model in force that is so bad that a miscalibrated one beats it."""
    return sigmoid(0.2 * (logit(truth) + 4.5) - 4.5)


def worse_on_mobile(truth: Floats, bought: Outcomes, chance: np.random.Generator, is_mobile: Outcomes) -> Floats:
    """Better by far on desktops, and worse than the model in force on mobiles."""
    better = learned(truth, bought, chance, is_mobile)
    return np.where(is_mobile, sigmoid(0.15 * (logit(truth) + 2.6) - 2.6), better)


def verdicts(candidate: Scorer, in_force: Scorer, sessions: int) -> list[list[str]]:
    """The refusals of each try."""
    # Sums so small are slower on several threads.
    with threadpool_limits(1):
        drawn = (shadow_rows(candidate, seed, sessions, in_force) for seed in range(TRIES))
        return [refusals(report_of(rows), manifest()) for rows in drawn]


BAD = {
    "shuffled labels": (of_shuffled_labels, live, "not better"),
    "a leak of the outcome": (of_a_leak, live, "not better"),
    "odds too high": (partial(miscalibrated, shift=0.7), live, "miscalibrated"),
    "odds too low": (partial(miscalibrated, shift=-0.9), live, "miscalibrated"),
    "miscalibrated and yet better than what is in force": (partial(miscalibrated, shift=0.6), crude, "miscalibrated"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_candidate_is_refused_in_every_try(name: str) -> None:
    candidate, in_force, reason = BAD[name]
    found = verdicts(candidate, in_force, sessions=1_000)
    assert Counter(any(reason in line for line in lines) for lines in found) == {True: TRIES}
    assert all("\n" not in line for lines in found for line in lines)


def test_a_calibrated_candidate_is_not_refused_for_what_chance_does_to_few_sessions() -> None:
    found = verdicts(learned, poor, sessions=300)
    assert sum(any("miscalibrated" in line for line in lines) for lines in found) <= TRIES // 10


def test_a_better_candidate_passes() -> None:
    assert Counter(map(len, verdicts(learned, poor, sessions=4_000))) == {0: TRIES}


def poor(truth: Floats, bought: Outcomes, chance: np.random.Generator, is_mobile: Outcomes) -> Floats:
    """The truth's order with less of its spread."""
    return sigmoid(0.3 * (logit(truth) + 2.6) - 2.6)


def test_a_leak_that_shines_in_its_own_window_is_refused_there() -> None:
    """Its report of the days that it was fitted on is better by far, and is no reason to promote it."""
    rows = shadow_rows(of_a_leak_in_its_own_window, seed=1)
    report = msgspec.structs.replace(report_of(rows, fitted_until=None), since=0, until=FITTED.until)
    assert (report.whole.differences["log_loss"].high or 0) < 0
    assert refusals(report, manifest()) == [
        "the shadow report has days on which candidate was fitted: run the shadow again"
    ]


def test_one_that_is_worse_for_a_subgroup_is_refused_unless_the_group_is_small() -> None:
    report = report_of(shadow_rows(worse_on_mobile, seed=3, sessions=6_000, in_force=poor))
    lines = refusals(report, manifest())
    assert len(lines) == 1
    assert lines[0].startswith("it is clearly worse for device mobile, 4")
    assert refusals(report, manifest(), GateSettings(least_share=0.9)) == []


def test_one_that_is_not_worse_passes_only_if_it_is_simpler_to_run() -> None:
    def as_good(truth: Floats, bought: Outcomes, chance: np.random.Generator, is_mobile: Outcomes) -> Floats:
        return truth

    rows = shadow_rows(as_good, seed=4, in_force=as_good)
    [line] = refusals(report_of(rows), manifest())
    assert "is not simpler to run" in line
    assert refusals(report_of(rows, of_batch=1.0), manifest()) == []
    # Another one whose log-loss may be above by more than the margin is not saved by its speed.
    [line, *_] = refusals(report_of(shadow_rows(of_shuffled_labels, seed=4), of_batch=0.1), manifest())
    assert "not better" in line


def changed(report: ShadowReport, **fields: object) -> ShadowReport:
    return msgspec.structs.replace(report, **fields)


REPORT = report_of(shadow_rows(learned, seed=5))


@pytest.mark.parametrize(
    ("report", "known", "reason"),
    [
        (REPORT, manifest(fitted_on=None), "does not say on which days it was fitted"),
        (changed(REPORT, sha256="other"), manifest(), "is of another graph"),
        (changed(REPORT, candidate="other"), manifest(), "is of another graph"),
        (changed(REPORT, fitted_until=None), manifest(), "has days on which candidate was fitted"),
        (changed(REPORT, fitted_until=FITTED.until - 1), manifest(), "has days on which candidate was fitted"),
        (changed(REPORT, until=FITTED.until + DAY // 2), manifest(), "0.5 days are new to it"),
        (
            changed(REPORT, fitted_until=FITTED.until + NEW),
            manifest(fitted_on=FittedWindow(since=0, until=FITTED.until + NEW)),
            "0.0 days are new to it, which was fitted on sessions up to 1970-01-18 00:00 UTC",
        ),
        (report_of(shadow_rows(learned, seed=6, sessions=60)), manifest(), "the gate needs 30 purchases"),
    ],
    ids=[
        *("no window", "another graph", "another version", "no window in the report", "an older window"),
        *("half a day", "no day", "few purchases"),
    ],
)
def test_a_report_of_another_candidate_is_one_line(report: ShadowReport, known: Manifest, reason: str) -> None:
    [line] = refusals(report, known, DEFAULTS)
    assert reason in line
    assert "\n" not in line


def test_a_manifest_of_before_has_no_window_and_is_read() -> None:
    known = msgspec.to_builtins(manifest())
    del known["fitted_on"]
    assert msgspec.convert(known, Manifest).fitted_on is None
    again = msgspec.json.decode(msgspec.json.encode(manifest()), type=Manifest)
    assert again.fitted_on == FITTED
