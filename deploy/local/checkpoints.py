"""Keeps the checkpoint of an embedded log: what is on the disk for sure, from which a new broker is filled.

Runs in the store, beside the writer. A machine that loses power may forget what was written a moment ago, so a
checkpoint is what the databases had before a `sync` of the disks that has ended.
"""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Mapping

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from msgspec import Struct

from deploy.local.log_folder import LogFolder, PartitionCheckpoint
from deploy.local.log_image import stored_tail
from deploy.settings.model import Settings
from deploy.wiring.storage import DatabaseHandles
from storage.database.errors import DatabaseUnavailableError
from storage.database.threads import in_thread
from storage.webhooks import bands
from storage.write.block import TopicRole
from storage.write.writer import Writer
from stream.kafka.clients import KafkaClients
from stream.waiting import wait_for_event

log = logging.getLogger(__name__)

#: Seconds between two looks.
EVERY = 2.0
#: Seconds between two looks at the last records of partitions to which nothing comes: retention may have taken them.
TAILS_EVERY = 3_600.0
#: More records than any batch has. The embedded broker counts the last batch as one record, so an end that it gives
#: lies so much low at most.
MOST_OF_A_BATCH = 20_000

#: Offsets by topic and partition.
Offsets = Mapping[tuple[TopicRole, int], int]


class Published(Struct, frozen=True):
    """What a worker had committed, and where the topics that it writes ended afterwards, as the broker said."""

    marks: Mapping[int, tuple[int, str]]
    ends: Offsets


class CheckpointKeeper:
    """Call `run` once; `writer` is the only one of this log."""

    def __init__(
        self,
        settings: Settings,
        clients: KafkaClients,
        opened: DatabaseHandles,
        log_name: str,
        writer: Writer,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        assert settings.kafka.log_folder is not None  # noqa: S101 - there is nothing to keep otherwise
        self._kafka = settings.kafka
        self._clients = clients
        self._opened = opened
        self._log = log_name
        self._writer = writer
        self._folder = LogFolder(settings.kafka.log_folder)
        known = self._folder.checkpoint()
        self._kept: dict[int, PartitionCheckpoint] = {
            number: known.get(number, PartitionCheckpoint()) for number in range(settings.kafka.partitions)
        }
        self._now = now
        self._tails_due = now() + TAILS_EVERY
        self._wanted: Published | None = None
        #: Up to where the webhooks must have read what was published; None before the databases have it.
        self._through: dict[int, int] | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Renew the checkpoint until `stop`; what fails is tried again, as an older one serves as well."""
        while not await wait_for_event(stop, EVERY):
            try:
                await self.renew()
            except (KafkaError, DatabaseUnavailableError, OSError, TimeoutError) as error:
                log.info("the checkpoint of the log is not renewed, the one before serves: %s", error)

    async def renew(self) -> None:
        """1 Note what the databases have. 2 Sync. 3 Keep the note."""
        published, all_tails = await self._published(), self._now() >= self._tails_due
        checkpoint = {
            number: await self._partition(number, before, published, all_tails) for number, before in self._kept.items()
        }
        if all_tails:
            self._tails_due = self._now() + TAILS_EVERY
        if checkpoint == self._kept:
            return
        await asyncio.to_thread(os.sync)
        await asyncio.to_thread(self._folder.keep_checkpoint, checkpoint)
        self._kept = checkpoint

    async def _partition(
        self,
        number: int,
        before: PartitionCheckpoint,
        published: Mapping[int, tuple[int, str]],
        is_tail_due: bool,
    ) -> PartitionCheckpoint:
        events, scored, dead = (self._written(role, number) for role in ("events", "scored", "dead"))
        key, value = before.key, before.value
        if events != before.events or is_tail_due:
            key, value = await in_thread(stored_tail, self._opened.client, self._log, number)
        offset, mark = published.get(number, (before.published, before.mark))
        return PartitionCheckpoint(events, scored, dead, offset, mark, key, value)

    async def _published(self) -> Mapping[int, tuple[int, str]]:
        """Marks whose every update has been taken by all who read them, {} where there are no newer ones.

        1 The newest marks. 2 Where the topics end: what the workers published before their marks is before these ends.
        3 The databases have all that, and the events up to the marks. 4 So have the webhooks.
        """
        if self._wanted is None:
            newer = self._newer_marks()
            if not newer:
                return {}
            self._wanted, self._through = Published(newer, await self._ends()), None
        marks = self._wanted.marks
        if self._through is None:
            if not all(self._has(role, number, end) for (role, number), end in self._wanted.ends.items()):
                return {}
            if not all(self._written("events", number) >= offset for number, (offset, _) in marks.items()):
                return {}
            self._through = {number: self._written("scored", number) for number in self._kept}
        if not await self._webhooks_have(self._through):
            return {}
        self._wanted = None
        return marks

    def _newer_marks(self) -> dict[int, tuple[int, str]]:
        found = {number: self._folder.mark(number) for number in self._kept}
        return {
            number: mark
            for number, mark in found.items()
            if mark is not None and mark[0] > 0 and mark != (self._kept[number].published, self._kept[number].mark)
        }

    async def _ends(self) -> Offsets:
        topics: dict[str, TopicRole] = {self._kafka.scored_topic: "scored", self._kafka.dead_topic: "dead"}
        places = [TopicPartition(topic, number) for topic in topics for number in self._kept]
        return {
            (topics[place.topic], place.partition): end for place, end in (await self._clients.ends(places)).items()
        }

    def _has(self, role: TopicRole, number: int, end: int) -> bool:
        """Whether the databases have the last batch before `end`, which the broker may have given too low."""
        written, highwater = self._written(role, number), self._writer.highwater(role, number)
        if highwater is None or written < end:
            return False
        return written >= highwater or written >= end + MOST_OF_A_BATCH

    def _written(self, role: TopicRole, number: int) -> int:
        known = self._writer.written(role, number)
        return getattr(self._kept[number], role) if known is None else known

    async def _webhooks_have(self, through: Mapping[int, int]) -> bool:
        """Whether those webhooks that read at all have read so far."""
        places = await in_thread(bands.places, self._opened.engine, self._log)
        return all(number not in places or places[number].next >= offset for number, offset in through.items())
