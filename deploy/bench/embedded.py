"""The embedded system under test, as `opecom up` runs it, on ports of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from deploy.bench.part import Part, answers
from deploy.bench.run import Run, changed, environment
from deploy.local import broker
from deploy.processes.interpreter import OPECOM
from deploy.processes.ports import free_port
from deploy.settings.model import Settings, variable

#: Seconds after which the system counts as one that does not start.
READY_SECONDS = 120.0


def embedded(settings: Settings) -> Settings:
    """The embedded profile on ports of its own, whatever profile the settings name."""
    settings = settings.model_copy(update={"profile": "embedded"})
    settings = changed(settings, "kafka", bootstrap=f"127.0.0.1:{free_port()}", **broker.SETTINGS)
    settings = changed(settings, "ingest", host="127.0.0.1", port=free_port())
    settings = changed(settings, "worker", metrics_port=free_port())
    settings = changed(settings, "storage", url="", clickhouse_host="", metrics_port=free_port())
    settings = changed(settings, "webhooks", metrics_port=free_port())
    settings = changed(settings, "learning", metrics_port=free_port())
    settings = changed(settings, "shop", port=0)
    settings = changed(settings, "console", port=0)
    return changed(settings, "api", host="127.0.0.1", port=free_port())


def variables(settings: Settings) -> dict[str, str]:
    """The environment of its processes and of commands to it."""
    return environment(settings) | {
        variable("webhooks.metrics_port"): str(settings.webhooks.metrics_port),
        variable("learning.metrics_port"): str(settings.learning.metrics_port),
        variable("shop.port"): str(settings.shop.port),
        variable("console.port"): str(settings.console.port),
    }


@asynccontextmanager
async def running(run: Run, settings: Settings) -> AsyncIterator[Part]:
    """`opecom up`, ready; raises BenchError where it does not start."""
    ports = (
        settings.ingest.port, settings.worker.metrics_port, settings.api.port, settings.webhooks.metrics_port
    )  # fmt: skip
    async with Part("up", run.folder, (*OPECOM, "up"), variables(settings)) as up:
        await up.until(lambda: all(answers(port, "/readyz") for port in ports), "ready", READY_SECONDS)
        yield up
