"""A forgotten visitor: what a fold makes of a log in which it was, and that this is what a fold without it makes."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import stream.fold.calendar
from ingest.events import Control, Erase, Event, Tick
from storage.write.block import read
from storage.write.erased import redact
from stream.fold.clock import IDLE
from stream.fold.erasures import ErasureRecord, Erasures, encode, session_digest, visitor_digest
from stream.fold.late import LateEvents
from stream.fold.partition import LATE, Partition
from stream.fold.result import FoldResult
from stream.publish import ListRecordPublisher
from stream.required import RequiredVersions, required_versions
from stream.scored import ScoredSession, decode
from stream.worker import Worker
from tests.stream.test_properties import (
    Moves,
    Start,
    Told,
    a_log,
    broken_run,
    content_of,
    counterexample,
    moves,
    whole_run,
)
from tests.support.events import NOON, event
from tests.support.fakes import TOPICS, FakeLog, worker_on
from tests.support.log import LogRecord, folded, log_of, partition

V1 = visitor_digest("default", "v1")


def followed(*digests: str) -> Erasures:
    """The erasures as their topic gives them."""
    erasures = Erasures()
    for offset, digest in enumerate(digests):
        erasures.take(offset, encode(ErasureRecord(digest, NOON, settled=True)))
    return erasures


@pytest.mark.parametrize(
    ("digest", "site", "session_id", "visitor_id", "covered"),
    [
        pytest.param(V1, "default", "s9", "v1", True, id="the visitor, whatever its session"),
        pytest.param(V1, "default", "v1", "v2", False, id="another visitor in a session of that name"),
        pytest.param(V1, "other", "s9", "v1", False, id="the same id on another site"),
        pytest.param(session_digest("default", "s1"), "default", "s1", "v2", True, id="the session, whoever is in it"),
        pytest.param(visitor_digest("uci", "v1"), "uci~k3f9", "s1", "v1", True, id="a site stands for its runs"),
        pytest.param(visitor_digest("uci~k3f9", "v1"), "uci", "s1", "v1", False, id="a run is only itself"),
    ],
)
def test_who_is_meant(digest: str, site: str, session_id: str, visitor_id: str, covered: bool) -> None:
    assert followed(digest).is_erased(site, session_id, visitor_id) is covered
    assert not Erasures().is_erased(site, session_id, visitor_id)


def test_a_version_is_one_more_than_the_offset_so_that_none_is_zero() -> None:
    assert Erasures().version == 0
    assert followed(V1, session_digest("default", "s1")).version == 2


def test_records_name_the_version_that_must_be_read_first() -> None:
    assert required_versions(log_of([event(1), Erase(V1, 7), Tick("live", NOON), Erase(V1, 3)])) == RequiredVersions(
        erasures=7
    )


def test_a_control_drops_the_open_session_and_its_later_events_are_erased() -> None:
    erasures, into = Erasures(), FoldResult()
    state = partition(erasures=erasures)
    before = log_of([event(1), event(2, session_id="s2", visitor_id="v2")])
    after = log_of([Erase(V1, 1), event(3, NOON + 5), event(4, NOON + IDLE, session_id="s3", visitor_id="v3")], 2)
    for record in before:
        state.fold(record, into)
    erasures.take(0, encode(ErasureRecord(V1, NOON)))
    for record in after:
        state.fold(record, into)
    assert into.counts == {"scored": 3, "control": 1, "erased": 1}
    assert into.dead == []
    assert [(update.session_id, update.status) for update in into.sessions] == [
        ("s1", "open"), ("s2", "open"), ("s2", "closed"), ("s3", "open"),
    ]  # fmt: skip
    assert [session.session_id for session in state.sessions()] == ["s3"]
    assert state.open_sessions == 1


def test_an_erased_late_event_is_no_dead_letter_and_is_not_folded_in_its_place() -> None:
    late = event(1, NOON - LATE - 1, received_at=NOON)
    records, erasures = log_of([late, event(2, NOON + 1, visitor_id="v2", session_id="s2")]), followed(V1)
    assert folded(records, partition(erasures=erasures)).dead == []
    again, into, state = (
        LateEvents(stream.fold.calendar.Calendars({}), erasures),
        FoldResult(),
        partition(erasures=erasures),
    )
    for record in records:
        again.look(record)
    for record in records:
        again.fold(state, record, into)
    assert into.counts == {"erased": 1, "scored": 1}


def test_a_session_that_is_reported_after_the_topic_and_before_the_control_is_not_reported() -> None:
    erasures, into = Erasures(), FoldResult()
    state = partition(erasures=erasures)
    records = log_of([event(1), Tick("live", NOON + IDLE)])
    state.fold(records[0], into)
    erasures.take(0, encode(ErasureRecord(V1, NOON)))
    state.fold(records[1], into)
    assert [update.status for update in into.sessions] == ["open"]


Example = tuple[list[Event | Control], int]


@st.composite
def an_erasure(draw: st.DrawFn) -> Example:
    """A log, and the place in it at which v1 is forgotten."""
    records = draw(a_log())
    return records, draw(st.integers(0, len(records)))


def digests_at(records: list[Event | Control], place: int) -> list[str]:
    """Of v1 on every site, and of the sessions before the place in which it was not alone."""
    events = [each for each in records[:place] if isinstance(each, Event)]
    with_v1 = {(each.site, each.session_id) for each in events if each.visitor_id == "v1"}
    with_others = {(each.site, each.session_id) for each in events if each.visitor_id != "v1"}
    visitors = [visitor_digest(site, "v1") for site in ("default", "other", "past")]
    return visitors + [session_digest(*each) for each in sorted(with_v1 & with_others)]


def standing(state: Partition) -> Any:
    """All that a partition knows and that may show later."""
    sessions = [
        (s.site, s.session_id, s.opened_at, s.last_seen, s.ids, s.visitor_id, s.orders) for s in state.sessions()
    ]
    return sessions, {name: clock.now for name, clock in state.clocks.items()}, state.models.common, state.pages_version


def contents_of(updates: list[ScoredSession]) -> list[Any]:
    return [(each.site, each.session_id, each.opened_at, each.version, content_of(each)) for each in updates]


def forgotten_is_never_there(example: Example) -> None:
    records, place = example
    digests = digests_at(records, place)
    controls: list[Event | Control] = [Erase(digest, len(digests)) for digest in digests]
    log = log_of([*records[:place], *controls, *records[place:]])
    knows, live, now = Erasures(), FoldResult(), FoldResult()
    state = partition(erasures=knows)
    for record in log:
        if record.offset == place:
            for offset, digest in enumerate(digests):
                knows.take(offset, encode(ErasureRecord(digest, NOON, settled=True)))
        state.fold(record, live if record.offset < place else now)
    others = [
        update for update in live.sessions if not knows.is_erased(update.site, update.session_id, update.visitor_id)
    ]

    replay, again = FoldResult(), partition(erasures=followed(*digests))
    for record in log:
        again.fold(record, replay)
    assert contents_of(others + now.sessions) == contents_of(replay.sessions)
    assert standing(state) == standing(again)

    without, blank = FoldResult(), partition()
    for record in log:
        blank.fold(redacted(record, knows), without)
    assert contents_of(without.sessions) == contents_of(replay.sessions)
    assert standing(blank) == standing(again)


def redacted(record: LogRecord, erasures: Erasures) -> LogRecord:
    """The record as ClickHouse keeps it."""
    stored = redact(
        read("events", partition=0, offset=record.offset, timestamp=-1, key=record.key, value=record.value), erasures
    )
    assert stored is not None
    return LogRecord(stored.offset, -1, stored.key, stored.raw)


@settings(max_examples=200)
@given(an_erasure())
def test_live_replay_and_a_redacted_log_agree_on_everybody_else(example: Example) -> None:
    forgotten_is_never_there(example)


def crashes_change_nothing(example: Example, plan: Moves) -> None:
    """A worker learns of an erasure by a control, one that starts knows them all: others' records are the same."""
    records, place = example
    digests = digests_at(records, place)
    controls: list[Event | Control] = [Erase(digest, number) for number, digest in enumerate(digests, 1)]
    log = FakeLog({0: log_of([*records[:place], *controls, *records[place:]])})
    everything = followed(*digests)

    def start(knowing: int) -> Start:
        known = [knowing]

        def begin(log: FakeLog, told: ListRecordPublisher) -> Worker:
            erasures = followed(*digests[: known[0]])
            known[0] = len(digests)

            async def reached(needed: RequiredVersions) -> None:
                for offset in range(erasures.version, needed.erasures):
                    erasures.take(offset, encode(ErasureRecord(digests[offset], NOON, settled=True)))

            return worker_on(log, told, erasures=erasures, wait_for_versions=reached)

        return begin

    def of_others(told: Told) -> list[Any]:
        updates = [(row, decode(row[2])) for row in told.get(TOPICS.scored, [])]
        return [row for row, u in updates if not everything.is_erased(u.site, u.session_id, u.visitor_id)]

    whole = asyncio.run(whole_run(log, start(len(digests))))
    log.commits.clear()
    broken = asyncio.run(broken_run(log, plan, start(0)))
    assert of_others(whole) == of_others(broken)
    assert of_others(whole) == whole.get(TOPICS.scored, [])


@settings(max_examples=100)
@given(an_erasure(), moves)
def test_crashes_between_the_topic_and_the_control_change_nothing_for_others(example: Example, plan: Moves) -> None:
    crashes_change_nothing(example, plan)


@pytest.mark.parametrize(
    ("where", "name", "instead"),
    [
        pytest.param(Partition, "_forget", lambda *_: None, id="the control drops nothing"),
        pytest.param(Erasures, "is_erased", lambda *_: False, id="events go on being folded"),
        pytest.param(Partition, "_fold_unless_erased", None, id="an erased event moves no clock"),
    ],
)
def test_the_proof_can_fail(
    where: type, name: str, instead: Callable[..., Any] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if instead is None:
        admit = Partition._fold_unless_erased

        def stands_still(self: Partition, record: Any, said: Event, into: Any) -> Any:
            if self._erasures.is_erased(said.site, said.session_id, said.visitor_id):
                return "erased", ""
            return admit(self, record, said, into)

        instead = stands_still
    monkeypatch.setattr(where, name, instead)
    assert counterexample(forgotten_is_never_there, an_erasure())
