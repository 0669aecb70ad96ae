"""The Kafka publisher where Kafka is away, wrong, slow, or comes back."""

import asyncio
import contextlib
import time
from pathlib import Path
from typing import Any

import pytest

from deploy.local import broker as embedded
from deploy.log import topics
from deploy.log.client_options import kafka_clients
from deploy.processes.ports import speaks_kafka
from deploy.processes.programs import Program
from deploy.settings.model import KafkaSettings
from ingest.kafka import KafkaPublisher
from ingest.publish import LogUnavailableError
from tests.support.ports import free_port
from tests.support.publishers import kafka_log, publisher, reached
from tests.support.services import Broker


async def reason(made: KafkaPublisher, said: str) -> str:
    """What publish answers once it says `said`, or what it last answered within 90 seconds."""
    answer = ""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(90):
            while said not in answer:
                with pytest.raises(LogUnavailableError) as away:
                    await made.publish([(b"a", b"b")])
                answer = away.value.reason
                await asyncio.sleep(0.02)
    return answer


async def test_kafka_away_is_reported_with_the_setting_and_stopping_does_not_wait() -> None:
    made = publisher(KafkaSettings(bootstrap=f"127.0.0.1:{free_port()}"))
    assert "(kafka.bootstrap)" in await reason(made, "kafka.bootstrap")
    with pytest.raises(LogUnavailableError, match=r"kafka\.bootstrap"):
        await made.check()
    began = time.monotonic()
    await made.stop()
    assert time.monotonic() - began < 3


async def test_a_missing_topic_is_reported_with_the_command_and_not_made(embedded_kafka: Broker) -> None:
    kafka = embedded_kafka.settings()
    made = publisher(kafka)
    assert f"no topic {kafka.events_topic}" in await reason(made, "no topic")
    assert any("is missing" in each.line for each in await topics.check(kafka_clients(kafka), topics.wanted(kafka)))
    await topics.ensure(kafka_clients(kafka), topics.wanted(kafka))
    await reached(made)
    await made.publish([(b"a", b"b")])
    await made.stop()


async def test_a_topic_of_another_number_of_partitions_is_refused(embedded_kafka: Broker) -> None:
    kafka = embedded_kafka.settings(partitions=3)
    await topics.ensure(kafka_clients(kafka), topics.wanted(kafka))
    made = publisher(kafka.model_copy(update={"partitions": 4}))
    assert "has 3 partitions, kafka.partitions says 4" in await reason(made, "partitions")
    await made.stop()


async def test_beyond_the_bound_events_are_refused_at_once(embedded_kafka: Broker) -> None:
    async with kafka_log(embedded_kafka.settings(), max_in_flight=10) as log:
        first = asyncio.create_task(log.publisher.publish([(b"a", b"b")] * 10))
        await asyncio.sleep(0)
        with pytest.raises(LogUnavailableError, match=r"ingest\.max_in_flight"):
            await log.publisher.publish([(b"a", b"b")])
        await first
        assert log.publisher.in_flight == 0
        await log.publisher.publish([(b"a", b"b")] * 10)


class Stalled:
    """A producer whose batches are never acknowledged."""

    def __init__(self, real: Any) -> None:
        self.create_batch = real.create_batch
        self.client = real.client

    async def send_batch(self, *_: Any, **__: Any) -> Any:
        return asyncio.get_running_loop().create_future()


async def test_no_acknowledgement_in_time_fails_all_that_wait_and_then_a_new_producer_works(
    embedded_kafka: Broker,
) -> None:
    async with kafka_log(embedded_kafka.settings(), publish_timeout_ms=500) as log:
        log.publisher.producer._producer = Stalled(log.publisher.producer._producer)
        calls = [asyncio.create_task(log.publisher.publish([(b"a", b"1")]))]
        await asyncio.sleep(0.01)
        calls.append(asyncio.create_task(log.publisher.publish([(b"a", b"2")])))
        failures = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(failure) for failure in failures] == [LogUnavailableError, LogUnavailableError]
        assert "ingest.publish_timeout_ms" in str(failures[0])
        assert log.publisher.in_flight == 0
        await reached(log.publisher)
        await log.publisher.publish([(b"a", b"3")])
        assert [value for partition in await log.read(1) for _, value in partition] == [b"3"]


async def test_taking_a_batch_and_acknowledging_it_have_one_time_out(embedded_kafka: Broker) -> None:
    class Slow(Stalled):
        async def send_batch(self, *_: Any, **__: Any) -> Any:
            await asyncio.sleep(0.75)
            return await super().send_batch()

    async with kafka_log(embedded_kafka.settings(), publish_timeout_ms=1_000) as log:
        log.publisher.producer._producer = Slow(log.publisher.producer._producer)
        began = time.monotonic()
        with pytest.raises(LogUnavailableError, match="within 1 s"):
            await log.publisher.publish([(b"a", b"1")])
        assert time.monotonic() - began < 1.5


async def test_stopping_waits_for_the_time_out_and_no_longer(embedded_kafka: Broker) -> None:
    async with kafka_log(embedded_kafka.settings(), publish_timeout_ms=500) as log:
        log.publisher.producer._producer = Stalled(log.publisher.producer._producer)
        call = asyncio.create_task(log.publisher.publish([(b"a", b"1")]))
        await asyncio.sleep(0.01)
        began = time.monotonic()
        await log.publisher.stop()
        assert time.monotonic() - began < 5
        with pytest.raises(LogUnavailableError):
            await call
        assert log.publisher.in_flight == 0


async def test_a_caller_that_leaves_takes_its_records_along(embedded_kafka: Broker) -> None:
    async with kafka_log(embedded_kafka.settings()) as log:
        leaving = asyncio.create_task(log.publisher.publish([(b"a", b"left")]))
        staying = asyncio.create_task(log.publisher.publish([(b"a", b"stayed")]))
        await asyncio.sleep(0)
        leaving.cancel()
        await staying
        held = [value for partition in await log.read(1) for _, value in partition]
        assert held == [b"stayed"]
        assert log.publisher.in_flight == 0


async def test_a_broker_that_dies_and_comes_back(tmp_path: Path) -> None:
    port = free_port()
    kafka = KafkaSettings(bootstrap=f"127.0.0.1:{port}", idempotent=False, request_timeout_ms=1_000)

    def start() -> Program:
        program = Program("tansu", tmp_path)
        command, environment = embedded.command(embedded.binary(), port), embedded.environment()
        program.start(command, lambda: speaks_kafka(port), environment=environment, die_with_parent=True)
        return program

    program = start()
    try:
        async with kafka_log(kafka, publish_timeout_ms=1_000) as log:
            await log.publisher.publish([(b"a", b"1")])
            program.stop()
            began = time.monotonic()
            with pytest.raises(LogUnavailableError):
                await log.publisher.publish([(b"a", b"2")])
            assert time.monotonic() - began < 5
            # Until the old connection is given up: what it still sends, Tansu would take without a topic.
            assert "(kafka.bootstrap)" in await reason(log.publisher, "kafka.bootstrap")
            program = start()
            await topics.ensure(kafka_clients(kafka), topics.wanted(kafka))
            await reached(log.publisher)
            await log.publisher.publish([(b"a", b"3")])
            assert [value for partition in await log.read(1) for _, value in partition] == [b"3"]
    finally:
        program.stop()


async def test_the_clock_is_compared_with_the_one_that_kafka_appends_by(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    kafka = broker.settings()
    await topics.ensure(kafka_clients(kafka), topics.wanted(kafka))
    made = publisher(kafka)
    await reached(made)
    # The embedded broker keeps the time that the producer gives.
    appends = broker.idempotent
    right = time.time
    for wrong in (0, 1_200, -1_200):
        monkeypatch.setattr("ingest.producer.time.time", lambda wrong=wrong: right() + wrong)
        await made.publish([(b"a", b"b")])
        assert abs(made.clock_ahead_ms - wrong * 1_000 * appends) < 60_000
    await made.stop()
