"""A copy on the disk of a topic that a broker in memory would lose: each record with its offset, in order.

    frame   offset u64, timestamp i64 (ms), length of the value u32, CRC-32 u32 of these and of the value; value

Numbers are big-endian. A torn tail is cut before anything is added.
"""

import asyncio
import contextlib
import fcntl
import os
import struct
import zlib
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from time import monotonic
from typing import BinaryIO

from aiokafka import TopicPartition
from msgspec import Struct

from deploy.errors import SetupError
from stream.kafka.clients import KafkaClients

_NUMBERS, _CRC = struct.Struct(">QqI"), struct.Struct(">I")
_HEADER_BYTES = _NUMBERS.size + _CRC.size
#: Seconds in which the topic must give what is to be copied.
PATIENCE = 20.0


class CopyError(SetupError):
    """The copy of a topic cannot be written or read; the line says where it is."""


class CopiedRecord(Struct, frozen=True):
    """A record of the topic's one partition; `timestamp` in ms."""

    offset: int
    timestamp: int
    value: bytes


class TopicCopy:
    """The copy at `path`; raises CopyError."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def records(self) -> list[CopiedRecord]:
        """Every record before a torn tail."""
        with _naming(self._path):
            data = self._path.read_bytes() if self._path.exists() else b""
        return [record for record, _ in _frames(data)]

    @contextlib.asynccontextmanager
    async def held(self) -> AsyncIterator["HeldCopy"]:
        """The copy, for one process at a time to add to."""
        with _naming(self._path):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._path.open("a+b") as file:
                await asyncio.to_thread(fcntl.flock, file, fcntl.LOCK_EX)
                yield HeldCopy(file)


class HeldCopy:
    """A copy while nobody else writes; `next` is the offset that follows its last record."""

    def __init__(self, file: BinaryIO) -> None:
        file.seek(0)
        self._file, self.next, end = file, 0, 0
        for record, place in _frames(file.read()):
            self.next, end = record.offset + 1, place
        file.truncate(end)

    def add(self, records: Iterable[CopiedRecord]) -> None:
        """Add the records that follow; they are on the disk when it returns."""
        for record in records:
            if record.offset >= self.next:
                self._file.write(_frame(record))
                self.next = record.offset + 1
        self._file.flush()
        os.fsync(self._file.fileno())


async def copy_up_to(clients: KafkaClients, topic: str, last: int, folder: Path) -> None:
    """Copy the topic's records up to offset `last` into the folder; raises KafkaError and CopyError."""
    place, records, until = TopicPartition(topic, 0), list[CopiedRecord](), monotonic() + PATIENCE
    async with TopicCopy(folder / topic).held() as copy:
        if copy.next > last:
            return
        async with clients.consuming(fetch_max_wait_ms=clients.fetch_wait_ms) as consumer:
            consumer.assign([place])
            consumer.seek(place, copy.next)
            while not records or records[-1].offset < last:
                for record in (await consumer.getmany(place, timeout_ms=1_000)).get(place, []):
                    records.append(CopiedRecord(record.offset, record.timestamp, record.value or b""))
                if monotonic() > until:
                    raise CopyError(
                        f"{topic} does not give its record {last} within {PATIENCE:g} s: see kafka.bootstrap"
                    )
        await asyncio.to_thread(copy.add, records)


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CopyError(f"cannot keep {path} ({error.strerror}): make room, or make it writable") from error


def _frame(record: CopiedRecord) -> bytes:
    numbers = _NUMBERS.pack(record.offset, record.timestamp, len(record.value))
    return numbers + _CRC.pack(zlib.crc32(record.value, zlib.crc32(numbers))) + record.value


def _frames(data: bytes) -> Iterator[tuple[CopiedRecord, int]]:
    """The records of whole frames with right checksums, each with where its frame ends, up to the first other one."""
    place = 0
    while place + _HEADER_BYTES <= len(data):
        offset, timestamp, length = _NUMBERS.unpack_from(data, place)
        (checksum,) = _CRC.unpack_from(data, place + _NUMBERS.size)
        value = data[place + _HEADER_BYTES : place + _HEADER_BYTES + length]
        numbers = data[place : place + _NUMBERS.size]
        if len(value) < length or zlib.crc32(value, zlib.crc32(numbers)) != checksum:
            return
        place += _HEADER_BYTES + length
        yield CopiedRecord(offset, timestamp, value), place
