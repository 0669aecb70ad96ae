"""Sends the sorted events of each partition through the ingest API, one request after another, from where it stopped.

With page statistics the partitions keep step by days: after each day of history what it changed is put in force.
"""

import math
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from deploy.imports.account import ImportAccount
from deploy.imports.pages import ImportedPages
from deploy.imports.sort import frame_size, read_frames
from deploy.imports.spool import sorted_event
from deploy.imports.workspace import SentPosition, Workspace
from deploy.simulate.send import ROOM, EventSender, RequestBody, SendPace, send
from storage.pages.tally import DAY_MS
from stream.fold.pages import PageRow


class RequestLimits(Struct, frozen=True):
    """What a request may carry, and events per second over all of them; 0: as fast as they are accepted."""

    events: int
    bytes: int
    rate: float = 0


class DailyPages(Struct, frozen=True):
    """What counts the pages of what is sent, and puts rows in force for what is sent after."""

    counted: ImportedPages
    put: Callable[[Sequence[PageRow]], Awaitable[object]]


class EventPiece(Struct, frozen=True):
    """Events that one request carries, and where their file goes on behind them."""

    events: list[bytes]
    end: int


async def deliver(
    workspace: Workspace,
    sender: EventSender,
    limits: RequestLimits,
    accepted: Callable[[int], None],
    pages: DailyPages | None = None,
) -> None:
    """Send what is not sent; the state says how far it is. Raises SendError, LogError and OSError.

    With `pages`, what was sent earlier is counted again, so that statistics go on as they were.
    """
    state, files = workspace.state, []
    for path in sorted(workspace.folder.glob("partition-*")):
        number = int(path.name.rpartition("-")[2])
        position = state.sent.setdefault(number, SentPosition())
        files.append(PartitionFile(path, number, position, 0 if pages else position.offset, limits))
    pace = SendPace(limits.rate)
    try:
        for end in _ends_of_days(state.account) if pages else (math.inf,):
            await send([_bodies(workspace, file, end, pages) for file in files], sender, pace, accepted)
            if pages is not None and end != math.inf:
                await _put(workspace, pages, int(end))
    finally:
        workspace.save()


async def _put(workspace: Workspace, pages: DailyPages, now: int) -> None:
    rows = pages.counted.rows_at(now)
    if now > workspace.state.pages_until:
        if rows:
            await pages.put(rows)
        workspace.state.pages_until = now
        workspace.save_sometimes()


def _ends_of_days(account: ImportAccount) -> Iterator[float]:
    """The ends of all days (UTC) of the history but the last, and then the end of it."""
    if account.first_at is not None and account.last_at is not None:
        for day in range(account.first_at // DAY_MS + 1, account.last_at // DAY_MS + 1):
            yield day * DAY_MS
    yield math.inf


def _bodies(workspace: Workspace, file: "PartitionFile", end: float, pages: DailyPages | None) -> Iterator[RequestBody]:
    """The bodies of a partition up to a time; each is accepted when the next one is asked for."""
    for piece in file.pieces(end):
        body = _body(workspace.state.site, piece.events)
        if pages is not None:
            pages.counted.add(file.number, body, len(piece.events))
        if piece.end <= file.sent.offset:
            continue
        yield RequestBody(len(piece.events), body)
        file.sent.offset = piece.end
        file.sent.events += len(piece.events)
        workspace.state.accepted_at = int(time.time() * 1000)
        workspace.save_sometimes()


class PartitionFile:
    """The sorted events of a partition, read once from a place on; `sent` is how far they are sent."""

    def __init__(self, path: Path, number: int, sent: SentPosition, start: int, limits: RequestLimits) -> None:
        self.number = number
        self.sent = sent
        self._limits = limits
        self._end = start
        self._frames = read_frames(path, start)
        self._next = next(self._frames, None)

    def pieces(self, end: float) -> Iterator[EventPiece]:
        """What comes before `end`, ms UTC, in pieces of a request each."""
        gathered: list[bytes] = []
        size = ROOM
        while self._next is not None:
            event = sorted_event(self._next)
            if event.received_at >= end:
                break
            is_full = len(gathered) >= self._limits.events or size + len(event.body) + 1 > self._limits.bytes
            if gathered and is_full:
                yield EventPiece(gathered, self._end)
                gathered, size = [], ROOM
            gathered.append(event.body)
            size += len(event.body) + 1
            self._end += frame_size(self._next)
            self._next = next(self._frames, None)
        if gathered:
            yield EventPiece(gathered, self._end)


def _body(site: str, events: list[bytes]) -> bytes:
    head = f'{{"site":"{site}","sent_at":{int(time.time() * 1000)},"events":['.encode()
    return head + b",".join(events) + b"]}"
