"""The sender: bodies within the limits, order kept, what was not accepted sent again, refusals said in one line."""

import asyncio
from collections.abc import Iterator

import msgspec
import pytest

from deploy.simulate.dates import Dates
from deploy.simulate.draw import draw
from deploy.simulate.ordered import ordered
from deploy.simulate.pages import Catalogue
from deploy.simulate.send import (
    BUSY_PATIENCE,
    RequestBody,
    SendError,
    SendPace,
    TryAgainError,
    events_of_one_request,
    judge,
    pieces,
    send,
    sent,
)
from deploy.simulate.uci import UciVisit
from ingest.events import Event
from ingest.schemas import ImportBatch
from stream.fold.calendar import Calendar


@pytest.fixture(scope="module")
def events() -> list[Event]:
    dates, catalogue = Dates(Calendar("UTC", "", ("02-14", "05-09"))), Catalogue()
    return list(ordered(UciVisit("uci~t", row, dates, catalogue) for row in draw(40)))


class ListIngest:
    """Takes what it is sent; answers the first requests as told to."""

    def __init__(self, *first: Exception) -> None:
        self.first = list(first)
        self.taken: list[bytes] = []
        self.asked: list[bytes] = []

    async def post(self, body: bytes) -> None:
        await asyncio.sleep(0)
        self.asked.append(body)
        if self.first:
            raise self.first.pop(0)
        self.taken.append(body)


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)

    def __call__(self) -> float:
        return self.now


def numbered(*bodies: bytes) -> Iterator[RequestBody]:
    return (RequestBody(10, body) for body in bodies)


def test_pieces_are_import_batches_within_both_limits(events: list[Event]) -> None:
    made = list(pieces("uci~t", events, 50, 12_000))
    assert all(piece.events <= 50 and len(piece.body) <= 12_000 for piece in made)
    batches = [msgspec.json.decode(piece.body, type=ImportBatch) for piece in made]
    assert [len(batch.events) for batch in batches] == [piece.events for piece in made]
    told = [event for batch in batches for event in batch.events]
    assert [event.event_id for event in told] == [event.event_id for event in events]
    assert [event.received_at for event in told] == [event.received_at for event in events]
    assert all(batch.site == "uci~t" for batch in batches)


def test_nothing_of_an_event_is_lost_on_the_way(events: list[Event]) -> None:
    for event in events:
        said = sent(event)
        assert said["context"] == event.context
        page = said.get("page")
        assert (page is None) == (event.page is None)
        if event.page is not None:
            assert (page["url"], page["type"], page["referrer"]) == (
                event.page.path,
                event.page.type,
                event.page.referrer,
            )
        assert (said.get("ping"), said.get("custom")) == (event.ping, event.custom)
        assert ("purchase" in said) == (event.purchase is not None)


async def test_each_stream_keeps_its_order_and_is_sent_beside_the_others() -> None:
    taker, clock, counted = ListIngest(), Clock(), []
    streams = [numbered(b"a1", b"a2", b"a3"), numbered(b"b1", b"b2")]
    await send(streams, taker, SendPace(0, clock), counted.append, clock.sleep, clock)
    assert [body for body in taker.taken if body.startswith(b"a")] == [b"a1", b"a2", b"a3"]
    assert [body for body in taker.taken if body.startswith(b"b")] == [b"b1", b"b2"]
    assert taker.taken.index(b"b1") < taker.taken.index(b"a3")
    assert sum(counted) == 50


async def test_same_body_is_sent_again_until_it_is_accepted() -> None:
    taker, clock, counted = ListIngest(TryAgainError("503", 3.0), TryAgainError("no answer")), Clock(), []
    await send([numbered(b"a1", b"a2")], taker, SendPace(0, clock), counted.append, clock.sleep, clock)
    assert taker.asked == [b"a1", b"a1", b"a1", b"a2"]
    assert 3.0 in clock.slept
    assert sum(counted) == 20


async def test_gives_up_when_nobody_answers_for_a_minute_or_takes_nothing_for_five() -> None:
    for refusal, says in (
        (TryAgainError("does not answer"), "does not answer; gave up after 60 s"),
        (TryAgainError("503", 1.0, BUSY_PATIENCE), "503; gave up after 300 s"),
    ):
        taker, clock = ListIngest(*[refusal] * 500), Clock()
        with pytest.raises(SendError, match=says):
            await send([numbered(b"a1")], taker, SendPace(0, clock), lambda _: None, clock.sleep, clock)


async def test_refusal_ends_all_streams() -> None:
    taker, clock = ListIngest(SendError("key")), Clock()
    with pytest.raises(SendError, match="key"):
        await send([numbered(b"a1"), numbered(b"b1")], taker, SendPace(0, clock), lambda _: None, clock.sleep, clock)


@pytest.mark.parametrize(
    ("status", "text", "error", "says"),
    [
        pytest.param(429, b"slow", TryAgainError, "429", id="too fast"),
        pytest.param(503, b"kafka", TryAgainError, "503", id="kafka away"),
        pytest.param(403, b"key", SendError, "sites.uci.import_keys", id="unknown key"),
        pytest.param(413, b"big", SendError, "413", id="too large"),
        pytest.param(
            202, b'{"accepted":1,"refused":[{"index":0,"code":"c","reason":"why"}]}', SendError, "why", id="refused"
        ),
    ],
)
def test_answer_states_what_to_do(status: int, text: bytes, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        judge(status, text, "2", "uci")


def test_retry_after_is_honoured() -> None:
    with pytest.raises(TryAgainError) as caught:
        judge(503, b"", "7", "uci")
    assert (caught.value.pause, caught.value.patience) == (7.0, BUSY_PATIENCE)


def test_accepted_answer_passes() -> None:
    judge(202, b'{"accepted":2,"refused":[]}', "", "uci")


async def test_pace_spreads_events_evenly() -> None:
    clock, taker, counted = Clock(), ListIngest(), []
    await send([numbered(*[b"x"] * 11)], taker, SendPace(50, clock), counted.append, clock.sleep, clock)
    assert clock.now - 100.0 == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("rate", "events"),
    [pytest.param(0, 500, id="no rate"), pytest.param(1, 1, id="slow"), pytest.param(1_000, 50, id="steady")],
)
def test_request_carries_less_at_low_rates(rate: float, events: int) -> None:
    assert events_of_one_request(rate, 4, 500) == events
