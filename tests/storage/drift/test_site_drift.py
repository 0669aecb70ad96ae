"""Drift of a site from its timeline: one row a session, what was known then; programs and closings left out."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from ingest.events import encode
from scoring.drift.alarms import UNKNOWN_RATE, TooFewSessionsError
from scoring.drift.bins import SessionSample
from scoring.drift.causes import CAUSES
from scoring.drift.measures import AUC, EVENTS, GAP, LATE, PROGRAMS, SESSIONS, SLOPE
from scoring.drift.windows import cell_of
from scoring.manifest import FittedWindow
from scoring.signals import Signals
from storage.drift.counts import MATURE_MS, counts_of, session_counts
from storage.drift.grid import ClickHouseReads, WindowGrid
from storage.drift.report import DAY_MS, site_drift
from storage.drift.samples import COLUMNS, samples_of
from storage.write.block import TopicRecord, block_of, read
from storage.write.clickhouse_sink import AnalyticsSink, run_query, run_raw
from stream.scored import Cause, Counts, DeadLetter, ScoredSession
from tests.support.events import NOON, event, event_id
from tests.support.scored import FEATURES, SIGNALS, scored
from tests.support.sinks import CLICKHOUSES, block, dead_block

MEASURES = {AUC, EVENTS, GAP, LATE, PROGRAMS, SESSIONS, SLOPE}


@pytest.fixture(params=CLICKHOUSES)
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    with CLICKHOUSES[request.param](tmp_path / "clickhouse") as made:
        yield made


def update(offset: int, session: str, events: int, opened_at: int, closed: bool = False, **given: Any) -> ScoredSession:
    cause = Cause(offset) if closed else Cause(offset, event_id(offset), "page_view")
    whole: dict[str, Any] = {"signals": SIGNALS, "counts": Counts(events, events, 0, 0, 0)}
    return scored(offset, closed, session_id=session, opened_at=opened_at, event=cause, **(whole | given))


def reads_of(client: Any) -> ClickHouseReads:
    return ClickHouseReads(partial(run_query, client), partial(run_raw, client))


def of(sample: Any, events: int, name: str) -> tuple[list[float], list[bool]]:
    column = COLUMNS.index((events, name))
    return sample.values[:, column].tolist(), sample.present[:, column].tolist()


def by_probability(sample: Any) -> Any:
    """The sample in the order of the score at the first event: hashes have none that people know."""
    order = np.argsort(sample.values[:, COLUMNS.index((1, "probability"))])
    return SessionSample(sample.values[order], sample.present[order])


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
    grid = WindowGrid("default", NOON - DAY_MS, DAY_MS, 3)
    before, sample, after = map(by_probability, samples_of(reads_of(client), grid, [1, 2, 1], [9, 9, 9]))
    assert [len(each) for each in (before, sample, after)] == [1, 2, 1]
    assert session_counts(reads_of(client), grid) == [1, 2, 1]
    assert of(sample, 1, "probability") == (pytest.approx([0.1, 0.2]), [True, True])
    assert of(sample, 3, "probability")[0] == [pytest.approx(0.3), pytest.approx(np.nan, nan_ok=True)]
    assert of(sample, 3, "probability")[1] == [True, False]
    assert of(sample, 1, "PageValues")[0] == [FEATURES.PageValues, pytest.approx(np.nan, nan_ok=True)]
    assert of(sample, 1, "cart_value")[0] == pytest.approx([SIGNALS.cart_value, np.nan], nan_ok=True)
    assert of(sample, 1, "device_class")[0][1] == 2
    assert of(sample, 1, "VisitorType")[0][0] > 0
    # At the last of the compared events that it has.
    assert of(sample, UNKNOWN_RATE, "cart_value") == ([0, 1], [True, True])
    assert of(sample, UNKNOWN_RATE, "PageValues") == ([1, 1], [True, True])
    [half] = samples_of(reads_of(client), WindowGrid("default", NOON, DAY_MS, 1), [10_000], [1])
    assert len(half) < 2


def test_what_is_counted_of_windows(client: Any) -> None:
    """Outcomes are those of sessions that closed, looked at before the order; late is what is a dead letter."""
    log = [
        update(1, "a", 1, NOON - MATURE_MS - 1, probability=0.2),
        update(2, "a", 2, NOON - MATURE_MS - 1, closed=True),
        update(3, "b", 1, NOON - MATURE_MS - 1, probability=0.3),
        update(4, "b", 3, NOON - MATURE_MS - 1, probability=0.9, revenue=True),
        update(5, "b", 3, NOON - MATURE_MS - 1, closed=True, revenue=True),
        update(6, "open", 1, NOON - MATURE_MS - 1, probability=0.4),
        update(7, "bot", 1, NOON - MATURE_MS - 1, bot=True),
        update(8, "bot", 1, NOON - MATURE_MS - 1, closed=True, bot=True),
        update(9, "c", 1, NOON + DAY_MS - 1, model_version="second", probability=1.0),
        update(10, "c", 1, NOON + DAY_MS - 1, closed=True),
    ]
    sink = AnalyticsSink(client)
    sink.write(block(*log))
    sent = [(NOON - 2, "a"), (NOON - 1, "a"), (NOON - 1, "b"), (NOON + 5, "c"), (NOON + DAY_MS, "d")]
    sink.write(block_of("log", [logged(n, at, session) for n, (at, session) in enumerate(sent)])[0])
    sink.write(dead_block(DeadLetter(log="log", partition=0, offset=1, reason="late", detail="", key=None, raw=b"")))
    first, second = counts_of(reads_of(client), WindowGrid("default", NOON - DAY_MS, DAY_MS, 2))
    assert (first.sessions, first.programs, second.sessions, second.programs) == (3, 1, 1, 0)
    assert (first.models, second.models) == (frozenset({"first"}), frozenset({"second"}))
    assert first.senders.tolist() == [[1, 0, 1], [2, 1, 1]]
    assert (first.events, second.events) == (3, 1)
    at_first = first.outcomes[0]
    assert at_first[cell_of(np.array([0.2, 0.3]))].tolist() == [[1, 0, 0.2], [0, 1, 0.3]]
    assert at_first.sum() == pytest.approx(2.5)
    assert first.outcomes[1:].sum() == 0
    # Two hours after the window that it opened in, c is of the next one.
    assert second.outcomes.sum() == 0
    [later] = counts_of(reads_of(client), WindowGrid("default", NOON + MATURE_MS, DAY_MS, 1))
    assert later.outcomes[0, cell_of(np.array([1.0]))].tolist() == [[1, 0, 1.0]]


def logged(offset: int, at: int, session: str) -> TopicRecord:
    raw = encode(event(offset, at, site="default", session_id=session))
    return read("events", partition=0, offset=offset, timestamp=at, key=b"default/" + session.encode(), value=raw)


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
    reads = reads_of(client)
    AnalyticsSink(client).write(block(*days(10, 120, np.random.default_rng(7), device_class="tablet")))
    found = site_drift(reads, "default", NOON)
    assert (found.report.sessions, found.report.quiet_days, found.report.quiet_sessions) == (120, 9, 9 * 120)
    assert found.report.alarms[0].name == "device_class"
    assert found.report.alarms[0].bins == ["mobile", "other"]
    assert (found.model, found.reference) == ("first", "before")
    assert found.headline.startswith("site default: 2 not as they were: device_class at event 1")
    assert found.report.left_out == []
    quiet = site_drift(reads, "default", NOON - DAY_MS, alarms_per_month=0.1)
    assert quiet.report.moved == []
    assert quiet.headline == "site default: as in the days before"
    # A day without a session is one of no volume.
    assert site_drift(reads, "default", NOON + DAY_MS).report.moved == ["sessions"]
    with pytest.raises(TooFewSessionsError, match="the window has 0 sessions"):
        site_drift(reads, "default", NOON - 30 * DAY_MS)
    with pytest.raises(TooFewSessionsError, match="before the window there are 2 days"):
        site_drift(reads, "default", NOON - 7 * DAY_MS)

    # Learned from the days of desktops and mobiles, the model does not know tablets, however long they have been there.
    fitted = {"first": FittedWindow(since=NOON - 9 * DAY_MS, until=NOON - DAY_MS, site="default")}
    beside = site_drift(reads, "default", NOON, fitted_on=fitted.get)
    assert (beside.reference, beside.report.reference_days) == ("training", 8)
    assert beside.report.alarms[0].name == "device_class"
    elsewhere = {"first": FittedWindow(since=NOON - 9 * DAY_MS, until=NOON - DAY_MS, site="other")}
    short = {"first": FittedWindow(since=NOON - 6 * DAY_MS, until=NOON - DAY_MS, site="default")}
    assert {site_drift(reads, "default", NOON, fitted_on=each.get).reference for each in (elsewhere, short)} == {
        "before"
    }


def test_every_column_has_a_usual_cause() -> None:
    assert {place.name for place in COLUMNS} | MEASURES == set(CAUSES)
