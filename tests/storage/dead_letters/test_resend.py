"""A dead letter sent again counts once: after a double click, a crash, a lost answer, by two operators."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ingest.events import Event, Purchase, encode, key_of
from ingest.schemas import SentEvent
from storage.dead_letters.draft import draft
from storage.dead_letters.ingest_client import IngestResponse, ListIngestClient
from storage.dead_letters.ledger import ResentLedger
from storage.dead_letters.reads import LetterRow, StoredLetter
from storage.dead_letters.resend import LetterResender
from storage.http.access import Caller
from storage.http.errors import ReadError
from stream.scored import DeadLetter
from tests.support.events import NOON, event, event_id
from tests.support.operations import dead_letter, place_of
from tests.support.sinks import sql

ANNA, BERT = Caller("anna"), Caller("bert")
LOST = IngestResponse("unknown", reason="gave no answer")
DOWN = IngestResponse("not_sent", reason="nobody answers")
REFUSED = IngestResponse("refused", reason="invalid: no")
NEW_ID = event_id(99)


class Log:
    """Stands for ClickHouse: which events the log has, beside the letters themselves."""

    def __init__(self) -> None:
        self.events: set[str] = set()

    def is_in_log(self, place: Any, site: str, session_id: str, event_id: str) -> bool:
        return event_id in self.events


class Resending:
    """A resender with all that it needs, at `now`."""

    def __init__(self, engine: Any, *answers: IngestResponse) -> None:
        self.ledger, self.ingest, self.log, self.now = ResentLedger(engine), ListIngestClient(*answers), Log(), NOON
        self.resender = LetterResender(self.log, self.ledger, self.ingest, lambda: self.now, lambda: NEW_ID)  # type: ignore[arg-type]

    async def send(self, letter: DeadLetter, body: dict[str, Any], who: Caller = ANNA, site: str = "shop") -> Any:
        row = LetterRow(place_of(letter), letter.reason, letter.detail, site, NOON, len(letter.raw))
        return await self.resender.send(StoredLetter(row, letter.key, letter.raw), msgspec.json.encode(body), site, who)

    @property
    def sent(self) -> list[dict[str, Any]]:
        return [msgspec.json.decode(body) for _, body, _, _ in self.ingest.sent]


@pytest.fixture
def engine(tmp_path: Path) -> Any:
    with sql(f"sqlite:///{tmp_path / 'db'}") as made:
        yield made


LETTER = dead_letter(1, "shop")
BODY = {"type": "page_view", "session_id": "s1", "page": {"url": "/fixed"}}


def of_event(given: Event, **more: Any) -> DeadLetter:
    return dead_letter(1, given.site, key=key_of(given.site, given.session_id), raw=encode(given), **more)


async def test_it_goes_with_the_id_of_its_event_and_a_time_and_is_noted(engine: Any) -> None:
    resending = Resending(engine)
    done = await resending.send(LETTER, BODY)
    wanted = {**BODY, "event_id": event_id(1), "occurred_at": NOON}
    assert resending.sent == [wanted]
    assert (done.state, done.event_id, done.sent_by, done.sent_at) == ("sent", event_id(1), "anna", NOON)
    assert msgspec.json.decode(done.event) == wanted


async def test_a_second_one_changes_nothing_whoever_sends_what(engine: Any) -> None:
    resending = Resending(engine)
    done = await resending.send(LETTER, BODY)
    resending.now += 60_000
    assert await resending.send(LETTER, BODY) == done
    assert await resending.send(LETTER, {**BODY, "page": {"url": "/other"}}, BERT) == done
    assert len(resending.sent) == 1


async def test_two_at_once_send_one_event(engine: Any) -> None:
    resending = Resending(engine)
    bodies = [{**BODY, "page": {"url": f"/{number}"}} for number in range(6)]
    found = await asyncio.gather(*(resending.send(LETTER, body, Caller(str(n))) for n, body in enumerate(bodies)))
    assert len({msgspec.json.encode(each) for each in found}) == 1
    assert len({msgspec.json.encode(each) for each in resending.sent}) == 1


async def test_after_an_answer_that_was_lost_the_same_event_goes_again(engine: Any) -> None:
    resending = Resending(engine, LOST)
    with pytest.raises(ReadError, match=f"it goes as event {NEW_ID} and counts once") as refused:
        await resending.send(dead_letter(1, "shop", raw=b"{}"), BODY)
    assert refused.value.code == "unavailable"
    resending.now += 3_600_000
    done = await resending.send(dead_letter(1, "shop", raw=b"{}"), {**BODY, "page": {"url": "/other"}}, BERT)
    first, second = resending.sent
    # By its time it is late once its session may have closed, so that it cannot count in another one.
    assert first == second == {**BODY, "event_id": NEW_ID, "occurred_at": NOON}
    assert (done.sent_by, done.state) == ("anna", "sent")


async def test_what_the_log_has_already_is_not_sent_a_second_time(engine: Any) -> None:
    resending = Resending(engine, LOST)
    with pytest.raises(ReadError):
        await resending.send(LETTER, BODY)
    resending.log.events.add(event_id(1))
    done = await resending.send(LETTER, BODY, BERT)
    assert (done.state, done.event_id) == ("sent", event_id(1))
    assert len(resending.sent) == 1


async def test_the_event_itself_in_the_log_does_not_count_as_sent_again(engine: Any) -> None:
    resending = Resending(engine)
    resending.log.events.add(event_id(1))
    await resending.send(LETTER, BODY)
    assert len(resending.sent) == 1


@pytest.mark.parametrize(("answer", "code"), [(REFUSED, "invalid"), (DOWN, "unavailable")])
async def test_what_certainly_was_not_taken_can_be_fixed_and_sent(
    engine: Any, answer: IngestResponse, code: str
) -> None:
    resending = Resending(engine, answer)
    with pytest.raises(ReadError, match=answer.reason) as refused:
        await resending.send(LETTER, BODY)
    assert refused.value.code == code
    fixed = {**BODY, "page": {"url": "/again"}}
    assert (await resending.send(LETTER, fixed, BERT)).sent_by == "bert"
    assert resending.sent[1]["page"] == {"url": "/again"}


async def test_a_claim_of_somebody_else_is_not_given_free_where_nobody_answered(engine: Any) -> None:
    resending = Resending(engine, LOST, DOWN)
    for _ in range(2):
        with pytest.raises(ReadError):
            await resending.send(LETTER, BODY)
    await resending.send(LETTER, {**BODY, "page": {"url": "/other"}}, BERT)
    assert resending.sent[0] == resending.sent[2]


async def test_a_letter_that_a_command_publishes_is_left_to_it(engine: Any) -> None:
    resending = Resending(engine, LOST)
    with pytest.raises(ReadError):
        await resending.send(LETTER, BODY)
    (claimed,) = resending.ledger.newest(None, 1)
    resending.ledger.release(claimed)
    resending.ledger.claim(msgspec.structs.replace(claimed, state="publishing"))
    with pytest.raises(ReadError, match="retry-failed") as refused:
        await resending.send(LETTER, BODY)
    assert refused.value.code == "busy"
    assert len(resending.sent) == 1


BOUGHT = event(1, type="purchase", site="shop", session_id="s1", purchase=Purchase(9.5, "o1", "EUR", True))


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        pytest.param({}, "", id="as it is"),
        pytest.param({"session_id": "s2", "occurred_at": NOON - 60_000}, "", id="another session and time"),
        pytest.param({"purchase": {"amount": "9.50", "order_id": "o1", "currency": "EUR"}}, "", id="spelled otherwise"),
        pytest.param({"purchase": {"amount": 95, "order_id": "o1", "currency": "EUR"}}, "must stay", id="more money"),
        pytest.param({"purchase": {"amount": 9.5, "order_id": "o2"}}, "must stay", id="another order"),
        pytest.param({"type": "session_end", "purchase": None}, "must stay", id="no purchase"),
    ],
)
async def test_what_the_shops_server_signed_keeps_its_order(engine: Any, change: dict[str, Any], refused: str) -> None:
    resending, letter = Resending(engine), of_event(BOUGHT)
    body = (draft(BOUGHT, b"") or {}) | change
    if refused:
        with pytest.raises(ReadError, match=refused):
            await resending.send(letter, body)
        assert resending.sent == []
    else:
        await resending.send(letter, body)
        assert [is_verified for _, _, is_verified, _ in resending.ingest.sent] == [True]


async def test_programs_stay_programs_and_only_a_record_that_is_an_event_vouches(engine: Any) -> None:
    resending = Resending(engine)
    await resending.send(of_event(event(1, site="shop", flags=("bot",))), BODY)
    raw = encode(BOUGHT).replace(b'"type":"purchase"', b'"type":"gift"')
    await resending.send(dead_letter(2, "shop", raw=raw), BODY)
    assert [flags for _, _, *flags in resending.ingest.sent] == [[False, True], [False, False]]


@pytest.mark.parametrize(
    ("letter", "body", "site", "reason"),
    [
        pytest.param(LETTER, {**BODY, "occurred_at": NOON - 600_001}, "shop", "would be late again", id="late again"),
        pytest.param(LETTER, {**BODY, "occurred_at": "2020-01-01T00:00:00Z"}, "shop", "late again", id="late, ISO"),
        pytest.param(LETTER, {**BODY, "received_at": 1}, "shop", "event: .*received_at", id="unknown member"),
        pytest.param(LETTER, {"type": "page_view"}, "shop", "session_id", id="no session"),
        pytest.param(dead_letter(1, "shop", topic="scored-sessions"), BODY, "shop", "is no event", id="a score"),
        pytest.param(of_event(event(1, site="shop", clock="replayed")), BODY, "shop", "of an import", id="import"),
        pytest.param(dead_letter(1, "shop", key=None), BODY, "", "name the site", id="no site"),
    ],
)
async def test_what_cannot_count_is_refused_before_it_is_sent(
    engine: Any, letter: DeadLetter, body: dict[str, Any], site: str, reason: str
) -> None:
    resending = Resending(engine)
    with pytest.raises(ReadError, match=reason) as refused:
        await resending.send(letter, body, site=site)
    assert refused.value.code == "invalid"
    assert (resending.sent, resending.ledger.newest(None, 1)) == ([], [])


def test_the_event_that_goes_is_one_of_a_batch() -> None:
    body = msgspec.json.encode({**BODY, "event_id": NEW_ID, "occurred_at": NOON})
    assert msgspec.json.decode(body, type=SentEvent).event_id == NEW_ID
