"""Generated sessions of which the true probability is known at each event, as rows of a shadow; and their report."""

from collections.abc import Callable

import msgspec
import numpy as np
from numpy.typing import NDArray

from scoring.manifest import FittedWindow, Manifest
from scoring.model import ConstantModel
from scoring.shadow.compare import by_subgroup, calibration, paired
from scoring.shadow.report import ALL, GraphLatency, ShadowReport
from scoring.shadow.rows import RowColumns

DAY = 86_400_000
#: The candidate was fitted on the first ten days; seven days are new to it.
FITTED, NEW = FittedWindow(since=0, until=10 * DAY), 7 * DAY
GROUPS = ("device desktop", "device mobile")

Floats = NDArray[np.float64]
#: (truth, whether it buys after, generator, whether the device is mobile) to probabilities, of each row.
Scorer = Callable[[Floats, NDArray[np.bool_], np.random.Generator, NDArray[np.bool_]], Floats]


def logit(probability: Floats) -> Floats:
    return np.log(probability / (1 - probability))


def sigmoid(logits: Floats) -> Floats:
    return 1 / (1 + np.exp(-logits))


def live(truth: Floats, bought: NDArray[np.bool_], chance: np.random.Generator, is_mobile: NDArray[np.bool_]) -> Floats:
    """A model in force that knows a part of the truth and is calibrated roughly."""
    return sigmoid(0.55 * (logit(truth) + 2.6) - 2.6)


def manifest(version: str = "candidate", fitted_on: FittedWindow | None = FITTED) -> Manifest:
    return msgspec.structs.replace(ConstantModel().manifest, version=version, sha256="abc", fitted_on=fitted_on)


def shadow_rows(
    candidate: Scorer,
    seed: int,
    sessions: int = 2_000,
    in_force: Scorer = live,
    groups: tuple[str, str] = GROUPS,
) -> RowColumns:
    """Sessions after those that the candidate was fitted on; a martingale of log-odds that ends in the outcome."""
    chance = np.random.default_rng(seed)
    length, is_mobile = chance.integers(1, 9, sessions), chance.random(sessions) < 0.4
    # Known truth: the outcome is drawn from the probability of the last event, earlier ones are its expectation.
    walks = _truths(chance, sessions)
    bought = chance.random(sessions) < walks[np.arange(sessions), length - 1]
    session = np.repeat(np.arange(sessions), length)
    event = np.concatenate([np.arange(each) for each in length]) + 1
    truth, mobile, outcome = walks[session, event - 1], is_mobile[session], bought[session]
    return RowColumns(
        session,
        event,
        in_force(truth, outcome, chance, mobile),
        candidate(truth, outcome, chance, mobile),
        outcome,
        mobile.astype(np.int64),
        [(name,) for name in groups],
    )


def _truths(chance: np.random.Generator, sessions: int, longest: int = 8) -> Floats:
    """Bounded martingales, float64[sessions, longest]: each probability is the mean of those that may follow it."""
    truth = [chance.beta(1.2, 14.0, sessions)]
    for _ in range(longest - 1):
        before = truth[-1]
        step = np.minimum(before, 1 - before) * 0.6
        truth.append(before + step * np.where(chance.random(sessions) < 0.5, 1, -1))
    return np.clip(np.column_stack(truth), 0.002, 0.998)


def report_of(columns: RowColumns, *, fitted_until: int | None = FITTED.until, of_batch: float = 2.0) -> ShadowReport:
    """What the gate reads; the event numbers are left out, as it reads none."""
    whole = paired(columns, np.ones(len(columns.event), np.bool_), has_auc=False)
    return ShadowReport(
        candidate="candidate",
        sha256="abc",
        live={"live": 1.0},
        site="shop",
        since=FITTED.until,
        until=FITTED.until + NEW,
        fitted_until=fitted_until,
        sessions=whole.sessions,
        buyers=whole.buyers,
        updates=len(columns.event),
        left_open=0,
        kept=1.0,
        by_event={ALL: whole},
        subgroups=by_subgroup(columns),
        calibration=calibration(columns),
        movers=[],
        latency={"live": GraphLatency(10.0, 2.0), "candidate": GraphLatency(10.0, of_batch)},
    )
