"""Failed dead letters published again, each once, on both brokers."""

from pathlib import Path

import msgspec

from deploy.log import topics
from deploy.log.client_options import kafka_clients
from deploy.log.retry import retry_failed
from deploy.settings.model import KafkaSettings, Settings
from ingest.events import Event, Purchase, decode, encode, key_of
from ingest.partition import partition_of
from storage.dead_letters.ledger import ResentLedger
from storage.dead_letters.place import LetterPlace
from stream.scored import NOT_WRITTEN, DeadLetter, DeadReason, dead_record
from tests.support.events import NOON, event
from tests.support.operations import resent
from tests.support.publishers import read
from tests.support.services import Broker
from tests.support.sinks import sql

AHEAD = event(1, NOON + 1_200_000, session_id="s1")
BOUGHT = event(2, session_id="s2", type="purchase", purchase=Purchase(9.5, "o1", "EUR", True))


def letter(offset: int, of: Event, detail: str = "", reason: DeadReason = "failed") -> DeadLetter:
    key = key_of(of.site, of.session_id)
    return DeadLetter(log="log", partition=0, offset=offset, reason=reason, detail=detail, key=key, raw=encode(of))


LETTERS = [
    letter(0, AHEAD, f"received_at {AHEAD.received_at} is ahead of the log's {NOON}"),
    letter(1, BOUGHT, "OverflowError: too much"),
    letter(2, event(3), "arrived 11.0 minutes after it occurred", "late"),
    letter(3, event(4), f"{NOT_WRITTEN}Data too long"),
    DeadLetter(log="log", partition=0, offset=4, reason="failed", detail="no model", key=None, raw=b'{"control":"x"}'),
    msgspec.structs.replace(letter(5, event(5)), topic="scored-sessions"),
]


async def publish(kafka: KafkaSettings, letters: list[DeadLetter]) -> None:
    async with kafka_clients(kafka).producing() as producer:
        for number, each in enumerate(letters):
            key, value = dead_record(each)
            await producer.send_and_wait(kafka.dead_topic, value, key=key, partition=number % kafka.partitions)


async def test_each_failed_event_is_published_again_once_and_in_the_time_of_the_log(
    broker: Broker, tmp_path: Path
) -> None:
    kafka = broker.settings(partitions=2)
    settings, clients = Settings(kafka=kafka), kafka_clients(kafka)
    await topics.ensure(clients, topics.wanted(kafka))
    with sql(f"sqlite:///{tmp_path / 'db'}") as engine:
        ledger = ResentLedger(engine)

        async def again() -> int:
            return await retry_failed(settings, clients, ledger, "user anna")

        assert await again() == 0
        await publish(kafka, LETTERS)
        assert [await again() for _ in range(2)] == [2, 0]
        # What the console has sent again, or is sending, is not published a second time.
        for offset, state in ((10, "sending"), (11, "sent")):
            ledger.claim(resent(offset, state=state))
        of_console = [letter(offset, event(offset, session_id="s4"), "ValueError") for offset in (10, 11)]
        # And what this command had claimed when it was killed is.
        ledger.claim(resent(9, state="publishing", event_id=event(5).event_id))
        await publish(kafka, [*of_console, letter(9, event(5, session_id="s3"), "ValueError")])
        assert [await again() for _ in range(2)] == [1, 0]
        rows = ledger.of([LetterPlace("log", "events", 0, offset) for offset in range(12)])
        states = {place.offset: (row.state, row.sent_by) for place, row in rows.items()}
    assert states == {
        0: ("sent", "user anna"),
        1: ("sent", "user anna"),
        9: ("sent", "anna"),
        10: ("sending", "anna"),
        11: ("sent", "anna"),
    }
    held = await read(kafka, 3)
    events = {}
    for number, records in enumerate(held):
        for key, value in records:
            said = decode(key, value)
            assert isinstance(said, Event)
            assert partition_of(key, 2) == number
            events[said.event_id] = said
    assert {each.session_id for each in events.values()} == {"s1", "s2", "s3"}
    assert (events[AHEAD.event_id].received_at, events[AHEAD.event_id].occurred_at) == (NOON, NOON)
    assert events[BOUGHT.event_id] == BOUGHT
