"""A tick waits until an embedded broker has again what only the spool kept of the one that died."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.errors import AwayError
from deploy.local.log_folder import LogFolder
from deploy.log.broker_life import in_one_life
from deploy.log.spools_drained import spools_drained
from deploy.processes import data_folder
from deploy.settings.model import KafkaSettings, Settings
from ingest.spool.appender import ListAppender
from ingest.spool.drain import Drain
from ingest.spool.event_store import ListEventStore
from ingest.spool.folder import SpoolFolder
from ingest.spool.frames import SpooledRecord
from ingest.spool.position import POSITION, PositionFile
from ingest.spool.spool import Spool


class System:
    """A data folder that is in use, with the spool of one ingest process and a log that has its events."""

    def __init__(self, folder: Path) -> None:
        self.log = LogFolder(data_folder.log_folder(folder))
        self.log.filled()
        self.kafka: KafkaSettings = data_folder.as_running(Settings(data_dir=folder)).kafka
        self.store = ListEventStore(1, self.life)
        path = data_folder.spool_folder(folder) / "0"
        self._held, self._position = SpoolFolder(path), PositionFile(path / POSITION)
        self.spool = Spool(self._held, 0, most_bytes=2**30, max_in_flight=100)
        self.drain = Drain(self._held, self._position, ListAppender(1), self.store, 1, self.spool)

    @property
    def life(self) -> str:
        return (self.log.folder / "generation").read_text()

    async def accept(self) -> None:
        await self.spool.append([SpooledRecord(0, 1, b"shop~1/s", b"an event")])

    def another_broker(self) -> None:
        """The broker died, and another one is filled with what ClickHouse has: not with what the spool alone has."""
        self.log.filled()
        self.store.name = self.life

    def close(self) -> None:
        self._position.close()
        self._held.close()


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    with data_folder.held(tmp_path) as held:
        data_folder.announce(held, "127.0.0.1:1")
        made = System(tmp_path)
        yield made
        made.close()


async def test_what_the_log_has_is_not_waited_for(system: System) -> None:
    await spools_drained(system.kafka)
    await system.accept()
    await system.drain.drain_some()
    await spools_drained(system.kafka)


async def test_an_event_that_the_log_does_not_have_is_waited_for(system: System) -> None:
    await system.accept()
    await system.drain.drain_some()
    system.another_broker()
    waiting = asyncio.create_task(in_one_life(system.kafka, lambda: spools_drained(system.kafka)))
    await asyncio.sleep(0.6)
    assert not waiting.done()
    await system.drain.drain_some()
    await waiting


async def test_a_broker_that_dies_meanwhile_begins_it_anew(system: System) -> None:
    await system.accept()
    waiting = asyncio.create_task(spools_drained(system.kafka))
    await asyncio.sleep(0.1)
    system.another_broker()
    with pytest.raises(AwayError, match="took over"):
        await waiting


async def test_a_spool_that_is_not_sent_is_an_error(system: System) -> None:
    await system.accept()
    with pytest.raises(AwayError, match="opecom doctor"):
        await spools_drained(system.kafka, patience=0.1)


async def test_a_durable_broker_has_what_was_accepted(tmp_path: Path) -> None:
    await spools_drained(Settings(data_dir=tmp_path).kafka)
