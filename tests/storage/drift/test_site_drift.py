"""Drift of a site from its timeline: one row a session, what was known then; programs and closings left out."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from scoring.drift.alarms import _CAUSES, TooFewSessionsError
from scoring.signals import Signals
from storage.drift.report import DAY_MS, site_drift
from storage.drift.samples import COLUMNS, sample_of
from storage.write.clickhouse_sink import AnalyticsSink, run_query
from stream.scored import Cause, Counts, ScoredSession
from tests.support.events import NOON, event_id
from tests.support.scored import FEATURES, SIGNALS, scored
from tests.support.sinks import CLICKHOUSES, block


@pytest.fixture(params=CLICKHOUSES)
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    with CLICKHOUSES[request.param](tmp_path / "clickhouse") as made:
        yield made


def update(offset: int, session: str, events: int, opened_at: int, closed: bool = False, **given: Any) -> ScoredSession:
    cause = Cause(offset) if closed else Cause(offset, event_id(offset), "page_view")
    whole: dict[str, Any] = {"signals": SIGNALS, "counts": Counts(events, events, 0, 0, 0)}
    return scored(offset, closed, session_id=session, opened_at=opened_at, event=cause, **(whole | given))


def of(sample: Any, events: int, name: str) -> tuple[list[float], list[bool]]:
    column = COLUMNS.index((events, name))
    return sample.values[:, column].tolist(), sample.present[:, column].tolist()


def test_a_session_is_one_row_of_what_was_known_at_each_number_of_events(client: Any) -> None:
    with_statistics = msgspec.structs.replace(SIGNALS, has_page_statistics=True)
    without = msgspec.structs.replace(SIGNALS, has_page_statistics=False, cart_value=None, device_class="mobile")
    log = [
        update(1, "a", 1, NOON, probability=0.1, signals=with_statistics),
        update(2, "a", 2, NOON, probability=0.9),
        update(3, "a", 3, NOON, probability=0.3),
        update(4, "a", 3, NOON, closed=True, probability=0.8),
        update(5, "b", 1, NOON + 1, probability=0.2, signals=without),
        update(6, "bot", 1, NOON, bot=True),
        update(7, "other", 1, NOON, site="other"),
        update(8, "before", 1, NOON - 1),
        update(9, "after", 1, NOON + DAY_MS),
    ]
    AnalyticsSink(client).write(block(*log))
    sample = sample_of(partial(run_query, client), "default", NOON, NOON + DAY_MS)
    assert len(sample) == 2
    assert of(sample, 1, "probability") == (pytest.approx([0.1, 0.2]), [True, True])
    assert of(sample, 3, "probability")[0] == [pytest.approx(0.3), pytest.approx(np.nan, nan_ok=True)]
    assert of(sample, 3, "probability")[1] == [True, False]
    assert of(sample, 1, "PageValues")[0] == [FEATURES.PageValues, pytest.approx(np.nan, nan_ok=True)]
    assert of(sample, 1, "cart_value")[0] == pytest.approx([SIGNALS.cart_value, np.nan], nan_ok=True)
    assert of(sample, 1, "device_class")[0][1] == 2
    assert of(sample, 1, "VisitorType")[0][0] > 0


def days(count: int, sessions: int, chance: np.random.Generator, **changed: Any) -> Iterator[ScoredSession]:
    """Sessions of one event on each of the days before NOON; `changed` signals are those of the last day."""
    offset = 0
    for day in range(count, 0, -1):
        for number in range(sessions):
            offset += 1
            drawn = {"engaged_seconds": float(chance.gamma(2, 8)), "hour": int(chance.integers(0, 24))}
            signals: Signals = msgspec.structs.replace(SIGNALS, **drawn, **(changed if day == 1 else {}))
            at = NOON - day * DAY_MS + number
            yield update(offset, f"s{day}-{number}", 1, at, signals=signals, probability=float(chance.beta(1, 20)))


def test_a_shift_of_the_last_day_is_an_alarm_and_a_quiet_day_is_none(client: Any) -> None:
    run = partial(run_query, client)
    AnalyticsSink(client).write(block(*days(10, 120, np.random.default_rng(7), device_class="tablet")))
    found = site_drift(run, "default", NOON)
    assert (found.report.sessions, found.report.quiet_days, found.report.quiet_sessions) == (120, 9, 9 * 120)
    assert found.report.alarms[0].name == "device_class"
    assert site_drift(run, "default", NOON - DAY_MS, alarms_per_month=0.1).report.alarms == []
    with pytest.raises(TooFewSessionsError, match="the window has 0 sessions"):
        site_drift(run, "default", NOON + DAY_MS)


def test_every_column_has_a_usual_cause() -> None:
    assert {place.name for place in COLUMNS} == set(_CAUSES)
