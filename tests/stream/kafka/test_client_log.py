"""What libraries write while Kafka is away becomes a line a minute; what else they say passes once a minute."""

import asyncio
import logging
from collections.abc import Iterator

import pytest

from ingest.outage import KAFKA_AWAY
from stream.kafka.client_log import ANSWERS, ENDS, LIBRARIES, KafkaLogFilter, silence_libraries, until_lost


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.name}: {record.getMessage()}")


CLOCK = Clock()


@pytest.fixture
def lines() -> Iterator[list[str]]:
    handler, root, ours = Lines(), logging.getLogger(), logging.getLogger("stream.kafka.client_log")
    level, CLOCK.now = ours.level, 0.0
    handler.addFilter(KafkaLogFilter(CLOCK))
    root.addHandler(handler)
    ours.setLevel(logging.INFO)
    yield handler.lines
    root.removeHandler(handler)
    ours.setLevel(level)


def test_an_outage_of_kafka_is_a_line_a_minute_whatever_the_libraries_state(lines: list[str]) -> None:
    log, faust = logging.getLogger("aiokafka.client"), logging.getLogger("faust.transport.drivers.aiokafka")
    ours = logging.getLogger("stream.kafka.client_log")
    for number in range(64 * 90):
        CLOCK.now = number / 64
        log.error("Unable connect to node with id 1: [Errno 111] Connect call failed ('127.0.0.1', 9092)")
        log.warning("Topic events is not available during auto-create initialization")
        faust.error("Crashed reason=KafkaConnectionError()")
        ours.warning("the watchdog cannot ask Kafka for the log's end", extra=KAFKA_AWAY)
    ours.info("Kafka answers", extra=ANSWERS)
    ours.info("Kafka answers", extra=ANSWERS)
    away = "stream.kafka.client_log: Kafka does not answer (Unable connect to node with id 1"
    assert [line.startswith(away) for line in lines] == [True, True, False]
    assert "kafka.bootstrap says where it is (for 60 s now)" in lines[1]
    assert lines[2] == "stream.kafka.client_log: Kafka answers again, after 90 s"


def test_other_warnings_of_a_library_pass_once_a_minute_and_lines_of_ours_always(lines: list[str]) -> None:
    log, ours = logging.getLogger("aiokafka.consumer.group_coordinator"), logging.getLogger("stream.worker")
    for second in range(61):
        CLOCK.now = second
        log.warning("a member of %s left", second)
        ours.warning("a line of ours")
    assert [line for line in lines if "left" in line] == [
        "aiokafka.consumer.group_coordinator: a member of 0 left",
        "aiokafka.consumer.group_coordinator: a member of 60 left",
    ]
    assert lines.count("stream.worker: a line of ours") == 61


def test_a_part_states_once_why_it_ends(lines: list[str]) -> None:
    logging.getLogger("deploy.cli.run").error("Kafka has not answered for 8 s", extra=ENDS)
    logging.getLogger("deploy.wiring.outcome").error("Kafka failed (KafkaTimeoutError)", extra=ENDS)
    logging.getLogger("deploy.wiring.outcome").error("another line of a part that ends")
    assert lines == [
        "deploy.cli.run: Kafka has not answered for 8 s",
        "deploy.wiring.outcome: another line of a part that ends",
    ]


def record(mark: dict[str, str]) -> logging.LogRecord:
    return logging.makeLogRecord({"name": "stream.test", "msg": "Kafka", "level": logging.WARNING, **mark})


async def test_kafka_is_lost_only_when_it_does_not_answer_a_question_of_its_own() -> None:
    clock = Clock()
    kafka = KafkaLogFilter(clock)
    asked: list[float] = []

    async def request_end() -> None:
        asked.append(clock.now)
        # The first outage was one failed heartbeat; in the second, nothing answers.
        if clock.now < 100:
            kafka.filter(record(ANSWERS))
        else:
            clock.now += 30

    lost = asyncio.create_task(until_lost(kafka, request_end, patience=60, every=0))
    await asyncio.sleep(0.01)
    assert not asked
    kafka.filter(record(KAFKA_AWAY))
    clock.now = 90
    while kafka.away_seconds:  # noqa: ASYNC110 - nothing tells
        await asyncio.sleep(0)
    assert not lost.done()
    clock.now = 100
    kafka.filter(record(KAFKA_AWAY))
    clock.now = 101
    await lost
    assert asked == [90, 101, 131]
    assert kafka.away_seconds == 61


def test_commands_silence_what_libraries_state_of_kafka() -> None:
    levels = {name: logging.getLogger(name).level for name in LIBRARIES}
    try:
        silence_libraries()
        assert not any(logging.getLogger(f"{name}.client").isEnabledFor(logging.ERROR) for name in LIBRARIES)
        assert logging.getLogger("stream.kafka.client_log").isEnabledFor(logging.WARNING)
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
