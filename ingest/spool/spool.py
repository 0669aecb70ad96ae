"""The spool's entrance: records are accepted when the disk has them, many requests by one fsync.

Knows no Kafka; ingest/spool/drain.py takes the records on.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from ingest.outage import reason_of
from ingest.publish import LogUnavailableError
from ingest.spool.folder import SpoolFolder
from ingest.spool.frames import FRAME_BYTES, SpooledRecord, encode_records

_log = logging.getLogger(__name__)

#: How long the first record of a frame waits for others, in seconds; those behind an fsync gather meanwhile.
GATHER_SECONDS = 0.002
#: Bytes of records from which on a frame takes no more.
MAX_FRAME_BYTES = 4 * 2**20
#: What a client shall wait where the spool is full, in seconds.
FULL_SECONDS = 5


class _CommitGroup:
    """The records that one fsync will bring to the disk."""

    __slots__ = ("done", "payload", "records", "size")

    def __init__(self) -> None:
        self.payload: list[bytes] = []
        self.records = 0
        self.size = FRAME_BYTES
        self.done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        # Whoever waited may have gone.
        self.done.add_done_callback(lambda done: done.cancelled() or done.exception())


class Spool:
    """Appends to a folder of up to `most_bytes`; `max_in_flight` records may wait for the disk at once.

    `first` is the number of the next record.
    """

    def __init__(
        self,
        folder: SpoolFolder,
        first: int,
        *,
        most_bytes: int,
        max_in_flight: int,
    ) -> None:
        self.folder = folder
        #: The number of the next record; those below are on the disk.
        self.next = first
        #: Set when there is more to drain.
        self.written = asyncio.Event()
        self.most_bytes = most_bytes
        self._max_in_flight = max_in_flight
        #: Is given the seconds of each write.
        self.observe: Callable[[float], object] = lambda _: None
        self._groups: list[_CommitGroup] = []
        self._in_flight = self._in_flight_bytes = 0
        self._committing: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, "spool")
        self._stopping = False
        self._trouble = ""

    @property
    def in_flight(self) -> int:
        """Records that wait for the disk."""
        return self._in_flight

    @property
    def trouble(self) -> str:
        """Why the disk did not take the last write, or the last try since; an empty line where it did."""
        return self._trouble

    @property
    def is_writing(self) -> bool:
        """Whether the folder is being written to: nobody else may change its active segment."""
        return self._committing is not None

    async def check(self) -> None:
        """Raises LogUnavailableError when no record can be taken."""
        if self._stopping:
            raise LogUnavailableError("the ingest API is stopping")
        self._require_room(0)
        if self._trouble:
            # Who is not ready gets no records by which to see that it is again.
            try:
                await asyncio.get_running_loop().run_in_executor(self._thread, self.folder.probe)
            except OSError as error:
                raise self._failed(error) from None
            self._trouble = ""

    async def append(self, records: Sequence[SpooledRecord]) -> int:
        """Returns when the disk has all of them; raises LogUnavailableError when that is not known.

        All of them have numbers below the one that is returned.
        """
        if self._stopping:
            raise LogUnavailableError("the ingest API is stopping")
        if self._in_flight + len(records) > self._max_in_flight:
            raise LogUnavailableError(f"{self._in_flight} events wait for the disk already (ingest.max_in_flight)")
        payload = encode_records(records)
        self._require_room(len(payload) + FRAME_BYTES)
        if not self._groups or self._groups[-1].size > MAX_FRAME_BYTES:
            self._groups.append(_CommitGroup())
        group = self._groups[-1]
        group.payload.append(payload)
        group.records += len(records)
        group.size += len(payload)
        self._in_flight += len(records)
        self._in_flight_bytes += len(payload)
        if self._committing is None:
            self._committing = asyncio.create_task(self._commit_groups())
        # Nobody who leaves takes the records of others along.
        return await asyncio.shield(group.done)

    async def stop(self) -> None:
        """Take no more, and wait for what is being written. Safe to call twice."""
        self._stopping = True
        if self._committing is not None:
            await asyncio.wait([self._committing])
        self._thread.shutdown()
        self.folder.seal()

    def _require_room(self, more: int) -> None:
        used = self.folder.size + self._in_flight_bytes
        if used + more > self.most_bytes:
            raise LogUnavailableError(
                f"the spool is full: {used:,} bytes wait in {self.folder.path} (ingest.spool_bytes)", FULL_SECONDS
            )

    def _failed(self, error: Exception) -> LogUnavailableError:
        trouble = f"the spool in {self.folder.path} (data_dir) cannot be written: {reason_of(error)}"
        if trouble != self._trouble:
            _log.error("%s", trouble)
        self._trouble = trouble
        return LogUnavailableError(trouble)

    async def _commit_groups(self) -> None:
        try:
            await asyncio.sleep(GATHER_SECONDS)
            while self._groups:
                await self._commit(self._groups.pop(0))
        finally:
            self._committing = None

    async def _commit(self, group: _CommitGroup) -> None:
        loop, began = asyncio.get_running_loop(), time.perf_counter()
        try:
            await loop.run_in_executor(self._thread, self.folder.write, self.next, group.records, group.payload)
        except Exception as error:  # whatever it is, its records are not known to be on the disk
            group.done.set_exception(self._failed(error))
        else:
            self._trouble = ""
            self.next += group.records
            group.done.set_result(self.next)
            self.written.set()
        finally:
            self._in_flight -= group.records
            self._in_flight_bytes -= group.size - FRAME_BYTES
            self.observe(time.perf_counter() - began)
