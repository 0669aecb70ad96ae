"""A snapshot is of one place of the log, whatever is folded while it is taken, and comes back to the last bit."""

from collections.abc import Callable, Iterable

import pytest

from ingest.commerce import Commerce, CommerceItem, VisitorHistory
from ingest.events import Event, Page, Ping, Purchase
from stream.fold.erasures import Erasures, visitor_digest
from stream.fold.partition import Partition
from stream.fold.session import Session
from stream.snapshot.capture import Capture
from stream.snapshot.chain import ChainReader, Snapshot, SnapshotError, head_frame, records_of, session_frames
from stream.snapshot.packed_session import SessionUnpacker, pack
from tests.support.events import NOON, event
from tests.support.log import folded, log_of, partition

CHAIN = "00112233445566ff"


def visit(session: str, first: int, count: int = 3) -> list[Event]:
    return [event(first + each, NOON + first * 1000 + each, session_id=session) for each in range(count)]


def bought() -> list[Event]:
    """A session with everything that a session can have."""
    item = CommerceItem("p1", 2, 9.5)
    return [
        event(1, NOON, type="session_start", history=VisitorHistory(3, 1, 2.5)),
        event(2, NOON + 1_000, page=Page("/a", "ProductRelated")),
        event(3, NOON + 2_000, type="page_ping", ping=Ping(900, 40.5)),
        event(4, NOON + 3_000, type="commerce", commerce=Commerce("add_to_cart", 19.0, "EUR", (item,))),
        event(5, NOON + 4_000, page=Page("/b")),
        event(6, NOON + 4_500, type="commerce", commerce=Commerce("remove_from_cart", items=(CommerceItem("x"),))),
        event(7, NOON + 5_000, type="purchase", purchase=Purchase(19.0, "o1", "EUR", verified=True)),
        event(8, NOON + 6_000, type="commerce", commerce=Commerce("refund", 5.0, "EUR", (), "o1", verified=True)),
    ]  # fmt: skip


def all_of(session: Session) -> dict[str, object]:
    """Every attribute of a session, and of what it holds; what is equal by identity alone is left out."""
    found = {name: getattr(session, name) for name in Session.__slots__ if name != "calendar"}
    for part in ("commerce", "engagement"):
        if found[part] is not None:
            found[part] = {name: getattr(found[part], name) for name in type(found[part]).__slots__}
    if session.commerce is not None and session.commerce.cart_events is not None:
        cart = session.commerce.cart_events
        commerce = found["commerce"]
        assert isinstance(commerce, dict)
        commerce["cart_events"] = repr((list(cart.events), cart._cart.lines, cart._cart.step))
    return found


def test_a_session_comes_back_with_every_attribute() -> None:
    state = partition()
    folded(log_of(bought()), state)
    [session] = state.sessions()
    again = SessionUnpacker(state.calendar_of).unpack(pack(session))
    assert all_of(again) == all_of(session)
    assert again.calendar is session.calendar


def captured(state: Partition, meanwhile: list[Event]) -> tuple[dict[int, bytes], Capture]:
    capture, found = Capture(state, None), {}
    for record in log_of(meanwhile, state.next):
        found.update(capture.slice(1, 1))
        state.fold(record, None)
    while not capture.done:
        found.update(capture.slice(1, 1))
    capture.end()
    return found, capture


def test_sessions_are_as_they_were_when_the_capture_began() -> None:
    state, twin = partition(), partition()
    begun = [*visit("s1", 10), *visit("s2", 20), *visit("s3", 30), *visit("s4", 40)]
    folded(log_of(begun), state)
    folded(log_of(begun), twin)
    found, capture = captured(state, [*visit("s1", 50), *visit("s2", 60, 1), *visit("s5", 70)])
    assert found == {session.first_offset: pack(session) for session in twin.sessions()}
    assert capture.here.next == 12
    assert state.listener is None


def test_only_sessions_that_changed_since_are_captured() -> None:
    state = partition()
    folded(log_of([*visit("s1", 10), *visit("s2", 20), *visit("s3", 30)]), state)
    before = state.here()
    folded(log_of([*visit("s2", 40), *visit("s4", 50)], state.next), state)
    capture = Capture(state, before)
    changed = {first_offset for first_offset, _ in capture.slice(99, 1 << 20)}
    assert {3, 12} <= changed
    assert 0 not in changed


def test_an_erased_visitor_is_in_no_snapshot() -> None:
    erasures = Erasures()
    state = partition(erasures=erasures)
    folded(log_of([*visit("s1", 10), event(20, NOON + 20_000, session_id="s2", visitor_id="gone")]), state)
    capture = Capture(state, None)
    erasures.digests.add(visitor_digest("default", "gone"))
    found = dict(capture.slice(99, 1 << 20))
    assert set(found) == {0}
    assert capture.left_out == {3}
    assert not any(b"gone" in packed for packed in found.values())
    [(clock, offsets)] = capture.head(capture.left_out).open
    assert (clock, list(memoryview(offsets).cast("q"))) == ("live", [0])


def read(values: Iterable[bytes], records: int) -> Snapshot:
    reader = ChainReader(CHAIN, records)
    for value in values:
        reader.take(value)
    return reader.snapshot()


def chain_of(size: int) -> list[bytes]:
    state = partition()
    head = Capture(state, None).head(set())
    frames = session_frames([(0, b"x" * size), (7, b"y" * size)]) + head_frame(head)
    return [value for _, value in records_of(frames, CHAIN, 0, 0)]


def test_a_chain_of_several_records_is_read_whole_and_among_others() -> None:
    values = chain_of(600_000)
    assert len(values) == 4
    reader = ChainReader(CHAIN, 4)
    other = next(value for _, value in records_of(b"other", "ff" * 8, 0, 0))
    for value in (None, b"", other, values[0], other, values[0], *values[1:], b"behind"):
        reader.take(value)
    snapshot = reader.snapshot()
    assert {first_offset: len(packed) for first_offset, packed in snapshot.sessions.items()} == {0: 600_000, 7: 600_000}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        pytest.param(lambda values: values[:-1], "record 3 of 4 is missing", id="the end is missing"),
        pytest.param(lambda values: values[1:], "record 0 of 4 is missing", id="the begin is missing"),
        pytest.param(lambda values: [values[0], values[1][:-1], *values[2:]], "record 1 of 4 is torn", id="cut"),
        pytest.param(lambda values: [values[0][:-1] + b"z", *values[1:]], "record 0 of 4 is torn", id="changed"),
    ],
)
def test_a_chain_that_is_not_whole_is_refused(change: Callable[[list[bytes]], list[bytes]], why: str) -> None:
    with pytest.raises(SnapshotError, match=why):
        read(change(chain_of(600_000)), 4)


@pytest.mark.parametrize("cut", [3, 15, 900_000], ids=["in a frame's head", "in the first frame", "in the second"])
def test_frames_that_end_too_early_are_refused(cut: int) -> None:
    frames = (session_frames([(0, b"x" * 600_000), (7, b"y" * 600_000)]))[:cut]
    values = [value for _, value in records_of(frames, CHAIN, 0, 0)]
    with pytest.raises(SnapshotError, match=r"ends in the middle|no head"):
        read(values, len(values))
