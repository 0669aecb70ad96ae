"""A replay tells what the live fold told, for what is closed at the cut, in any pieces and from any window."""

from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from ingest.events import Control, Event, Tick, UndecodableError, decode
from scoring.model import ConstantModel
from stream import replay
from stream.fold.calendar import Calendars
from stream.fold.clock import IDLE
from stream.fold.late import LateEvents
from stream.fold.mark import Mark
from stream.fold.partition import LATE
from stream.replay import EARLIER, NEVER, Backfill, FoldError, PartitionReplay, Window, follow
from stream.scored import ScoredSession, version_of
from stream.step import score
from tests.stream.test_properties import MINUTE, a_log
from tests.support.events import NOON, event
from tests.support.log import LogRecord, folded, log_of, partition
from tests.support.recount import recount

Identity = tuple[str, str, int]
EVERYTHING = Window()


def identity(update: ScoredSession) -> Identity:
    return update.site, update.session_id, update.opened_at


def without_version(update: ScoredSession) -> ScoredSession:
    return structs.replace(update, version=0, views=())


def live(records: Sequence[LogRecord]) -> tuple[list[ScoredSession], set[Identity], frozenset[int]]:
    """What live workers told; the sessions that are open in the end, and their first offsets."""
    state = partition()
    into = folded(records, state)
    told = [update.record for ready in score(into.updates, lambda _: ConstantModel()) for update in ready]
    left = state.sessions()
    identities = {(each.site, each.session_id, each.opened_at) for each in left}
    return told, identities, frozenset(each.first_offset for each in left)


def replayed(
    records: Sequence[LogRecord],
    left: frozenset[int],
    window: Window = EVERYTHING,
    begin: Mark | None = None,
    pieces: Iterable[int] = (1_000,),
    late: LateEvents | None = None,
) -> list[ScoredSession]:
    """The updates of a replay that gets the records in pieces of these sizes, and is interrupted between them."""
    begin = begin or Mark(0, {})
    cut = records[-1].offset if records else -1
    policy = Backfill(window, 3, cut, left)
    mark, emit_from, told = begin, begin.next, []
    rest, sizes = [r for r in records if r.offset >= begin.next], iter(pieces)
    while rest:
        one = PartitionReplay(partition(mark), cut, policy, lambda _: ConstantModel(), emit_from, late)
        again = [r for r in records if mark.next <= r.offset < emit_from]
        size = max(1, next(sizes, 1_000))
        told += [update.record for update in one.take([*again, *rest[:size]]).updates]
        rest = rest[size:]
        one.partition.mark()
        mark, emit_from = one.partition.recovery_mark(), one.partition.next
    return told


@settings(max_examples=60)
@given(a_log(), st.lists(st.integers(1, 9), max_size=12))
def test_a_replay_in_any_pieces_reports_what_was_reported_live(said: list[Event | Control], pieces: list[int]) -> None:
    records = log_of(said)
    told, open_, left = live(records)
    again = replayed(records, left, pieces=pieces)
    expected = [update for update in told if identity(update) not in open_]
    assert list(map(without_version, again)) == list(map(without_version, expected))
    cut = records[-1].offset
    for made, stored in zip(again, expected, strict=True):
        closed = stored.event.id is None
        assert made.version == version_of(cut if closed else stored.event.offset, closed, 3)
        assert made.version > stored.version


@settings(max_examples=60)
@given(a_log())
def test_a_closing_carries_the_newest_state_of_every_view(said: list[Event | Control]) -> None:
    records = log_of(said)
    told, _, left = live(records)
    views: dict[Identity, dict[str, Any]] = {}
    for update in told:
        views.setdefault(identity(update), {}).update({view.event_id: view for view in update.views})
    for update in replayed(records, left):
        if update.event.id is None:
            assert {view.event_id: view for view in update.views} == views.get(identity(update), {})


def received(record: LogRecord) -> int | None:
    try:
        said = decode(record.key, record.value)
    except UndecodableError:
        return None
    return said.received_at if isinstance(said, Event) else None


def window_is_whole(said: list[Event | Control], since: int) -> None:
    records = log_of(said)
    told, _, left = live(records)
    window = Window(since)
    begin = next((r.offset for r in records if (received(r) or 0) >= since - replay.EARLIER), len(records))
    state = partition()
    follow(state, records[:begin])
    again = replayed(
        records, left, window, Mark(begin, {}, state.models.common, state.pages_version, sites=state.models.sites)
    )
    expected = [u for u in told if u.opened_at >= since and identity(u) not in live(records)[1]]
    assert [(identity(u), u.event, u.features) for u in again] == [(identity(u), u.event, u.features) for u in expected]


#: A month of logs would be slow: what is open before the window must be gone when it begins, on whatever day.
since = st.integers(0, 80).map(lambda hours: NOON - 9 * 60 * MINUTE + hours * 60 * MINUTE)


@settings(max_examples=100)
@given(a_log(), since)
def test_a_window_has_the_sessions_of_the_whole_log(said: list[Event | Control], since: int) -> None:
    window_is_whole(said, since)


def test_without_the_day_before_a_window_has_other_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "EARLIER", 0)
    visits = [event(n, NOON + n * 20 * MINUTE, received_at=NOON + n * 20 * MINUTE) for n in range(1, 9)]
    with pytest.raises(AssertionError):
        window_is_whole([*visits, Tick("live", NOON + 24 * 60 * MINUTE)], NOON + 60 * MINUTE)
    monkeypatch.setattr(replay, "EARLIER", EARLIER)
    window_is_whole([*visits, Tick("live", NOON + 24 * 60 * MINUTE)], NOON + 60 * MINUTE)


def test_open_sessions_are_reported_as_live_workers_did_where_a_database_lost_them() -> None:
    records = log_of([event(1), event(2, NOON + 1000), event(3, NOON + 2000, session_id="s2")])
    policy = Backfill(Window(), 3, 2, frozenset({0, 2}), frozenset({0}))
    one = PartitionReplay(partition(), 2, policy, lambda _: ConstantModel())
    told = [update.record for update in one.take(records).updates]
    assert [(update.session_id, update.version) for update in told] == [("s1", 0), ("s1", version_of(1, False))]


def test_a_window_of_a_site_has_its_runs_and_no_other_site() -> None:
    window = Window(10, 20, "uci")
    assert window.holds("uci~k3", 10)
    assert window.holds("uci", 19)
    assert not window.holds("uci", 20)
    assert not window.holds("ucib", 15)
    assert Window(site="uci~k3").holds("uci~k3", NEVER - 1)
    assert not Window(site="uci~k3").holds("uci", 1)


def test_a_hole_in_the_records_is_a_line_that_states_what_to_do() -> None:
    records = log_of([event(1), event(2), event(3)])
    one = PartitionReplay(partition(), 2, Backfill(Window(), 1, 2), lambda _: ConstantModel())
    with pytest.raises(FoldError, match="records 1 to 1 of partition 0 are missing"):
        one.take([records[0], records[2]])


def test_a_program_that_cannot_fold_replaces_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> tuple[int, ...]:
        raise OverflowError("too much")

    monkeypatch.setattr("stream.fold.partition.apply", broken)
    records = log_of(event(number) for number in range(1, 60))
    one = PartitionReplay(partition(), 58, Backfill(Window(), 1, 58), lambda _: ConstantModel())
    with pytest.raises(FoldError, match="50 events in a row"):
        one.take(records)


def late_log(delays: Sequence[int]) -> list[Event | Control]:
    """One visit whose events were sent later than they occurred by these minutes, then the end of the day."""
    visit = [event(n, NOON + n * MINUTE, received_at=NOON + (n + delay) * MINUTE) for n, delay in enumerate(delays, 1)]
    return [*sorted(visit, key=lambda each: each.received_at), Tick("live", NOON + 20 * 60 * MINUTE)]


@given(st.lists(st.sampled_from([0, 0, 3, 15, 200, 600]), min_size=2, max_size=12))
def test_late_events_are_folded_as_if_they_had_come_in_time(delays: list[int]) -> None:
    delays[0] = 0
    said = late_log(delays)
    records = log_of(said)
    late = LateEvents(Calendars({}))
    for record in records:
        late.look(record)
    assert len(late.offsets) == sum(delay > LATE // MINUTE for delay in delays)
    again = replayed(records, frozenset(), late=late)
    closings = [update for update in again if update.event.id is None]
    assert len(closings) == 1
    expected = recount(each for each in said if isinstance(each, Event))
    assert {name: getattr(closings[0].features, name) for name in expected} == expected
    assert {update.version for update in again if update.event.id is None} == {version_of(records[-1].offset, True, 3)}


def test_late_events_are_found_once_and_folded_twice() -> None:
    records = log_of(late_log([0, 200]))
    late = LateEvents(Calendars({}))
    for record in records:
        late.look(record)
    first, second = partition(), partition()
    follow(first, records, late.again())
    follow(second, records, late.again())
    assert first.next == second.next == len(records)


def test_a_visit_that_is_idle_between_two_windows_is_two_sessions() -> None:
    records = log_of([event(1), event(2, NOON + IDLE + 1), Tick("live", NOON + 10 * IDLE)])
    assert len({identity(update) for update in replayed(records, frozenset())}) == 2
