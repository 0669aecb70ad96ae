"""The log of the embedded profile over the lives of its broker: it goes on while its databases are there."""

import asyncio
import contextlib
from collections.abc import Mapping
from pathlib import Path

from aiokafka.errors import KafkaError

from deploy.errors import AwayError, SetupError
from deploy.local.log_begin import begin_log
from deploy.local.log_folder import LOST, LogFolder, LogName
from deploy.log import topics
from deploy.log.client_options import kafka_clients
from deploy.processes.data_folder import log_folder
from deploy.processes.interpreter import of_module
from deploy.processes.supervise import Child, Supervisor
from deploy.settings.model import Settings
from stream.errors import StreamError
from stream.kafka.source import KafkaSource

#: Seconds in which the databases must take all that a broker has whose end comes, and between two looks.
DRAIN_SECONDS, LOOK = 120.0, 0.25
#: Fills a broker; a process, as it loads chDB, and this one stays.
RESTORE = of_module("deploy.local.restore_process")


class EmbeddedLog:
    """`settings` are those of the parts, `environment` what makes them so."""

    def __init__(self, settings: Settings, folder: Path, environment: Mapping[str, str]) -> None:
        self._settings = settings
        self._data = folder
        self._folder = LogFolder(log_folder(folder))
        self._environment = environment
        self._name: LogName | None = None

    def named(self) -> str:
        """The name of the log that the next broker is to have; a new one where the one before cannot go on."""
        known, partitions = self._folder.name(), self._settings.kafka.partitions
        if known is None or known.partitions != partitions or not self._has_databases():
            known = self._folder.begin(partitions)
        self._name = known
        self._folder.filling()
        return known.id

    async def prepare(self, supervisor: Supervisor) -> None:
        """Give the new broker its topics and what they need; raises SetupError, AwayError where the broker is gone."""
        name, settings = self._name, self._settings
        assert name is not None  # noqa: S101 - the broker was started with it
        await topics.ensure(kafka_clients(settings.kafka), topics.wanted(settings.kafka))
        if name.begun:
            await self._restore(supervisor)
        else:
            await begin_log(self._settings, self._data)
            self._folder.begun(name)
        self._folder.filled()

    async def drain(self) -> None:
        """Take nothing more, and return once the databases have all that the broker has, or DRAIN_SECONDS are over.

        What comes meanwhile waits in the spool of ingest, and commands wait. So the next broker gets no more than what
        is open, and nothing is written to a later place than it had. What is not drained in time, such as an answer
        of the broker's that came late, comes again as after a kill: from the spool, or by whoever wrote it.
        """
        self._folder.ending()
        with contextlib.suppress(KafkaError, StreamError, OSError, TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                ends = await self._ends()
                while True:
                    if self._stored(ends):
                        # An event may have been on its way.
                        before, ends = ends, await self._ends()
                        if ends == before:
                            return
                    await asyncio.sleep(LOOK)

    async def _ends(self) -> dict[int, int]:
        """By partition the offset after its last event, which a broker in memory says only when that is read."""
        events = KafkaSource(kafka_clients(self._settings.kafka), self._settings.kafka.events_topic)
        return {number: (await events.bounds(number)).end for number in range(self._settings.kafka.partitions)}

    def _stored(self, ends: Mapping[int, int]) -> bool:
        """Whether the databases have the events up to these offsets, and all that workers made of them."""
        checkpoint = self._folder.checkpoint()
        return all(
            number in checkpoint and min(checkpoint[number].events, checkpoint[number].published) >= end
            for number, end in ends.items()
            if end
        )

    async def _restore(self, supervisor: Supervisor) -> None:
        child = Child("restore", RESTORE, self._environment)
        code, line = await supervisor.run_once(child, asyncio.Event())
        if code == LOST:
            self._folder.begin(self._settings.kafka.partitions)
            raise AwayError(line)
        if code == SetupError.exit_code:
            raise SetupError(line)
        if code:
            raise AwayError(line or f"the broker was not filled: see {supervisor.log_of(child)}")
        supervisor.notice(line)

    def _has_databases(self) -> bool:
        """Whether the databases in the data folder are there still; of servers nothing is known before they answer."""
        storage = self._settings.storage
        own = [] if storage.url.get_secret_value() else ["opecom.sqlite"]
        own += [] if storage.clickhouse_host else ["chdb"]
        name = self._folder.name()
        return name is None or not name.begun or all((self._data / each).exists() for each in own)
