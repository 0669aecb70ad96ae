"""One installation of the product on the services of a run: topics, databases and sites of its own, and its parts."""

import asyncio
import os
import random
import secrets
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy
from pydantic import SecretStr

from deploy.bench.run import changed, environment, unlimited
from deploy.chaos.errors import ChaosError
from deploy.chaos.parts import ChaosPart
from deploy.chaos.services import ChaosServices
from deploy.chaos.versions import seed_versions
from deploy.errors import SetupError
from deploy.log import topics
from deploy.log.client_options import kafka_clients
from deploy.processes.ports import free_port
from deploy.services import mariadb
from deploy.settings.model import Settings, SiteSettings, variable
from deploy.wiring.storage import migrate_all
from scoring.folder import RegistryError

#: Exit codes of parts that their supervisor starts again: ended in order, before they listen to signals as well, and a
#: service was away (docs/operations.md).
EXPECTED_ENDS = (0, -signal.SIGTERM, 70)
#: What runs: every part of the product but the learner, which only reads.
ALL_PARTS = ("ingest", "worker-1", "worker-2", "writer", "api", "webhooks")
#: Seconds from the end of a part to its next start.
RESTART_SECONDS = 0.2
SITE = "default"


@dataclass(frozen=True, slots=True)
class UnexpectedEnd:
    """A part that ended by itself with a code that no supervisor expects."""

    name: str
    code: int
    words: str


@dataclass
class PartCounts:
    """What became of the parts: started, killed by a fault, ended by themselves because a service was away."""

    killed: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    unexpected: list[UnexpectedEnd] = field(default_factory=list)


class Installation:
    """Starts parts, and starts again what ends, whenever it is given time (`rest`, `until`).

    `parts` are names such as `ingest` and `worker-1`. All in one thread, the one that made it: Linux lets a part die
    with the thread that started it.
    """

    def __init__(
        self,
        services: ChaosServices,
        settings: Settings,
        folder: Path,
        parts: Iterable[str],
        planted: str = "",
        forked: bool = False,
    ) -> None:
        self.services = services
        self.folder = folder
        #: For the parts, by the proxies; and for who checks.
        self.settings = _settings(services, settings, folder)
        self.direct = _direct(self.settings, services)
        self.counts = PartCounts()
        self.parts: dict[str, ChaosPart] = {}
        self._planted, self._forked = planted, forked
        self._resting: set[str] = set()
        self._again: dict[str, float] = {}
        self._killed: set[str] = set()
        for name in parts:
            self._add(name)

    @property
    def ingest_url(self) -> str:
        return f"http://127.0.0.1:{self.settings.ingest.port}"

    @property
    def workers(self) -> list[str]:
        return [name for name in self.parts if name.startswith("worker")]

    def prepare(self) -> None:
        """Make topics, databases and a registry of models; raises SetupError."""
        direct = self.direct
        try:
            seed_versions(Path(direct.scoring.registry))
        except RegistryError as error:
            raise SetupError(str(error)) from error
        server = sqlalchemy.make_url(direct.storage.url.get_secret_value())
        engine = sqlalchemy.create_engine(server.set(database=mariadb.DATABASE), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(sqlalchemy.text(f"CREATE DATABASE {server.database} CHARACTER SET utf8mb4"))
        engine.dispose()
        asyncio.run(topics.ensure(kafka_clients(direct.kafka), topics.wanted(direct.kafka)))
        migrate_all(direct)

    def start(self, names: Iterable[str]) -> None:
        for name in names:
            self.parts[name].start()

    def add_worker(self) -> str:
        """One more worker, started; its name."""
        name = f"worker-{1 + max(int(each.rpartition('-')[2]) for each in self.workers)}"
        self._add(name)
        self.parts[name].start()
        return name

    def drop_worker(self, name: str) -> None:
        """Take a worker out for good; the caller has ended it or does so now."""
        part = self.parts.pop(name)
        part.kill()
        self._again.pop(name, None)

    def revive(self) -> None:
        """Start again what has ended, RESTART_SECONDS later."""
        now = time.monotonic()
        for name, part in self.parts.items():
            if part.alive or name in self._resting or part.code is None:
                continue
            if name not in self._again:
                self._again[name] = now + RESTART_SECONDS
                self._note_end(name, part)
            elif now >= self._again[name]:
                del self._again[name]
                part.start()

    def rest(self, seconds: float) -> None:
        """Let the time pass; what ends meanwhile starts again."""
        self.until(lambda: False, seconds)

    def until(self, holds: Callable[[], bool], seconds: float, pause: float = 0.05) -> bool:
        """Whether `holds` came true in time; what ends meanwhile starts again."""
        deadline = time.monotonic() + seconds
        while True:
            self.revive()
            if holds():
                return True
            if time.monotonic() >= deadline:
                return False
            time.sleep(min(pause, max(0.0, deadline - time.monotonic())))

    def kill(self, name: str) -> None:
        """kill -9; it starts again by itself."""
        self._killed.add(name)
        self.parts[name].kill()

    def hold_down(self, name: str) -> None:
        """What ends now does not start again before `release`."""
        self._resting.add(name)

    def release(self, name: str) -> None:
        """What ends, or has ended, starts again by itself."""
        self._resting.discard(name)

    def expect_death(self, name: str) -> None:
        """A fault will end this part by SIGKILL."""
        self._killed.add(name)

    def all_ready(self) -> bool:
        return all(part.ready for name, part in self.parts.items() if name not in self._resting)

    def require_ready(self, seconds: float) -> None:
        """Raises ChaosError where a part is not ready in time."""
        if not self.until(self.all_ready, seconds, 0.2):
            late = [f"{name}: {part.last_words()}" for name, part in self.parts.items() if not part.ready]
            raise ChaosError(f"not ready within {seconds:.0f} s: {'; '.join(late)}")

    def any_worker(self, chance: random.Random) -> str:
        return chance.choice(self.workers)

    def stop_ticks(self) -> None:
        """Let time get into the log no more: what is open then stays so."""
        for name in self.workers:
            self.parts[name].order(ticks=0)

    def end(self) -> None:
        for part in self.parts.values():
            part.kill()

    def _add(self, name: str) -> None:
        part = name.partition("-")[0]
        ports = {
            "ingest": self.settings.ingest.port,
            "api": self.settings.api.port,
            "writer": self.settings.storage.metrics_port,
            "webhooks": self.settings.webhooks.metrics_port,
        }
        port = ports.get(part) or free_port()
        # Only its own settings and those that the system gives: the shell's may name another installation.
        variables = {key: value for key, value in os.environ.items() if not key.startswith("OPECOM_")}
        variables |= environment(self.settings)
        if part == "worker":
            variables[variable("worker.metrics_port")] = str(port)
        self.parts[name] = ChaosPart(name, part, self.folder, variables, port, self._planted, self._forked)

    def _note_end(self, name: str, part: ChaosPart) -> None:
        code = part.code or 0
        if name in self._killed and code < 0:
            self._killed.discard(name)
            self.counts.killed[name.partition("-")[0]] += 1
        elif code in EXPECTED_ENDS:
            self.counts.ended[name.partition("-")[0]] += 1
        else:
            self.counts.unexpected.append(UnexpectedEnd(name, code, part.last_words()))


def _settings(services: ChaosServices, settings: Settings, folder: Path) -> Settings:
    run = secrets.token_hex(4)
    site = SiteSettings(keyless_loopback=True, intent_in_browser=True)
    settings = settings.model_copy(update={"profile": "services", "data_dir": folder, "sites": {SITE: site}})
    roles = ("events", "scored", "pages", "erasures", "experiments", "dead", "snapshots")
    topic_names = {f"{name}_topic": f"{name}-{run}" for name in roles}
    settings = changed(
        settings,
        "kafka",
        bootstrap=f"127.0.0.1:{services.kafka.proxy.port}",
        idempotent=True,
        security_protocol="PLAINTEXT",
        **topic_names,
    )
    settings = unlimited(changed(settings, "ingest", host="127.0.0.1", port=free_port()))
    settings = changed(settings, "worker", group=f"worker-{run}", session_timeout_ms=6_000)
    settings = changed(
        settings,
        "storage",
        url=SecretStr(mariadb.url(services.mariadb.proxy.port, services.password, f"opecom_{run}")),
        clickhouse_host="127.0.0.1",
        clickhouse_port=services.clickhouse.proxy.port,
        clickhouse_user="default",
        clickhouse_password=SecretStr(""),
        clickhouse_database=f"opecom_{run}",
        group=f"writer-{run}",
        metrics_port=free_port(),
        pages_refresh_seconds=0,
        drift_alarms_per_month=0,
    )
    settings = changed(
        settings,
        "api",
        host="127.0.0.1",
        port=free_port(),
        read_keys=(SecretStr(secrets.token_urlsafe(16)),),
        admin_keys=(SecretStr(secrets.token_urlsafe(16)),),
        token_secret=SecretStr(secrets.token_urlsafe(32)),
    )
    settings = changed(settings, "scoring", registry=str(folder / "models"), model="")
    settings = changed(settings, "console", port=0)
    return changed(settings, "webhooks", group=f"webhooks-{run}", metrics_port=free_port())


def _direct(settings: Settings, services: ChaosServices) -> Settings:
    """The same installation, past the proxies."""
    url = sqlalchemy.make_url(settings.storage.url.get_secret_value()).set(port=services.mariadb.port)
    settings = changed(settings, "kafka", bootstrap=f"127.0.0.1:{services.kafka.port}")
    return changed(
        settings,
        "storage",
        url=SecretStr(url.render_as_string(hide_password=False)),
        clickhouse_port=services.clickhouse.port,
    )
