"""The log of the embedded profile over the lives of its broker: it goes on while its databases are there."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from deploy.errors import AwayError, SetupError
from deploy.local.log_folder import LOST, LogFolder, LogName
from deploy.log import topics
from deploy.log.client_options import kafka_clients
from deploy.log.controls import LogError, keep_erasures
from deploy.log.site_models import restore_site_models
from deploy.processes.data_folder import log_folder
from deploy.processes.interpreter import of_module
from deploy.processes.supervise import Child, Supervisor
from deploy.settings.model import Settings

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
            await self._begin()
            self._folder.begun(name)
        self._folder.filled()

    async def _begin(self) -> None:
        # Here, as only a start needs a database's library, and this process stays.
        from deploy.local.erased_before import erased_before

        digests = await asyncio.to_thread(erased_before, self._settings, self._data)
        try:
            await keep_erasures(self._settings.kafka, digests)
        except LogError as error:
            raise AwayError(str(error)) from error
        await restore_site_models(self._settings)

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
