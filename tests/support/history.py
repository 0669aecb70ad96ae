"""Imports into a log in memory, by the ingest API's own code, and what a fold makes of them."""

import asyncio
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from deploy.imports.deliver import DailyPages, RequestLimits, deliver
from deploy.imports.formats import OwnEvents
from deploy.imports.run import preparation
from deploy.imports.spool import EventReader, sort_into, source_files
from deploy.imports.workspace import Workspace, fingerprint, opened
from deploy.settings.model import Settings
from ingest import collect
from ingest.admission.keys import Grant, SiteAccess
from ingest.collect import SenderContext
from ingest.events import Event, Tick, decode, encode, key_of
from ingest.partition import partition_of
from stream.fold.clock import IDLE
from stream.fold.pages import PageStatistics
from stream.fold.update import UnscoredUpdate
from tests.support.events import NOON
from tests.support.log import LogRecord, folded, partition

PARTITIONS = 4
SITE = "shop~past"
SETTINGS = Settings(sites={"shop": {"import_keys": ["import-key-of-shop"]}}, kafka={"partitions": PARTITIONS})  # type: ignore[arg-type]


class LogSender:
    """The ingest API's own reading of batches, into the partitions of a log in memory; dies after some requests."""

    def __init__(self, log: list[list[tuple[bytes | None, bytes]]] | None = None, survives: int = 1_000_000) -> None:
        self.log: list[list[tuple[bytes | None, bytes]]] = [[] for _ in range(PARTITIONS)] if log is None else log
        self._left = survives
        self._sender = SenderContext(Grant(SiteAccess("shop"), "import", ""), NOON)

    async def post(self, body: bytes) -> None:
        if self._left == 0:
            raise KeyboardInterrupt
        self._left -= 1
        collected = collect.batch(body, self._sender, 1_000)
        assert collected.refused == []
        for key, value in collected.in_order():
            self.log[partition_of(key, PARTITIONS)].append((key, value))

    def events(self) -> list[Event]:
        """The events of the log, one partition after another."""
        read = [decode(key, value) for records in self.log for key, value in records]
        return [event for event in read if isinstance(event, Event)]


def import_into(
    sender: LogSender,
    folder: Path,
    files: Sequence[Path],
    reader: EventReader | None = None,
    batch: int = 3,
    pages: DailyPages | None = None,
) -> Workspace:
    """Import these files, but for the tick at the end; with the same folder it goes on where one broke off."""
    with opened(folder, SITE, fingerprint(SITE, files, ()), files) as workspace:
        if not workspace.state.is_sorted:
            prepare = preparation(SETTINGS, SITE)
            sort_into(workspace, source_files(files), reader or OwnEvents(), prepare, None, lambda *_: None)
        asyncio.run(deliver(workspace, sender, RequestLimits(batch, 100_000), lambda _: None, pages))
        return workspace


def sessions(
    log: Iterable[Sequence[tuple[bytes | None, bytes]]], end: int, statistics: PageStatistics | None = None
) -> dict[str, list[dict[str, Any]]]:
    """What a fold makes of the log, ended by a tick: by session the updates, without what offsets and ids bring in."""
    found: dict[str, list[dict[str, Any]]] = {}
    for number, records in enumerate(log):
        said = [LogRecord(offset, -1, *record) for offset, record in enumerate(records)]
        tick = LogRecord(len(said), -1, None, encode(Tick(SITE, end + IDLE)))
        for update in folded([*said, tick], partition(number=number, statistics=statistics)).updates:
            found.setdefault(update.key.decode(), []).append(_plain(update))
    return found


def _plain(update: UnscoredUpdate) -> dict[str, Any]:
    whole: dict[str, Any] = msgspec.to_builtins(update.record)
    return {name: value for name, value in whole.items() if name not in ("version", "event")}


def write_lines(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def view(session: str, at: int, path: str = "/p/1", **given: Any) -> dict[str, Any]:
    """A page view as a batch has it, without an id."""
    page = {"url": path, "type": "ProductRelated"}
    return {"type": "page_view", "session_id": session, "occurred_at": at, "page": page, **given}


def partition_of_session(session: str) -> int:
    return partition_of(key_of(SITE, session), PARTITIONS)
