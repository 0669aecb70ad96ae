"""What pages report of interventions is in no session: it changes no feature and no score, and keeps none open."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ingest.events import Control, Event, InterventionReport, Tick
from scoring.model import ConstantModel
from stream.fold.calendar import Calendars
from stream.fold.clock import IDLE
from stream.fold.late import LateEvents
from stream.fold.result import FoldResult
from stream.scored import ScoredSession
from stream.step import score
from tests.stream.test_properties import an_event, content_of
from tests.support.events import NOON, event
from tests.support.log import folded, log_of, partition

MINUTE = 60_000


def report(number: int, at: int = NOON, **given_: Any) -> Event:
    said = InterventionReport("help", NOON, "shown")
    return event(number, at, **({"type": "intervention", "intervention": said} | given_))


def updates_of(records: list[Event | Control]) -> list[ScoredSession]:
    result = folded(log_of(records))
    return [update.record for ready in score(result.updates, lambda _: ConstantModel()) for update in ready]


@st.composite
def two_logs(draw: st.DrawFn) -> tuple[list[Event], list[Event]]:
    """Events in the order in which they are received, and the same with reports between them."""
    times = sorted(draw(st.lists(st.integers(0, 30 * MINUTE), min_size=1, max_size=8)))
    events = [draw(an_event(number, received_at=NOON + 10 * MINUTE + at)) for number, at in enumerate(times, 1)]
    mixed: list[Event] = []
    for one in events:
        mixed.append(one)
        if draw(st.booleans()):
            mixed.append(report(100 + len(mixed), one.received_at, session_id=draw(st.sampled_from(["s1", "s2"]))))
    return events, mixed


@given(two_logs())
def test_features_and_scores_are_the_same_with_and_without_them(example: tuple[list[Event], list[Event]]) -> None:
    events, mixed = example

    def contents(log: list[Event]) -> list[Any]:
        return [(content_of(each), each.probability, each.event.id, each.views) for each in updates_of([*log])]

    assert contents(mixed) == contents(events)


def test_a_report_keeps_no_session_open_and_opens_none() -> None:
    records = [event(1), report(2, NOON + IDLE - 1), report(3, NOON + IDLE), Tick("live", NOON + IDLE)]
    found = updates_of(records)
    assert [(each.status, each.event.offset) for each in found] == [("open", 0), ("closed", 2)]
    result = folded(log_of(records))
    assert (result.counts, result.dead) == ({"scored": 1, "report": 2, "control": 1}, [])


def test_a_report_that_comes_late_is_no_dead_letter_for_a_replay_either() -> None:
    records = log_of([event(1, NOON + 60 * MINUTE), report(2, NOON, received_at=NOON + 61 * MINUTE)])
    late, state, result = LateEvents(Calendars({})), partition(), FoldResult()
    for record in records:
        late.look(record)
    for record in records:
        late.fold(state, record, result)
    assert (late.offsets, result.counts, result.dead) == (set(), {"scored": 1, "report": 1}, [])
