"""Clocks, closings, cuts and dead letters of one partition."""

import pytest

from ingest.events import Event, Tick, UseModel, UsePages
from storage.write.block import read
from storage.write.erased import redact
from stream.fold.clock import IDLE
from stream.fold.erasures import Erasures, session_digest
from stream.fold.mark import decode_mark, encode_mark
from stream.fold.partition import LATE, SESSION_EVENTS
from stream.scored import version_of
from tests.support.events import NOON, event
from tests.support.log import LogRecord, folded, log_of, partition

MINUTE = 60_000
#: 1 January 2025, 04:00 UTC.
CUT = NOON - 8 * 60 * MINUTE


def test_the_log_closes_a_session_forty_minutes_after_its_last_event() -> None:
    other = {"session_id": "s2"}
    into = folded(log_of([event(1), event(2, NOON + IDLE - 1, **other), event(3, NOON + IDLE, **other)]))
    closed = [update for update in into.sessions if update.status == "closed"]
    assert [(update.session_id, update.version, update.occurred_at) for update in closed] == [
        ("s1", version_of(2, closed=True), NOON + IDLE)
    ]
    assert [update.version for update in into.sessions] == [0, 1 << 12, 2 << 12 | 1 << 11, 2 << 12]


def test_a_tick_closes_and_a_session_opens_anew_under_its_old_id() -> None:
    into = folded(log_of([event(1), Tick("live", NOON + IDLE), event(2, NOON + IDLE + 5)]))
    assert [(update.status, update.opened_at) for update in into.sessions] == [
        ("open", NOON), ("closed", NOON), ("open", NOON + IDLE + 5),
    ]  # fmt: skip


def test_imported_sites_have_clocks_of_their_own() -> None:
    def at(number: int, time: int, site: str) -> Event:
        return event(number, time, site=site, clock="replayed", session_id=f"{site}{number}")

    year = 365 * 24 * 60 * MINUTE
    into = folded(log_of([event(1), at(1, NOON - year, "a"), at(2, NOON + year, "b"), at(3, NOON - year + 1, "a")]))
    assert [update.status for update in into.sessions] == ["open"] * 4
    into = folded(log_of([event(1), at(1, NOON, "a"), at(2, NOON, "b"), Tick("a", NOON + year)]))
    assert [(update.site, update.status) for update in into.sessions][3:] == [("a", "closed")]


def past(number: int, at: int, site: str = "shop~1", session_id: str = "s1") -> Event:
    return event(number, at, site=site, session_id=session_id, clock="replayed")


def test_an_import_sent_again_after_its_sessions_have_closed_changes_nothing() -> None:
    history = [past(number, NOON + number * MINUTE, session_id=f"s{number % 3}") for number in range(30)]
    done = Tick("shop~1", NOON + 24 * 60 * MINUTE)
    once, twice = folded(log_of([*history, done])), folded(log_of([*history, done, *history, done]))
    assert twice.sessions == once.sessions
    assert (twice.counts, twice.dead) == ({"scored": 30, "control": 2, "duplicate": 30}, [])


def test_history_behind_its_clock_keeps_no_session_open() -> None:
    again = [past(1, NOON), past(2, NOON + 30 * MINUTE), past(1, NOON), past(3, NOON + 30 * MINUTE + IDLE)]
    assert [update.status for update in folded(log_of(again)).sessions] == ["open", "open", "closed", "open"]


def test_each_imported_site_and_live_traffic_pass_their_own_history_only() -> None:
    records = [past(1, NOON), past(2, NOON - MINUTE, "shop~2"), event(3, NOON), event(4, NOON - MINUTE)]
    assert folded(log_of(records)).counts == {"scored": 4}


def test_clocks_fit_into_a_mark_and_the_oldest_sites_are_closed_and_forgotten() -> None:
    records = [past(number, NOON, f"shop~{number:020}") for number in range(1, 101)]
    state = partition()
    into = folded(log_of(records), state)
    assert (len(state.clocks), state.open_sessions) == (3_000 // (25 + 17),) * 2
    assert [update.site for update in into.sessions if update.status == "closed"][:2] == [
        f"shop~{1:020}", f"shop~{2:020}"
    ]  # fmt: skip
    assert decode_mark(encode_mark(state.here())) == state.here()


def test_the_first_event_after_four_cuts_a_session() -> None:
    into = folded(log_of([event(1, CUT - 2 * MINUTE), event(2, CUT - 1), event(3, CUT + MINUTE), event(4, CUT + 1)]))
    assert [(update.status, update.opened_at, update.counts.events) for update in into.sessions] == [
        ("open", CUT - 2 * MINUTE, 1),
        ("open", CUT - 2 * MINUTE, 2),
        ("closed", CUT - 2 * MINUTE, 2),
        ("open", CUT + MINUTE, 1),
        ("open", CUT + MINUTE, 2),
    ]


@pytest.mark.parametrize(
    ("late", "detail"),
    [
        pytest.param(event(9, NOON - LATE - 1, received_at=NOON), "arrived 10.0 minutes after", id="ten minutes"),
        pytest.param(event(9, CUT - 1, received_at=CUT + MINUTE), "before the last cut", id="before the cut"),
    ],
)
def test_a_late_event_opens_and_moves_nothing(late: Event, detail: str) -> None:
    into = folded(log_of([late]))
    assert into.sessions == []
    assert [(letter.reason, letter.offset) for letter in into.dead] == [("late", 0)]
    assert detail in into.dead[0].detail


def test_just_in_time_is_not_late() -> None:
    assert folded(log_of([event(9, NOON - LATE, received_at=NOON)])).dead == []


def test_an_event_from_the_future_occurred_when_it_was_received() -> None:
    into = folded(log_of([event(1, NOON + 60 * MINUTE, received_at=NOON)]))
    assert into.sessions[0].started_at == NOON


@pytest.mark.parametrize(
    ("sent", "occurred_at"),
    [
        pytest.param(event(1, NOON + 20 * MINUTE), NOON, id="a clock twenty minutes ahead"),
        pytest.param(event(1, NOON + 20 * MINUTE - 700, received_at=NOON + 20 * MINUTE), NOON - 700, id="with its way"),
        pytest.param(
            event(1, NOON + 9 * MINUTE, received_at=NOON + 20 * MINUTE, flags=("skew",)),
            NOON - 11 * MINUTE,
            id="corrected by it, and late",
        ),
        pytest.param(event(1, NOON - 700, received_at=NOON + 20 * MINUTE), NOON - 700, id="a server's own right time"),
        pytest.param(event(1, NOON + 600 * MINUTE), NOON, id="ten hours ahead"),
        pytest.param(event(1, NOON + 9_000), NOON + 9_000, id="nine seconds are no fault"),
    ],
)
def test_the_time_of_the_log_bounds_what_a_clock_ahead_gives(sent: Event, occurred_at: int) -> None:
    records = [each._replace(timestamp=NOON) for each in log_of([sent, event(2)])]
    state = partition()
    into = folded(records, state)
    assert state.clocks["live"].now == NOON + (9_000 if sent.received_at == NOON + 9_000 else 0)
    late = occurred_at < NOON - LATE
    assert [letter.reason for letter in into.dead] == ["late"] * late
    assert into.sessions[-1].counts.events == 2 - late
    assert into.sessions[-1].started_at == (NOON if late else min(occurred_at, NOON))


def test_an_imported_site_is_not_bound_by_the_time_of_the_log() -> None:
    (record,) = log_of([past(1, NOON + 600 * MINUTE)])
    assert folded([record._replace(timestamp=NOON)]).sessions[0].opened_at == NOON + 600 * MINUTE


def test_the_time_of_the_log_bounds_a_live_tick() -> None:
    first, tick = log_of([event(1), Tick("live", NOON + 2 * IDLE)])
    state = partition()
    into = folded([first, tick._replace(timestamp=NOON + MINUTE)], state)
    assert (into.dead, state.open_sessions, state.clocks["live"].now) == ([], 1, NOON + MINUTE)


@pytest.mark.parametrize("ahead", [5_000, 20 * MINUTE])
def test_an_erased_event_moves_the_clock_as_the_tick_that_is_stored_of_it(ahead: int) -> None:
    erasures = Erasures([session_digest("default", "s1")])
    (sent,) = log_of([event(1, NOON + ahead)])
    read_record = read("events", partition=0, offset=0, timestamp=NOON, key=sent.key, value=sent.value)
    stored = redact(read_record, erasures)
    assert stored is not None
    clocks = []
    for key, value in ((sent.key, sent.value), (stored.key, stored.raw)):
        state = partition(erasures=erasures)
        folded([LogRecord(0, stored.timestamp, key, value)], state)
        clocks.append(state.clocks["live"].now)
    assert clocks == [NOON + (ahead if ahead == 5_000 else 0)] * 2


def test_a_session_counts_two_thousand_events() -> None:
    events = [event(number, NOON + number) for number in range(SESSION_EVENTS + 3)]
    into = folded(log_of(events))
    assert into.sessions[-1].counts.events == SESSION_EVENTS
    assert [letter.reason for letter in into.dead] == ["overflow"] * 3


@pytest.mark.parametrize(
    ("key", "value", "detail"),
    [
        pytest.param(b"default/s1", b"{", "truncated", id="broken JSON"),
        pytest.param(b"default/s1", b"\xff\xfe\x00", "malformed", id="no text at all"),
        pytest.param(b"default/s1", None, "truncated", id="a tombstone"),
        pytest.param(b"default/other", log_of([event(1)])[0].value, "is not default/s1", id="a key of another session"),
        pytest.param(
            b"default/s1", log_of([event(1, event_id="x" * 36)])[0].value, "non-hexadecimal", id="an id that is no UUID"
        ),
        pytest.param(None, b'{"control":"explode"}', "explode", id="a control that nobody knows"),
    ],
)
def test_what_cannot_be_read_is_kept_whole_in_the_dead_letters(
    key: bytes | None, value: bytes | None, detail: str
) -> None:
    into = folded([LogRecord(0, -1, key, value)])
    assert [(letter.reason, letter.raw, letter.key) for letter in into.dead] == [("undecodable", value or b"", key)]
    assert detail in into.dead[0].detail


def test_controls_hold_from_their_offset_on() -> None:
    events = [event(1), UseModel("m2"), UsePages(7), event(2, NOON + 1), UsePages(3), event(3, NOON + 2)]
    assert [(u.model, u.record.pages_version) for u in folded(log_of(events)).updates] == [
        ("", 0),
        ("m2", 7),
        ("m2", 7),
    ]


def test_a_tick_is_due_when_wall_time_states_that_a_live_session_is_overdue() -> None:
    state = partition()
    assert state.due_tick(NOON) is None
    folded(log_of([event(1)]), state)
    assert state.due_tick(NOON + IDLE - 1) is None
    assert state.due_tick(NOON + IDLE) == Tick("live", NOON + IDLE)
    folded(log_of([Tick("live", NOON + IDLE)], start=1), state)
    assert state.due_tick(NOON + 2 * IDLE) is None
