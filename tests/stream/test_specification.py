"""docs/features.md says of a session exactly what the fold does: a second implementation of its text agrees."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import stream.fold.partition
from ingest.commerce import Commerce
from ingest.events import Control, Event, Tick
from stream.fold.result import FoldResult
from stream.scored import ScoredSession
from tests.stream.test_properties import MINUTE, a_log, counterexample
from tests.support.events import NOON, event
from tests.support.log import log_of, partition
from tests.support.specification import Identity, SpecifiedPartition

REFUND = event(1, type="commerce", commerce=Commerce("refund", order_id="o1", verified=True))
HISTORY = [event(n, NOON + n * MINUTE, site="past", clock="replayed", session_id=f"s{n % 3}") for n in range(9)]


def content_of(update: ScoredSession) -> dict[str, Any]:
    names = (
        *("Administrative", "Administrative_Duration", "Informational", "Informational_Duration", "ProductRelated"),
        *("ProductRelated_Duration", "Month", "Weekend"),
    )
    return {
        "visitor_id": update.visitor_id,
        "visitor_type": update.features.VisitorType,
        "started_at": update.started_at,
        "last_event_at": update.last_event_at,
        "ended": update.status == "ended",
        "events": update.counts.events,
        "page_views": update.counts.page_views,
        "orders": update.counts.purchases,
        "revenue": update.revenue,
        "amount": round(update.amount, 6),
        "currency": update.currency,
        **{f"amount in {each.currency}": round(each.amount, 6) for each in update.amounts},
        "unverified": update.unverified_purchases,
        **{name: getattr(update.features, name) for name in names},
        **msgspec.structs.asdict(update.signals),
        "refunds": str([msgspec.structs.astuple(refund) for refund in update.refunds]),
        "bot": update.bot,
    }


def the_page_agrees_with_the_fold(records: list[Event | Control], timestamp: int = -1) -> None:
    state, by_page = partition(), SpecifiedPartition()
    sessions: dict[Identity, dict[str, Any]] = {}
    closed: set[Identity] = set()
    counts: dict[str, int] = {}
    for record in (each._replace(timestamp=timestamp) for each in log_of(records)):
        into = FoldResult()
        state.fold(record, into)
        by_page.read(record)
        for update in into.sessions:
            identity = (update.site, update.session_id, update.opened_at)
            if update.status == "closed":
                closed.add(identity)
            else:
                sessions[identity] = content_of(update)
        for outcome, number in into.counts.items():
            counts[outcome] = counts.get(outcome, 0) + number
    assert {outcome: by_page.outcomes.count(outcome) for outcome in counts} == counts
    specified = by_page.sessions
    assert sessions.keys() == specified.keys()
    for identity, session in sessions.items():
        assert session == pytest.approx(specified[identity], abs=1e-6)
    still_open = {(*key, each.opened_at) for clock in by_page.open.values() for key, each in clock.items()}
    assert sessions.keys() - closed == still_open


@settings(max_examples=120)
@given(a_log(), st.sampled_from([-1, -1, NOON - 60 * MINUTE, NOON - 500 * MINUTE]))
def test_the_page_states_what_the_fold_does(records: list[Event | Control], timestamp: int) -> None:
    the_page_agrees_with_the_fold(records, timestamp)


@pytest.mark.parametrize("ahead", [9 * 1000, 11 * 1000, 20 * MINUTE])
@pytest.mark.parametrize("flags", [(), ("skew",)])
def test_the_page_states_it_of_a_clock_that_is_ahead(ahead: int, flags: tuple[str, ...]) -> None:
    events = [event(n, at + ahead, received_at=NOON + ahead, flags=flags) for n, at in enumerate([NOON, NOON - 2_000])]
    tick = Tick("live", NOON + 50 * MINUTE)
    the_page_agrees_with_the_fold([*events, event(3, NOON, received_at=NOON + ahead), tick], NOON)


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([event(1), event(2, NOON + 40 * MINUTE - 1)], id="39 minutes are one session"),
        pytest.param([event(1), event(2, NOON + 40 * MINUTE)], id="40 minutes are two"),
        pytest.param(
            [event(1), event(1, received_at=NOON + 39 * MINUTE), event(2, NOON + 70 * MINUTE)],
            id="a duplicate keeps a session open",
        ),
        pytest.param(
            [event(1), event(2, NOON - MINUTE, received_at=NOON + 30 * MINUTE), event(3, NOON + 45 * MINUTE)],
            id="a late event does not",
        ),
        pytest.param([event(2, NOON), event(1, NOON), event(3, NOON)], id="one millisecond is ordered by id"),
        pytest.param([event(1, NOON + 6 * MINUTE, received_at=NOON)], id="six minutes ahead occurred when received"),
        pytest.param([event(1), Tick("live", NOON + 40 * MINUTE)], id="a tick closes"),
        pytest.param([event(1, type="session_end"), event(2, NOON + MINUTE)], id="an end that is not the last event"),
        pytest.param(
            [event(1, NOON + 15 * 60 * MINUTE + 59 * MINUTE), event(2, NOON + 16 * 60 * MINUTE)], id="the cut at 04:00"
        ),
        pytest.param([REFUND, REFUND, event(2, NOON + 41 * MINUTE)], id="a refund alone is no visit"),
        pytest.param([REFUND, event(2, NOON + MINUTE)], id="a refund and then a page are one"),
        pytest.param([event(number, NOON + number) for number in range(2_002)], id="2,000 events"),
        pytest.param([*HISTORY, Tick("past", NOON + 600 * MINUTE), *HISTORY], id="history sent again"),
        pytest.param(
            [msgspec.structs.replace(HISTORY[0], site=f"{'past' * 15}~{n}") for n in (*range(60), 59)],
            id="more imported sites than a mark has room for",
        ),
    ],
)
def test_the_page_states_it_at_the_edges(records: list[Event | Control]) -> None:
    the_page_agrees_with_the_fold(records)


def test_another_rule_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream.fold.partition, "IDLE", 41 * MINUTE)
    assert counterexample(the_page_agrees_with_the_fold, a_log())
