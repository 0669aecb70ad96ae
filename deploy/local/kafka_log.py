"""The log of the embedded profile on Apache Kafka, which keeps it on the disk: nothing is filled or makes room."""

import asyncio
import contextlib
from pathlib import Path

from deploy.errors import AwayError, SetupError
from deploy.local.log_begin import begin_log
from deploy.log import topics
from deploy.log.client_options import kafka_clients
from deploy.processes.ports import free_port, speaks_kafka
from deploy.processes.supervise import Child, Supervisor
from deploy.services import kafka
from deploy.settings.model import Settings, user_cache, variable

#: Seconds in which a broker that answers must have joined its own cluster, and between two looks.
REGISTERED_SECONDS, LOOK = 60.0, 0.2


def kafka_folder(data: Path) -> Path:
    """Where a data folder has Apache Kafka's log, settings and console."""
    return data / "kafka"


class DiskLog:
    """The log in this data folder, by the settings of the parts."""

    def __init__(self, settings: Settings, data: Path) -> None:
        self._settings = settings
        self._data = data
        self._begun = kafka_folder(data) / "begun"

    def broker(self) -> Child:
        """Apache Kafka on the port of the settings; raises SetupError where Java, Maven or the jars are missing."""
        port = int(self._settings.kafka.bootstrap.rpartition(":")[2])
        cache = self._settings.services.cache_dir or user_cache()
        folder = kafka_folder(self._data)
        command = kafka.command(folder, cache, port, free_port(kafka.last_controller(folder)), flushed=True)
        return Child("broker", command, {}, lambda: speaks_kafka(port))

    async def prepare(self, supervisor: Supervisor) -> None:
        """See to the topics, and to what a new log begins with; raises SetupError, AwayError where Kafka is gone."""
        clients = kafka_clients(self._settings.kafka)
        await self._registered()
        await topics.ensure(clients, topics.wanted(self._settings.kafka))
        if self._begun.exists():
            return
        await begin_log(self._settings, self._data)
        self._begun.touch()

    async def _registered(self) -> None:
        """Kafka answers before it takes topics."""
        clients = kafka_clients(self._settings.kafka)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REGISTERED_SECONDS):
                while True:
                    if await topics.brokers(clients):
                        return
                    await asyncio.sleep(LOOK)
        raise AwayError(f"Apache Kafka has no broker after {REGISTERED_SECONDS:g} s: see logs/broker.log in data_dir")


def require_no_kafka_log(data: Path) -> None:
    """Raises SetupError where the log of this folder is on Apache Kafka, as another would not go on with it."""
    if (kafka_folder(data) / "begun").exists():
        raise SetupError(
            f"the log of {data} is on Apache Kafka: `opecom up --broker kafka`, or set "
            f"{variable('kafka.embedded_broker')}=kafka; {variable('data_dir')} names another folder"
        )
