"""What must hold for any events in any order, any batches and any crash; and that these tests can fail.

Every property is also run with the part that it proves taken out of the program, and must then find a counterexample.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from msgspec import structs

import stream.fold.cart
import stream.fold.partition
import stream.fold.session
import stream.step
from ingest.commerce import Commerce, CommerceItem, VisitorHistory
from ingest.events import Context, Control, Custom, Event, Page, Ping, Purchase, Tick, UseModel
from stream.fold.clock import IDLE
from stream.fold.partition import LATE, LogRecord, Partition
from stream.fold.result import FoldResult
from stream.publish import ListRecordPublisher
from stream.scored import ScoredSession
from stream.step import FoldedBatches
from stream.worker import Worker
from tests.support.events import NOON, event
from tests.support.fakes import TOPICS, CrashError, CrashingRecords, FakeClient, FakeLog, worker_on
from tests.support.log import folded, log_of
from tests.support.recount import has_no_visitor, recount
from tests.support.signals import ACTIONS, recount_refunds, recount_signals

MINUTE = 60_000
KINDS = ["Administrative", "Informational", "ProductRelated", None]


@st.composite
def a_purchase(draw: st.DrawFn) -> Purchase:
    amount, order = draw(st.integers(1, 99)) / 10, draw(st.sampled_from(["o1", "o2"]))
    return Purchase(amount, order, draw(st.sampled_from([None, "EUR", "JPY"])), draw(st.booleans()))


items = st.builds(
    CommerceItem,
    st.sampled_from(["p1", "p2"]),
    st.sampled_from([0, 1, 1, 2, 1.5]),
    st.sampled_from([None, 10, 19.99]),
)
commerces = st.builds(
    Commerce,
    st.sampled_from(["add_to_cart", "remove_from_cart", "view_cart", *ACTIONS]),
    st.sampled_from([None, 0, 5, 70]),
    st.sampled_from([None, "EUR", "EUR", "JPY"]),
    st.lists(items, max_size=3).map(tuple),
    st.sampled_from([None, "o1", "o2"]),
    st.booleans(),
)
#: The member that an event of a type has.
MEMBERS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "page_ping": st.builds(Ping, st.integers(0, 3_600_000), st.integers(0, 100)).map(lambda ping: {"ping": ping}),
    "custom": st.sampled_from(["add_to_cart", "remove_from_cart", "search", None]).map(
        lambda label: {"custom": Custom("click", "button", label)}
    ),
    "commerce": commerces.map(lambda commerce: {"commerce": commerce}),
    "session_start": st.builds(VisitorHistory, st.integers(0, 3)).map(lambda history: {"history": history}),
}


@st.composite
def an_event(draw: st.DrawFn, number: int, span: int = LATE, **given_: Any) -> Event:
    kind = draw(
        st.sampled_from(["page_view", "page_view", "commerce", "commerce", "purchase", "session_end", *MEMBERS])
    )
    at = NOON + draw(st.integers(0, span // 1000)) * 1000
    return event(
        number,
        at,
        type=kind,
        page=Page(draw(st.sampled_from(["/a", "/b"])), draw(st.sampled_from(KINDS))) if kind == "page_view" else None,
        purchase=Purchase(
            draw(st.integers(1, 99)) / 10, draw(st.sampled_from(["o1", "o2"])), verified=draw(st.booleans())
        )
        if kind == "purchase"
        else None,
        context=Context(
            visitor_type=draw(st.sampled_from(["New_Visitor", "Other"])),
            device_class=draw(st.sampled_from([None, "mobile"])),
        ),
        **draw(MEMBERS.get(kind, st.just({}))),
        visitor_id=draw(st.sampled_from(["v1", "v2"])),
        flags=draw(st.sampled_from([(), (), ("bot",)])),
        **({"received_at": NOON + span} | given_),
    )


@st.composite
def two_orders(draw: st.DrawFn) -> tuple[list[Event], list[Event]]:
    """On-time events of one session, and the same ones in another order, some of them twice."""
    events = [draw(an_event(number)) for number in range(1, draw(st.integers(2, 9)))]
    again = [draw(st.sampled_from(events)) for _ in range(draw(st.integers(0, 3)))]
    return events, draw(st.permutations(events + again))


@st.composite
def two_orders_with_twins(draw: st.DrawFn) -> tuple[list[Event], list[Event]]:
    """As `two_orders`, where some verified purchases have the id of another event."""
    events = [draw(an_event(number)) for number in range(1, draw(st.integers(2, 7)))]
    plain = [one for one in events if not (one.purchase and one.purchase.verified)]
    for one in draw(st.lists(st.sampled_from(plain), max_size=3, unique=True)) if plain else []:
        at = draw(st.sampled_from([one.occurred_at, NOON, NOON + LATE]))
        proof = Purchase(draw(st.integers(1, 99)) / 10, draw(st.sampled_from(["o1", "o3"])), verified=True)
        given_ = {"event_id": one.event_id, "type": "purchase", "purchase": proof, "received_at": NOON + LATE}
        visitor = draw(st.sampled_from(["v1", "v2"]))
        events.append(event(0, at, visitor_id=visitor, context=Context(visitor_type="Other"), **given_))
    again = [draw(st.sampled_from(events)) for _ in range(draw(st.integers(0, 3)))]
    return events, draw(st.permutations(events + again))


def content_of(update: ScoredSession) -> tuple[Any, ...]:
    """What an update says of the session as a whole."""
    return (
        update.features, update.counts, update.origin, update.visitor_id, update.started_at, update.last_event_at,
        update.status, update.revenue, update.amount, update.currency, update.amounts, update.unverified_purchases,
        update.signals, update.refunds, update.bot,
    )  # fmt: skip


def order_changes_nothing(example: tuple[list[Event], list[Event]]) -> None:
    events, otherwise = example
    first, second = folded(log_of(events)), folded(log_of(otherwise))
    assert content_of(first.sessions[-1]) == content_of(second.sessions[-1])
    expected = recount(events)
    assert {name: getattr(second.sessions[-1].features, name) for name in expected} == expected
    assert structs.asdict(second.sessions[-1].signals) == pytest.approx(recount_signals(events), abs=1e-6)
    assert [structs.astuple(refund) for refund in second.sessions[-1].refunds] == recount_refunds(events)
    assert second.sessions[-1].bot == has_no_visitor(events)
    views: dict[str, Any] = {}
    for update in second.sessions:
        views.update({view.event_id: view for view in update.views})
    assert len(views) == second.sessions[-1].counts.page_views
    assert sum(view.is_exit for view in views.values()) == (1 if views else 0)


@st.composite
def two_orders_of_refunds(draw: st.DrawFn) -> tuple[list[Event], list[Event]]:
    """As `two_orders`, of events that are mostly verified refunds."""
    made = Commerce("refund", order_id="o1", verified=True)
    refunds = [
        event(number, NOON + draw(st.integers(0, 9)), type="commerce", commerce=made, received_at=NOON + LATE)
        for number in range(1, draw(st.integers(2, 4)))
    ]
    events = [*refunds, *draw(st.lists(an_event(10), max_size=1))]
    return events, draw(st.permutations([*events, *draw(st.lists(st.sampled_from(events), max_size=2))]))


@given(two_orders_of_refunds())
def test_whether_there_is_a_visitor_follows_from_the_set_of_events(example: tuple[list[Event], list[Event]]) -> None:
    order_changes_nothing(example)


@given(two_orders())
def test_order_duplication_and_splitting_change_nothing(example: tuple[list[Event], list[Event]]) -> None:
    order_changes_nothing(example)


def every_proof_counts(example: tuple[list[Event], list[Event]]) -> None:
    events, otherwise = example
    last = folded(log_of(otherwise)).sessions[-1]
    proven = {one.purchase.order_id for one in events if one.purchase and one.purchase.verified}
    assert last.revenue == bool(proven)
    assert last.counts.events == len({(one.event_id, bool(one.purchase and one.purchase.verified)) for one in events})


@given(two_orders_with_twins())
def test_a_verified_purchase_counts_whatever_else_has_its_id(example: tuple[list[Event], list[Event]]) -> None:
    order_changes_nothing(example)
    every_proof_counts(example)


@st.composite
def a_log(draw: st.DrawFn) -> list[Event | Control]:
    """A log of two live sites and a replayed one: sessions that end, close, come back and are cut; controls between."""
    now = {"live": NOON - 9 * 60 * MINUTE, "past": NOON - 900 * MINUTE}
    history: list[Event] = []
    records: list[Event | Control] = []
    for number in range(1, draw(st.integers(4, 30))):
        clock = draw(st.sampled_from(["live", "live", "past"]))
        now[clock] += draw(st.sampled_from([0, 1, 1, MINUTE, 9 * MINUTE, 25 * MINUTE, IDLE, 3 * IDLE]))
        name = draw(st.sampled_from(["event"] * 8 + ["tick", "model", "again"]))
        if name == "again":
            records += history[draw(st.integers(0, 3)) :]
        elif name == "tick":
            records.append(Tick(clock, now[clock]))
        elif name == "model":
            records.append(UseModel(draw(st.sampled_from(["m1", "m2"]))))
        else:
            made = draw(
                an_event(
                    draw(st.integers(1, number)),
                    received_at=now[clock],
                    site="past" if clock == "past" else draw(st.sampled_from(["default", "other"])),
                    session_id=draw(st.sampled_from(["s1", "s2"])),
                    clock="replayed" if clock == "past" else "live",
                )
            )
            lag = draw(st.sampled_from([0, 0, 1000, 5 * MINUTE, 11 * MINUTE, -10 * MINUTE]))
            records.append(_at(made, now[clock] - lag))
            if clock == "past":
                history.append(_at(made, now[clock] - lag))
    return records


def _at(made: Event, occurred_at: int) -> Event:
    return Event(**{name: getattr(made, name) for name in made.__struct_fields__} | {"occurred_at": occurred_at})


Told = dict[str, list[tuple[int, bytes | None, bytes]]]


def published_by(records: ListRecordPublisher) -> Told:
    """What was told, without repetitions: each topic's records in their order of first telling."""
    return {topic: list(dict.fromkeys(map(tuple, rows))) for topic, rows in records.topics.items()}


#: Starts a worker process on the log.
Start = Callable[[FakeLog, ListRecordPublisher], Worker]


async def whole_run(log: FakeLog, start: Start = worker_on) -> Told:
    records = ListRecordPublisher()
    worker, client = start(log, records), FakeClient(log)
    await worker.claim(set(log.partitions), client)
    await worker.round({number: client.fetch(number, 10_000) for number in log.partitions}, client)
    return published_by(records)


Moves = list[tuple[str, int]]
moves = st.lists(
    st.tuples(
        st.sampled_from(["round", "round", "round", "crash", "restart", "look after", "skip", "rewind"]),
        st.integers(0, 9),
    ),
    max_size=25,
)


async def broken_run(log: FakeLog, plan: Moves, start: Start = worker_on) -> Told:
    """The same log through rounds of any size, a client that jumps about, commits at any time, and crashes."""
    told = ListRecordPublisher()
    client = FakeClient(log)
    worker = start(log, told)
    await worker.claim(set(log.partitions), client)
    for move, size in [*plan, *[("round", 5), ("look after", 0)] * 40]:
        if move in ("skip", "rewind"):
            client.position_of[0] = max(0, client.position_of[0] + (size if move == "skip" else -size))
        elif move == "look after":
            await worker.commit(client)
            await worker.check_positions(client)
        elif move == "restart":
            worker = start(log, told)
            client.position_of = dict.fromkeys(log.partitions, size)
            await worker.claim(set(log.partitions), client)
        else:
            try:
                worker_records = CrashingRecords(told, size) if move == "crash" else told
                worker._records = worker_records
                await worker.round({number: client.fetch(number, size + 1) for number in log.partitions}, client)
            except CrashError:
                worker = start(log, told)
                await worker.claim(set(log.partitions), client)
    assert client.done(worker)
    return published_by(told)


def same_records(records: list[Event | Control], plan: Moves) -> None:
    log = FakeLog({0: log_of(records)})
    whole = asyncio.run(whole_run(log))
    log.commits.clear()
    broken = asyncio.run(broken_run(log, plan))
    for topic in (TOPICS.scored, TOPICS.dead):
        assert broken.get(topic, []) == whole.get(topic, [])


@settings(max_examples=150)
@given(a_log(), moves)
def test_batches_crashes_and_a_jumping_client_give_the_same_records(
    records: list[Event | Control], plan: Moves
) -> None:
    same_records(records, plan)


def counterexample(property_: Callable[..., None], *strategies: st.SearchStrategy[Any]) -> bool:
    """Whether hypothesis finds one."""

    @settings(
        max_examples=600, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(*strategies)
    def run(*example: Any) -> None:
        property_(*example)

    try:
        run()
    except Exception:
        return True
    return False


@st.composite
def history_sent_again(draw: st.DrawFn) -> tuple[list[Event], list[Event]]:
    """The history of an imported site in order, and the same as a loader sends it that begins again some times."""
    now, events = NOON - 900 * MINUTE, []
    for number in range(1, draw(st.integers(3, 20))):
        now += draw(st.sampled_from([0, 1, MINUTE, 20 * MINUTE, 39 * MINUTE, IDLE, 5 * IDLE]))
        session = draw(st.sampled_from(["s1", "s2"]))
        made = draw(an_event(number, received_at=now, site="past", session_id=session, clock="replayed"))
        events.append(_at(made, now - draw(st.sampled_from([0, 0, MINUTE, 11 * MINUTE, -2 * MINUTE]))))
    otherwise: list[Event] = []
    sent = 0
    for crash in sorted(draw(st.lists(st.integers(0, len(events)), max_size=3))):
        otherwise += events[sent:crash]
        sent = draw(st.integers(0, crash))
    return events, otherwise + events[sent:]


def sent_again_changes_nothing(example: tuple[list[Event], list[Event]]) -> None:
    events, otherwise = example
    first, second = folded(log_of(events)), folded(log_of(otherwise))
    assert [(each.opened_at, content_of(each)) for each in second.sessions] == [
        (each.opened_at, content_of(each)) for each in first.sessions
    ]
    # What is late at the very time of the clock is late again.
    late = second.counts.get("late", 0) - first.counts.get("late", 0)
    assert second.counts.get("duplicate", 0) + late == len(otherwise) - len(events)


@given(history_sent_again())
def test_history_sent_again_changes_nothing(example: tuple[list[Event], list[Event]]) -> None:
    sent_again_changes_nothing(example)


def test_where_history_behind_the_clock_is_folded_that_property_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream.fold.partition, "is_passed", lambda *_: False)
    assert counterexample(sent_again_changes_nothing, history_sent_again())


def test_without_deduplication_the_order_property_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream.fold.partition, "has_event", lambda *_: False)
    assert counterexample(order_changes_nothing, two_orders())


def test_where_a_refund_makes_a_visitor_that_property_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream.fold.session.Session, "has_no_visitor", property(lambda session: session.bot))
    assert counterexample(order_changes_nothing, two_orders_of_refunds())


def test_where_an_id_alone_makes_a_duplicate_the_property_of_proofs_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    known = stream.fold.session.has_event
    monkeypatch.setattr(stream.fold.partition, "has_event", lambda session, id_bytes, _: known(session, id_bytes))
    assert counterexample(every_proof_counts, two_orders_with_twins())


def test_without_an_order_of_twins_the_order_property_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    known = stream.fold.session._before
    monkeypatch.setattr(stream.fold.session, "_before", lambda *given_: known(*given_[:5], True))
    assert counterexample(order_changes_nothing, two_orders_with_twins())


def test_without_sorting_the_order_property_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream.fold.session, "_position", lambda session, *_: len(session.views))
    assert counterexample(order_changes_nothing, two_orders())


def test_where_late_pings_are_not_counted_again_the_order_property_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream.fold.session, "_recount_pings", lambda *_: None)
    assert counterexample(order_changes_nothing, two_orders())


def test_where_the_cart_takes_events_as_they_come_the_order_property_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream.fold.cart, "bisect_left", lambda events, *_, **__: len(events))
    assert counterexample(order_changes_nothing, two_orders())


def test_without_the_check_of_next_the_crash_property_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def trusting(
        partitions: dict[int, Partition], batches: dict[int, list[LogRecord]], failure_run: int = 0
    ) -> FoldedBatches:
        into = FoldResult(failure_run)
        for number, records in batches.items():
            for record in records:
                partitions[number].fold(record, into)
        return FoldedBatches(into, {})

    monkeypatch.setattr("stream.worker.fold", trusting)
    assert counterexample(same_records, a_log(), moves)


def test_without_the_mark_the_crash_property_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Partition, "recovery_mark", Partition.here)
    assert counterexample(same_records, a_log(), moves)
