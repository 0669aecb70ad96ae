"""Where a benchmark runs: Kafka, MariaDB where it is needed, topics and settings of this run alone."""

import json
import os
import secrets
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr

from deploy.bench.log import BenchLog
from deploy.bench.simulation import SITE, site_settings
from deploy.log import topics
from deploy.log.client_options import kafka_clients
from deploy.processes.ports import free_port
from deploy.services import kafka, mariadb
from deploy.services.artefacts import jars
from deploy.settings.model import Settings, SiteSettings, user_cache, variable

#: The groups of settings that hold the names and addresses of a run.
GROUPS = ("kafka", "ingest", "worker", "scoring", "storage", "api", "console", "webhooks")

#: Seconds that Kafka may take to start: with ten times as much to run as there are cores, a minute was too short.
START_SECONDS = 240


@dataclass(frozen=True, slots=True)
class Run:
    """`settings` are those of the parts under test; `folder` is theirs too and goes away with the run."""

    settings: Settings
    folder: Path
    versions: tuple[tuple[str, str], ...]

    def environment(self, **given: Any) -> dict[str, str]:
        """The settings as variables for a process; `given` are others, `worker__group="w"` for worker.group."""
        return environment(self.settings) | {variable(name.replace("__", ".")): str(v) for name, v in given.items()}

    @asynccontextmanager
    async def log(self, name: str, settings: Settings | None = None) -> AsyncIterator[BenchLog]:
        """Topics of their own for a part, called after it: the settings with their names, and a client on them."""
        settings = settings or self.settings
        names = {
            f"{topic}_topic": f"{topic}-{name}-{secrets.token_hex(3)}"
            for topic in ("events", "scored", "pages", "erasures", "experiments", "snapshots")
        }
        names["dead_topic"] = names["events_topic"] + "-dead"
        settings = changed(settings, "kafka", **names)
        settings = changed(settings, "worker", group=f"{name}-{secrets.token_hex(3)}", metrics_port=free_port())
        settings = changed(settings, "ingest", host="127.0.0.1", port=free_port())
        settings = changed(settings, "storage", group=settings.worker.group, metrics_port=free_port())
        wanted = topics.wanted(settings.kafka)
        await topics.ensure(kafka_clients(settings.kafka), wanted)
        async with BenchLog.connected(settings) as log:
            try:
                yield log
            finally:
                await log.forget([topic.name for topic in wanted])


@contextmanager
def started(settings: Settings, *, need_mariadb: bool = False) -> Iterator[Run]:
    """The services of the settings in force where the profile is `services`, else programs started for this run.

    Raises SetupError where they cannot be had.
    """
    with tempfile.TemporaryDirectory(prefix="opecom-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "data").mkdir()
        settings = settings.model_copy(update={"data_dir": folder / "data", "sites": {SITE: _site()}})
        settings = unlimited(settings)
        if settings.profile == "services":
            print(f"on the services of the settings: Kafka at {settings.kafka.bootstrap}", flush=True)
            yield Run(settings, folder, (("kafka", "the broker does not say"),))
            return
        with _programs(settings, folder, need_mariadb) as run:
            yield run


@contextmanager
def alone(settings: Settings) -> Iterator[Run]:
    """A run of parts that need no services."""
    with tempfile.TemporaryDirectory(prefix="opecom-bench-", ignore_cleanup_errors=True) as name:
        (Path(name) / "data").mkdir()
        yield Run(
            settings.model_copy(update={"data_dir": Path(name) / "data", "sites": {SITE: _site()}}), Path(name), ()
        )


@contextmanager
def _programs(settings: Settings, folder: Path, need_mariadb: bool) -> Iterator[Run]:
    cache = settings.services.cache_dir or user_cache()
    port, database_port, password = free_port(), free_port(), secrets.token_hex(12)
    what = "Kafka and MariaDB" if need_mariadb else "Kafka"
    print(f"starting {what} for this run, as programs on loopback (profile {settings.profile})", flush=True)
    try:
        kafka.start(folder, cache, port, free_port(), die_with_parent=True, seconds=START_SECONDS)
        if need_mariadb:
            mariadb.start(folder, cache, database_port, password, die_with_parent=True)
        settings = settings.model_copy(update={"profile": "services"})
        settings = changed(settings, "kafka", bootstrap=f"127.0.0.1:{port}", idempotent=True, fetch_wait_ms=100)
        if need_mariadb:
            url = SecretStr(mariadb.url(database_port, password))
            settings = changed(settings, "storage", url=url, clickhouse_host="")
        yield Run(settings, folder, (("kafka", _kafka_version(cache)),))
    finally:
        for program in (kafka.program(folder), mariadb.program(folder)):
            program.stop()


def changed(settings: Settings, group: str, /, **values: Any) -> Settings:
    """The settings with other values in one group, which become what its fields say: a text is a secret where one is.

    Raises ValidationError for a value that the group refuses.
    """
    kept = getattr(settings, group)
    return settings.model_copy(update={group: type(kept).model_validate(kept.model_dump() | values)})


def unlimited(settings: Settings) -> Settings:
    """The settings without limits by key and address: all trackers sit at one, and the limits are not measured."""
    return changed(
        settings,
        "ingest",
        key_rate_per_second=1e6,
        address_rate_per_second=1e6,
        key_sessions_per_second=1e6,
        address_sessions_per_second=1e6,
        max_open_sessions=10**7,
    )


def environment(settings: Settings) -> dict[str, str]:
    """Variables that make `deploy.settings.load` give these settings in another process, whatever file lies there."""
    document = {
        "OPECOM_SETTINGS": os.devnull,
        variable("profile"): settings.profile,
        variable("data_dir"): str(settings.data_dir),
        variable("sites"): json.dumps({name: _plain(site) for name, site in settings.sites.items()}),
    }
    for group in GROUPS:
        for name, value in _plain(getattr(settings, group)).items():
            if value is not None:
                document[variable(f"{group}.{name}")] = value if isinstance(value, str) else json.dumps(value)
    return document


def _plain(value: Any) -> Any:
    """The value as JSON has it, secrets in the open."""
    if isinstance(value, BaseModel):
        return {name: _plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, Path) else value


def _site() -> SiteSettings:
    return site_settings(write_keys=(secrets.token_hex(8),))


def _kafka_version(cache: Path) -> str:
    (jar,) = jars("kafka", cache).glob("kafka_2.13-*.jar")
    return jar.stem.removeprefix("kafka_2.13-")
