"""Following the scored-sessions topic: what is wanted of it, and where to go on after a break.

Knows Kafka and nothing of HTTP. A follower is in no consumer group: its position is its own, and fits in a resume id.
"""

import contextlib
import logging
import re
from collections.abc import AsyncIterator
from typing import Any, Literal, NamedTuple

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from msgspec import Struct

from ingest.events import base_site
from scoring.manifest import Band
from stream.kafka.clients import KafkaClients, partitions_of, with_timeout
from stream.scored import ScoredSession, decode

log = logging.getLogger(__name__)

#: Bytes that one partition's fetch may bring; a follower holds at most one of each partition.
FETCH_BYTES = 256 * 1024
MOST_RECORDS = 500

_RESUME_ID = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,18})*)@([!-~]{1,100})", re.ASCII)


class UpdateFilter(Struct, frozen=True):
    """Which updates are wanted; None: any."""

    site: str | None = None
    band: Band | None = None
    min_probability: float = 0.0
    #: Those of which the subscriber may hear.
    sites: frozenset[str] | None = None
    #: Also sessions of programs.
    bots: bool = False
    #: Of `site`, also its runs: imports and simulations.
    runs: bool = False

    def may_want(self, key: bytes | None) -> bool:
        """Whether the record is worth decoding: its key is `site/session_id`."""
        if key is None or (self.site is None and self.sites is None):
            return True
        return self._of(key.partition(b"/")[0].decode(errors="replace"))

    def wants(self, update: ScoredSession) -> bool:
        return (
            self._of(update.site)
            and (self.band is None or update.band == self.band)
            and update.probability >= self.min_probability
            and (self.bots or not update.bot)
        )

    def _of(self, site: str) -> bool:
        is_wanted = self.site in (None, site) or (self.runs and self.site == base_site(site))
        return is_wanted and (self.sites is None or base_site(site) in self.sites)


class ResumePosition(Struct, frozen=True):
    """The next offset of every partition, by partition number, in the topic of one log."""

    log: str
    offsets: tuple[int, ...]

    def encode(self) -> str:
        """The resume id: offsets and log, as `12.44.0.7@log`."""
        return f"{'.'.join(map(str, self.offsets))}@{self.log}"

    @staticmethod
    def decode(text: str) -> "ResumePosition":
        """Read a resume id; raises ValueError."""
        match = _RESUME_ID.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r:.80} is no resume id: give back the id of an event of this stream, or none")
        return ResumePosition(match[2], tuple(map(int, match[1].split("."))))


#: recent: a little before the end, so that what came just now is seen as well.
Start = ResumePosition | Literal["start", "recent", "end"]
#: Records of each partition that are recent.
RECENT_RECORDS = 500


class PositionedUpdate(NamedTuple):
    """A wanted update, and the position after it."""

    update: ScoredSession
    resume_id: str


class ScoredConsumer:
    """Made by `follow`, used by one task."""

    def __init__(
        self, consumer: AIOKafkaConsumer, topic: str, log_id: str, wanted: UpdateFilter, offsets: dict[int, int]
    ) -> None:
        self._consumer = consumer
        self._partitions = [TopicPartition(topic, number) for number in sorted(offsets)]
        self._log_id = log_id
        self._wanted = wanted
        self._offsets = offsets

    @property
    def resume_id(self) -> str:
        """Where this follower is: an id for `ResumePosition.decode`."""
        return ResumePosition(self._log_id, tuple(self._offsets[number] for number in sorted(self._offsets))).encode()

    async def records(self, seconds: float) -> list[tuple[bytes, bytes]]:
        """Keys and values of all that came within `seconds`, wanted or not; may be empty. Raises KafkaError."""
        found = []
        for partition, records in (await self._fetch(seconds)).items():
            found += [(record.key or b"", record.value or b"") for record in records]
            self._offsets[partition.partition] = records[-1].offset + 1
        return found

    async def _fetch(self, seconds: float) -> dict[TopicPartition, list[Any]]:
        fetched: dict[TopicPartition, list[Any]] = await self._consumer.getmany(
            *self._partitions, timeout_ms=int(seconds * 1000), max_records=MOST_RECORDS
        )
        # A log that was filled again begins with a record of nothing, in the place of all that was before it.
        valued = {partition: [record for record in records if record.value] for partition, records in fetched.items()}
        return {partition: records for partition, records in valued.items() if records}

    async def more(self, seconds: float) -> list[PositionedUpdate]:
        """What came within `seconds`, in each partition's order; may be empty. Raises KafkaError."""
        found = []
        for partition, records in (await self._fetch(seconds)).items():
            for record in records:
                self._offsets[partition.partition] = record.offset + 1
                update = _read(partition, record) if self._wanted.may_want(record.key) else None
                if update is not None and self._wanted.wants(update):
                    found.append(PositionedUpdate(update, self.resume_id))
        return found


def _read(partition: TopicPartition, record: Any) -> ScoredSession | None:
    try:
        return decode(record.value or b"")
    except msgspec.DecodeError as error:
        log.warning("%s:%d is no scored session: %s", partition, record.offset, error)
        return None


@contextlib.asynccontextmanager
async def follow(
    clients: KafkaClients, topic: str, log_id: str, wanted: UpdateFilter, start: Start
) -> AsyncIterator[ScoredConsumer]:
    """A follower from `start` on; raises KafkaError.

    A position in another log begins at the topic's start: all that stands there is newer. What retention has deleted
    is passed over. The embedded broker's end lies up to a batch low, so that a follower from the end may see that
    batch again.
    """
    async with clients.consuming(
        fetch_max_wait_ms=clients.fetch_wait_ms, max_partition_fetch_bytes=FETCH_BYTES
    ) as consumer:
        yield ScoredConsumer(consumer, topic, log_id, wanted, await _begin(consumer, topic, log_id, start))


async def _begin(consumer: AIOKafkaConsumer, topic: str, log_id: str, start: Start) -> dict[int, int]:
    """Send the client to where each partition begins; returns those offsets by partition number."""
    partitions = await partitions_of(consumer, topic)
    if not partitions:
        raise KafkaError(f"topic {topic} is missing: run `opecom topics create`")
    firsts = await with_timeout(consumer.beginning_offsets(partitions))
    lasts = await with_timeout(consumer.end_offsets(partitions)) if start in ("end", "recent") else {}
    if start == "recent":
        lasts = {partition: last - RECENT_RECORDS for partition, last in lasts.items()}
    known = dict(enumerate(start.offsets)) if isinstance(start, ResumePosition) and start.log == log_id else {}
    offsets = {p.partition: max(lasts.get(p, known.get(p.partition, 0)), firsts[p]) for p in partitions}
    consumer.assign(partitions)
    for partition in partitions:
        consumer.seek(partition, offsets[partition.partition])
    return offsets
