"""A publisher with a spool, on the embedded broker: Kafka away, a restart, and what another process left."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from deploy.errors import SetupError
from deploy.log import topics
from deploy.log.client_options import kafka_clients
from deploy.settings.model import IngestSettings, KafkaSettings, Settings
from deploy.wiring import ingest
from deploy.wiring.spool import spool_publisher
from ingest.publish import LogUnavailableError, Record
from ingest.spool import publisher as publisher_module
from ingest.spool.appender import KafkaAppender
from ingest.spool.event_store import ListEventStore
from ingest.spool.publisher import SpoolPublisher
from tests.support.ports import free_port
from tests.support.publishers import reached, read, spooled
from tests.support.services import Broker
from tests.support.waiting import until


def records(count: int, start: int = 0) -> list[Record]:
    return [(b"shop/s%d" % (number % 7), b"%d" % number) for number in range(start, start + count)]


def segments(folder: Path) -> list[Path]:
    return list(folder.rglob("*.spool"))


async def drained(publisher: SpoolPublisher) -> None:
    await until(lambda: not publisher.waiting, lambda: f"{publisher.waiting} wait", 60)


async def test_while_kafka_is_away_events_are_accepted_and_a_later_process_sends_them(
    embedded_kafka: Broker, tmp_path: Path
) -> None:
    kafka = embedded_kafka.settings()
    away = spooled(kafka.model_copy(update={"bootstrap": f"127.0.0.1:{free_port()}"}), tmp_path)
    await away.publish(records(30))
    await away.publish(records(30, 30))
    await away.check()
    assert away.waiting == 60
    assert away.size > 60
    await away.stop()
    await topics.ensure(kafka_clients(kafka), topics.wanted(kafka))
    back = spooled(kafka, tmp_path)
    await back.publish(records(30, 60))
    held = await read(kafka, 90)
    assert sorted(int(value) for partition in held for _, value in partition) == list(range(90))
    for partition in held:
        assert [int(value) for _, value in partition] == sorted(int(value) for _, value in partition)
    await drained(back)
    await back.stop()
    assert not segments(tmp_path), "a spool that is drained leaves nothing"


async def test_a_record_is_appended_with_the_time_at_which_it_was_accepted(
    embedded_kafka: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kafka = embedded_kafka.settings(partitions=1)
    await topics.ensure(kafka_clients(kafka), topics.wanted(kafka))
    made = spooled(kafka, tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(publisher_module.time, "time", lambda: 1_700_000_000.5)
        await made.publish(records(3))
    await drained(made)
    await made.stop()
    async with kafka_clients(kafka).consuming() as consumer:
        (place,) = await kafka_clients(kafka).partitions_of(consumer, kafka.events_topic)
        consumer.assign([place])
        async with asyncio.timeout(30):
            assert (await consumer.getone()).timestamp == 1_700_000_000_500


async def test_what_must_be_in_the_log_waits_for_it_and_without_a_connection_is_not_taken(
    embedded_kafka: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kafka, opened = embedded_kafka.settings(), asyncio.Event()
    await topics.ensure(kafka_clients(kafka), topics.wanted(kafka))
    append = KafkaAppender.append

    async def held_back(*given: Any) -> int:
        await opened.wait()
        return await append(*given)

    monkeypatch.setattr(KafkaAppender, "append", held_back)
    made = spooled(kafka, tmp_path)
    with pytest.raises(LogUnavailableError):
        await made.publish(records(10), in_log=True)
    assert not made.waiting
    await reached(made.producer)
    imported = asyncio.create_task(made.publish(records(10), in_log=True))
    await made.publish(records(10, 10))
    assert made.waiting == 20
    assert not imported.done()
    opened.set()
    await imported
    assert sum(map(len, await read(kafka, 20))) == 20
    await made.stop()


async def test_what_must_be_in_the_log_is_not_taken_while_another_broker_takes_over(
    embedded_kafka: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kafka, store = embedded_kafka.settings(), ListEventStore(name="")
    monkeypatch.setattr("deploy.wiring.spool.event_store", lambda _: store)
    await topics.ensure(kafka_clients(kafka), topics.wanted(kafka))
    made = spooled(kafka, tmp_path)
    await reached(made.producer)
    with pytest.raises(LogUnavailableError, match="another broker takes over"):
        await made.publish(records(10), in_log=True)
    await made.publish(records(10))
    assert made.waiting == 10
    store.name = "2"
    await made.publish(records(10, 10), in_log=True)
    assert sum(map(len, await read(kafka, 20))) == 20
    await made.stop()


async def test_what_must_be_in_the_log_is_unknown_after_the_time_for_it_and_sent_later(
    embedded_kafka: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kafka, append = embedded_kafka.settings(), KafkaAppender.append
    await topics.ensure(kafka_clients(kafka), topics.wanted(kafka))

    async def never(*_: Any) -> int:
        raise LogUnavailableError("away")

    monkeypatch.setattr(KafkaAppender, "append", never)
    made = spooled(kafka, tmp_path, publish_timeout_ms=300)
    await reached(made.producer)
    with pytest.raises(LogUnavailableError, match=r"ingest\.publish_timeout_ms"):
        await made.publish(records(10), in_log=True)
    monkeypatch.setattr(KafkaAppender, "append", append)
    assert sum(map(len, await read(kafka, 10))) == 10
    await made.stop()


async def test_what_a_process_left_is_sent_by_one_that_runs(
    embedded_kafka: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher_module, "ADOPT_EVERY", 0.05)
    kafka = embedded_kafka.settings()
    await topics.ensure(kafka_clients(kafka), topics.wanted(kafka))
    staying = spooled(kafka, tmp_path)
    leaving = spooled(kafka.model_copy(update={"bootstrap": f"127.0.0.1:{free_port()}"}), tmp_path)
    assert {path.name for path in (tmp_path / "spool").iterdir()} == {"0", "1"}
    await leaving.publish(records(20))
    await staying.publish(records(20, 20))
    await leaving.stop()
    assert sorted(int(value) for part in await read(kafka, 40) for _, value in part) == list(range(40))
    await drained(staying)
    await until(lambda: not segments(tmp_path / "spool/1"), lambda: "a segment stays", 60)
    await staying.stop()


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "spool").touch()
    given = Settings(data_dir=tmp_path, kafka=KafkaSettings(), ingest=IngestSettings(spool=True))
    with pytest.raises(SetupError, match=r"spool cannot be kept in .*spool \(data_dir\): .*ingest\.spool=false$"):
        spool_publisher(given, ingest.log_producer(given))
