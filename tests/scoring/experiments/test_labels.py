"""Who counts, and what: a table of visitors, each with what the rule makes of it."""

import numpy as np
import pytest

from scoring.experiments.labels import (
    DAY_MS,
    CountingRule,
    ExposureRow,
    LabeledVisitors,
    OrderRow,
    VisitorSession,
    labeled,
)
from scoring.experiments.visitors import ExperimentError

START = 1_800_000_000_000
RULE = CountingRule(started_at=START, window_days=2)
DAY = DAY_MS


def read(
    exposures: list[ExposureRow], orders: list[OrderRow] | None = None, sessions: list[VisitorSession] | None = None
) -> LabeledVisitors:
    return labeled(exposures, sessions or [], orders or [], RULE, 2, START + 10 * DAY)


@pytest.mark.parametrize(
    ("orders", "converted", "revenue"),
    [
        pytest.param([], False, 0.0, id="nothing"),
        pytest.param([OrderRow("v", START + DAY + 5, 20)], True, 20.0, id="after the exposure"),
        pytest.param([OrderRow("v", START + DAY, 20)], True, 20.0, id="at the exposure"),
        pytest.param([OrderRow("v", START + DAY - 1, 20)], False, 0.0, id="before the exposure"),
        pytest.param([OrderRow("v", START + 3 * DAY, 20)], False, 0.0, id="after the window"),
        pytest.param([OrderRow("v", START + DAY, 20, 5)], True, 15.0, id="refunded in part"),
        pytest.param([OrderRow("v", START + DAY, 20, 20)], False, 0.0, id="refunded"),
        pytest.param([OrderRow("v", START + DAY, 20), OrderRow("v", START + 2 * DAY, 7)], True, 27.0, id="twice"),
        pytest.param([OrderRow("w", START + DAY, 20)], False, 0.0, id="of somebody else"),
    ],
)
def test_what_counts_of_a_visitor(orders: list[OrderRow], converted: bool, revenue: float) -> None:
    found = read([ExposureRow("v", 1, START + DAY)], orders).visitors
    assert (found.converted.tolist(), found.revenue.tolist()) == ([converted], [revenue])
    assert (found.arm.tolist(), found.counted_on.tolist()) == ([1], [3])


def test_who_is_left_out_is_counted() -> None:
    found = read(
        [
            ExposureRow("both", 0, START),
            ExposureRow("both", 1, START + DAY),
            ExposureRow("robot", 0, START, is_bot=True),
            ExposureRow("robot", 1, START),
            ExposureRow("again", 1, START + 2 * DAY, covariates=(9.0,)),
            ExposureRow("again", 1, START + DAY, covariates=(0.5,)),
            ExposureRow("new", 0, START + 9 * DAY),
        ],
        [OrderRow("again", START, 1), OrderRow("again", START + 4 * DAY, 1), OrderRow("again", START + DAY, 8, 2)],
    )
    assert found.ids == ("again",)
    assert found.visitors.covariates.tolist() == [[0.5]]
    counts = found.counts
    assert (counts.visitors, counts.unfinished, counts.two_arms, counts.bots) == (1, 1, 1, 1)
    assert (counts.early_orders, counts.late_orders, counts.refunded_orders, counts.refunded) == (1, 1, 1, 2.0)
    assert found.exposed[-1].tolist() == [1, 1]
    assert found.exposed[0].tolist() == [0, 0]
    assert counts.line().startswith("1 visitors counted; left out: 1 who met two arms, 1 programs, 1 whose window")


def test_sessions_count_from_the_exposure_on() -> None:
    at = START + DAY
    sessions = [
        VisitorSession("v", START, START + 10),
        VisitorSession("v", at - 50, at + 50),
        VisitorSession("v", at + DAY, at + DAY + 9),
        VisitorSession("v", at + 2 * DAY, at + 2 * DAY + 9),
    ]
    found = read([ExposureRow("v", 0, at)], [OrderRow("v", at + DAY + 3, 5)], sessions).visitors
    assert (found.sessions.tolist(), found.converted_sessions.tolist()) == ([2], [1])


def test_nobody_is_nobody() -> None:
    found = read([])
    assert (found.visitors.size, found.visitors.covariates.shape) == (0, (0, 0))


def test_covariates_are_as_many_for_each() -> None:
    with pytest.raises(ExperimentError, match="give NaN"):
        read([ExposureRow("v", 0, START, covariates=(1.0,)), ExposureRow("w", 0, START)])
    found = read([ExposureRow("v", 0, START, covariates=(1.0,)), ExposureRow("w", 0, START, covariates=(np.nan,))])
    assert found.visitors.covariates.shape == (2, 1)
