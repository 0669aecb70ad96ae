"""Forgets a visitor in the log, for every fold to come, and in both databases: the order of the steps; its tasks."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager

from msgspec import Struct

from storage.admin.forget import Deleted, Key, Visitor, VisitorDatabases
from storage.admin.journal import ErasureJournal, State
from storage.database.errors import DatabaseUnavailableError
from storage.database.threads import in_thread
from storage.errors import StorageError
from storage.replay.errors import BusyError, JournalAwayError

log = logging.getLogger(__name__)

#: Writes digests to the topic `erasures`, settled or not yet, then announces them to every partition of the log;
#: returns the offset of the last announcement by partition. Raises LogAwayError.
Announce = Callable[[Sequence[str], bool], Awaitable[Mapping[int, int]]]
#: Waits until workers and writer have passed these offsets; an empty line, or why it gave up waiting.
Passed = Callable[[Mapping[int, int]], Awaitable[str]]
#: Holds the log against replays; raises BusyError while one runs.
Held = Callable[[], AbstractContextManager[None]]
#: Seconds between two tries of what does not answer.
PAUSE = 1.0


class LogAwayError(StorageError):
    """Kafka does not take the erasure now; the message is one line that says what fixes it."""


class Erasure(Struct, frozen=True, kw_only=True):
    """How far a visitor's erasure is. `waiting_for` says what keeps it; times in ms UTC."""

    site: str
    visitor_id: str
    state: State
    asked_at: int
    done_at: int | None
    waiting_for: str
    deleted: Deleted


class Eraser:
    """The erasures of this process; `pause` in seconds."""

    def __init__(
        self,
        journal: ErasureJournal,
        holdings: VisitorDatabases,
        announce: Announce,
        passed: Passed,
        held: Held,
        pause: float = PAUSE,
    ) -> None:
        self._journal = journal
        self._holdings = holdings
        self._announce = announce
        self._passed = passed
        self._held = held
        self._pause = pause
        self._tasks: dict[Visitor, asyncio.Task[None]] = {}
        self._waiting_for: dict[Visitor, str] = {}
        self._resuming: asyncio.Task[None] | None = None

    async def start(self, visitor: Visitor, wait: float) -> Erasure:
        """Begin to forget the visitor, or go on with it, and wait for the end so many seconds at most.

        Raises DatabaseUnavailableError where the database does not note it: then nothing is begun.
        """
        if visitor not in self._tasks:
            await in_thread(self._journal.begin, visitor)
            self._begin(visitor)
        await asyncio.wait({self._tasks[visitor]}, timeout=wait)
        found = await self.state(visitor)
        assert found is not None  # noqa: S101 - noted above
        return found

    async def state(self, visitor: Visitor) -> Erasure | None:
        """How far it is; None where it was never asked for. Raises DatabaseUnavailableError."""
        entry = await in_thread(self._journal.entry, visitor)
        if entry is None:
            return None
        return Erasure(
            site=visitor.site,
            visitor_id=visitor.visitor_id,
            state=entry.state,
            asked_at=entry.asked_at,
            done_at=entry.done_at,
            waiting_for=self._waiting_for.get(visitor, ""),
            deleted=entry.deleted,
        )

    def resume(self) -> None:
        """Begin to go on with what another process left unfinished."""
        self._resuming = asyncio.create_task(self._resume())

    async def stop(self) -> None:
        """End the tasks; what is unfinished goes on at the next start."""
        tasks = set(self._tasks.values()) | ({self._resuming} if self._resuming is not None else set())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _resume(self) -> None:
        while True:
            try:
                for visitor in await in_thread(self._journal.unfinished):
                    self._begin(visitor)
                return
            except DatabaseUnavailableError:
                await asyncio.sleep(self._pause)

    def _begin(self, visitor: Visitor) -> None:
        if visitor in self._tasks:
            return
        task = asyncio.create_task(self._insist(visitor))
        self._tasks[visitor] = task
        task.add_done_callback(lambda _: self._tasks.pop(visitor, None))

    async def _insist(self, visitor: Visitor) -> None:
        """Forget the visitor, however often something is away."""
        while True:
            try:
                await self.erase(visitor)
                self._waiting_for.pop(visitor, None)
                return
            except (DatabaseUnavailableError, LogAwayError, JournalAwayError) as error:
                self._wait_for(visitor, str(error))
            except Exception as error:
                log.exception("an erasure failed, and is tried again")
                self._wait_for(visitor, f"{type(error).__name__}; the log of this process says more")
            await asyncio.sleep(self._pause)

    async def erase(self, visitor: Visitor) -> None:
        """Forget the visitor.

        1 note it · 2 write its digest to the topic, and announce it to every partition: from there on no fold has a
        session of it · 3 wait until workers and writer have passed the announcements: what was under way is stored ·
        4 note the sessions in which others took part too, which are forgotten whole · 5 say that all this is settled,
        and announce it: from there on the writer stores none of its events · 6 wait as in 3 · 7 take it all out of
        both databases · 8 where a replay runs, which may hold rows of it in its hands, wait for its end and do 7
        again · 9 note that it is done, and forget who it was. A crash anywhere leaves 1 and 4, so that it is begun
        again; whatever is done twice is the same.
        """
        digest = await in_thread(self._journal.begin, visitor)
        await self._announced(visitor, [digest], settled=False)
        shared = await in_thread(self._journal.share, digest, await in_thread(self._holdings.shared, visitor))
        await self._announced(
            visitor, [digest, *(self._journal.keys.session_digest(*key) for key in shared)], settled=True
        )
        deleted = await self._forgotten(visitor, shared)
        await in_thread(self._journal.end, digest, deleted)
        log.info("a visitor of %s is forgotten: %s", visitor.site, deleted)

    async def _announced(self, visitor: Visitor, digests: Sequence[str], *, settled: bool) -> None:
        offsets = await self._announce(digests, settled)
        while remark := await self._passed(offsets):
            self._wait_for(visitor, remark)
            await asyncio.sleep(self._pause)

    async def _forgotten(self, visitor: Visitor, shared: Sequence[Key]) -> Deleted:
        deleted, busy = Deleted(), False
        while True:
            try:
                with self._held():
                    return deleted + await in_thread(self._holdings.forget, visitor, shared)
            except BusyError:
                self._wait_for(visitor, "a replay that runs: what it has written is looked through when it ends")
            if not busy:
                deleted, busy = await in_thread(self._holdings.forget, visitor, shared), True
            await asyncio.sleep(self._pause)

    def _wait_for(self, visitor: Visitor, what: str) -> None:
        if self._waiting_for.get(visitor) != what:
            log.warning("an erasure of %s waits: %s", visitor.site, what)
        self._waiting_for[visitor] = what
