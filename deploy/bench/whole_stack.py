"""The whole system under test, from the ingest API into both databases, as users run it, on either profile."""

import asyncio
import contextlib
import http.client
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import psutil
from pydantic import SecretStr

from deploy.bench.databases import databases
from deploy.bench.embedded import embedded, running
from deploy.bench.errors import BenchError
from deploy.bench.part import Part, answers, samples
from deploy.bench.run import Run, changed, environment, unlimited
from deploy.processes.interpreter import OPECOM
from deploy.services import kafka, mariadb
from deploy.settings.model import Settings

SCORED, EVENTS = "scored-sessions", "events"
#: Seconds between two looks at the parts' counts; a part that is too busy to answer is asked again, so many times.
LOOK, REQUESTED = 0.3, 60


@dataclass(frozen=True, slots=True)
class RunningStack:
    """`parts` are the processes of the system by name, `servers` those of Kafka and MariaDB where the run started
    them; `alive` raises BenchError when a part has ended."""

    settings: Settings
    parts: Mapping[str, psutil.Process]
    servers: Mapping[str, psutil.Process]
    alive: Callable[[], object]

    def cpu(self) -> dict[str, float]:
        """CPU seconds, user and system, by part and server, each without its children, which may be parts themselves;
        raises BenchError when a part has ended."""
        self.alive()
        return {name: sum(process.cpu_times()[:2]) for name, process in {**self.parts, **self.servers}.items()}

    def rss_mb(self) -> dict[str, float]:
        """Resident memory by part, in MB (10^6 bytes); raises BenchError when a part has ended."""
        self.alive()
        return {name: process.memory_info().rss / 1e6 for name, process in self.parts.items()}

    def tasks(self, part: str) -> float:
        """Unfinished asyncio tasks of ingest, worker or writer, as its metrics give them."""
        settings = self.settings
        ports = {
            "ingest": settings.ingest.port, "worker": settings.worker.metrics_port,
            "writer": settings.storage.metrics_port,
        }  # fmt: skip
        (key,) = settings.api.read_keys
        return sum(_samples(ports[part], "opecom_process_tasks", key.get_secret_value()).values())

    async def caught_up(self, accepted: int, seconds: float) -> float | None:
        """When both databases had all of so many accepted events, in monotonic seconds; None: not within `seconds`.

        That is when the worker has taken as many, the writer has written as many and every score of the worker, and
        none of these counts moves any more.
        """
        deadline, before, since = time.monotonic() + seconds, (-1, -1, -1, -1), 0.0
        while time.monotonic() < deadline:
            self.alive()
            counts = await asyncio.to_thread(self._counts)
            taken, scored, written_scores, written_events = counts
            if counts != before:
                before, since = counts, time.monotonic()
            elif taken >= accepted and written_events >= accepted and written_scores >= scored:
                return since
            await asyncio.sleep(LOOK)
        return None

    def _counts(self) -> tuple[int, int, int, int]:
        worker, writer = self.settings.worker.metrics_port, self.settings.storage.metrics_port
        taken = _sum(worker, "opecom_worker_records_total")
        scored = _sum(worker, "opecom_worker_updates_total")
        written = _samples(writer, "opecom_writer_records_total")
        return taken, scored, int(written.get(SCORED, 0)), int(written.get(EVENTS, 0))


class WholeStack:
    """A system that can be started; its databases stay until the context is left, so that they can be read."""

    def __init__(self, settings: Settings, start: Callable[[], contextlib.AbstractAsyncContextManager[RunningStack]]):
        self.settings = settings
        self.running = start


@asynccontextmanager
async def on_services(run: Run) -> AsyncIterator[WholeStack]:
    """Kafka and MariaDB of the run, ClickHouse's engine inside the writer; ingest API, worker and writer."""
    async with databases(run.settings) as stored, run.log("stack", stored) as log:
        settings = changed(log.settings, "storage", group=f"{log.settings.worker.group}-writer")
        # By it the ingest API shows its metrics.
        settings = changed(settings, "api", read_keys=(SecretStr(secrets.token_hex(16)),))

        @asynccontextmanager
        async def start() -> AsyncIterator[RunningStack]:
            ports = {
                "ingest": settings.ingest.port,
                "worker": settings.worker.metrics_port,
                "writer": settings.storage.metrics_port,
            }
            async with AsyncExitStack() as held:
                parts = {
                    name: await held.enter_async_context(
                        Part(name, run.folder, (*OPECOM, "run", name), environment(settings))
                    )
                    for name in ports
                }
                for name, part in parts.items():
                    await part.until(lambda port=ports[name]: answers(port, "/readyz"), "ready", 120)  # type: ignore[misc]

                def alive() -> None:
                    for part in parts.values():
                        part.process()

                servers = {"Kafka": kafka.program(run.folder), "MariaDB": mariadb.program(run.folder)}
                yield RunningStack(
                    settings,
                    {name: part.process() for name, part in parts.items()},
                    {name: process for name, server in servers.items() if (process := server.process())},
                    alive,
                )

        yield WholeStack(settings, start)


@asynccontextmanager
async def on_this_machine(run: Run) -> AsyncIterator[WholeStack]:
    """The embedded profile, as `opecom up` runs it."""
    settings = unlimited(embedded(run.settings))

    @asynccontextmanager
    async def start() -> AsyncIterator[RunningStack]:
        async with running(run, settings) as up:
            parts = processes_of(up)

            def alive() -> None:
                up.process()
                for name, process in parts.items():
                    if not process.is_running():
                        raise BenchError(f"{name} ended under load: {up.output()[-300:].strip()}")

            yield RunningStack(settings, parts, {}, alive)

    yield WholeStack(settings, start)


def processes_of(up: Part) -> dict[str, psutil.Process]:
    """The processes of `opecom up` by part: `opecom run NAME`, the broker's binary, and `up` itself."""
    root = up.process()
    found = {"up": root}
    for child in root.children(recursive=True):
        command = child.cmdline()
        found[command[-1] if command[-2:-1] == ["run"] else "broker"] = child
    return found


def _sum(port: int, name: str) -> int:
    return int(sum(_samples(port, name).values()))


def _samples(port: int, name: str, key: str = "") -> dict[str, float]:
    for _ in range(REQUESTED):
        with contextlib.suppress(OSError, http.client.HTTPException):
            return samples(port, name, key)
        time.sleep(1)
    raise BenchError(f"the metrics on port {port} did not come")
