"""Whether a topic is the one that was written: only Kafka's own word says that it is not."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError, OffsetOutOfRangeError

from storage.write.continuity import LastWritten, holds
from stream.kafka.errors import KafkaUnavailableError

PLACE = LastWritten("scored", 0, 20, 1_000)
LAST = SimpleNamespace(offset=19, timestamp=1_000)
SILENT = object()
AWAY = KafkaConnectionError("nobody there")


class Answers:
    """A consumer that answers as told: with a value, an error, or never."""

    def __init__(self, record: Any = SILENT, begin: Any = 0, end: Any = 20) -> None:
        self._record, self._begin, self._end = record, begin, end

    async def beginning_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, await _answered(self._begin))

    async def end_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, await _answered(self._end))

    async def getone(self, _: TopicPartition) -> Any:
        return await _answered(self._record)

    def assign(self, _: list[TopicPartition]) -> None: ...

    def seek(self, _: TopicPartition, offset: int) -> None:
        assert offset == 19


async def _answered(answer: Any) -> Any:
    if answer is SILENT:
        await asyncio.Event().wait()
    if isinstance(answer, KafkaError):
        raise answer
    return answer


@pytest.mark.parametrize(
    ("consumer", "there"),
    [
        pytest.param(Answers(LAST), True, id="the record stands where it stood"),
        pytest.param(Answers(begin=20), True, id="retention deleted it"),
        pytest.param(Answers(SimpleNamespace(offset=19, timestamp=2)), False, id="another record stands there"),
        pytest.param(Answers(SimpleNamespace(offset=25, timestamp=1_000)), False, id="a later record comes"),
        pytest.param(Answers(OffsetOutOfRangeError(), end=5), False, id="the log ends before it"),
        pytest.param(Answers(end=0), False, id="nothing comes and the log is empty"),
        pytest.param(Answers(LAST, end=3), True, id="the end lies low"),
    ],
)
async def test_kafka_states_whether_the_record_is_there(consumer: Any, there: bool) -> None:
    assert await holds(consumer, PLACE, "topic", 0.1) is there


@pytest.mark.parametrize(
    "consumer",
    [
        pytest.param(Answers(), id="the record does not come, but the log is long enough"),
        pytest.param(Answers(OffsetOutOfRangeError()), id="out of range in a log that is long enough"),
        pytest.param(Answers(AWAY), id="the fetch fails"),
        pytest.param(Answers(begin=SILENT), id="nothing comes at all"),
        pytest.param(Answers(begin=AWAY), id="nobody there"),
        pytest.param(Answers(end=SILENT), id="the end does not come"),
        pytest.param(Answers(end=AWAY), id="gone before the end came"),
    ],
)
async def test_a_kafka_that_does_not_answer_states_nothing_of_the_topic(consumer: Any) -> None:
    with pytest.raises(KafkaUnavailableError, match=r"Kafka does not answer.*kafka\.bootstrap"):
        await holds(consumer, PLACE, "topic", 0.1)
