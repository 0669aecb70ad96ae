"""The logs that benchmarks make: as many sessions, closed or open, as the benchmarks hold their figures against."""

from collections.abc import Iterable

import pytest

from deploy.bench.crowd import EVENTS, ConcurrentSessions
from deploy.bench.simulation import simulation
from deploy.bench.years import Years
from stream.fold.mark import Mark
from stream.fold.partition import Partition
from stream.fold.result import FoldResult
from tests.support.log import LogRecord, partition


@pytest.fixture(scope="module")
def years() -> Years:
    return Years(simulation(None, 2_000))


@pytest.fixture(scope="module")
def crowd() -> ConcurrentSessions:
    return ConcurrentSessions(simulation(None, 2_000))


def fold(records: Iterable[tuple[bytes | None, bytes]]) -> tuple[Partition, FoldResult]:
    """A partition and what came of it, in which every record follows the one before."""
    state, into = partition(Mark(0, {})), FoldResult()
    for offset, (key, value) in enumerate(records):
        state.fold(LogRecord(offset, -1, key, value), into)
    return state, into


def test_every_year_has_its_own_events_and_closes_its_sessions(years: Years) -> None:
    told: list[str] = []
    closed = 0
    for number in range(4):
        given = [each for year in range(3) for each in years.records(year, 4)[number]]
        state, into = fold((key, value) for key, value, _ in given)
        assert (into.counts.keys(), state.open_sessions) == ({"scored", "control"}, 0)
        ids = [event_id for _, _, event_id in given if event_id is not None]
        assert [update.event.id for update in into.sessions if update.event.id is not None] == ids
        told += ids
        closed += sum(update.event.id is None for update in into.sessions)
    assert (len(told), closed) == (3 * years.sizes.events, 3 * years.sizes.sessions)


def test_a_crowd_is_open_all_at_once(crowd: ConcurrentSessions) -> None:
    parts = [fold(records) for records in crowd.at_once(60, 4)]
    assert all(into.counts.keys() == {"scored"} for _, into in parts)
    assert sum(state.open_sessions for state, _ in parts) == 60
    assert {session.events for state, _ in parts for session in state.sessions()} == {EVENTS}


def test_one_session_stays_open_while_others_come_and_go(crowd: ConcurrentSessions) -> None:
    parts = [fold(part) for part in crowd.after_hours(40, 6_000, 5, 4)]
    assert all(into.counts.keys() == {"scored"} for _, into in parts)
    assert sum(state.open_sessions for state, _ in parts) == 41
    passed = sum(into.counts["scored"] for _, into in parts) - 40 * EVENTS
    assert 4_000 <= passed <= 7_000
    state, into = parts[0]
    assert sum(update.event.id is None for update in into.sessions) > 20
    state.mark()
    assert state.recovery_mark().next == 0
    # Every ten minutes of five hours, but for the last half.
    assert max(session.events for session in state.sessions()) == 27
