"""`opecom run PART`: one part of the system in this process, until SIGTERM or Ctrl-C."""

import asyncio
import contextlib
import importlib
import logging
import math
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Annotated, Any, Literal, NoReturn

import typer

from deploy.cli.failures import lines, naming_the_setting
from deploy.errors import PortTakenError, SetupError
from deploy.processes.imports import collector_paused
from deploy.processes.json_log import JsonFormatter, log_failures
from deploy.processes.open_files import raise_file_limit
from deploy.processes.private_files import make_private
from deploy.settings.model import Settings, load
from deploy.terminal.plain import printable
from stream.kafka.client_log import ENDS, KafkaLogFilter, until_lost

log = logging.getLogger(__name__)

#: Seconds after the signal in which a part must have ended by itself.
LIMIT = 20
#: The exit code of a failure of Kafka, of the model or of a database, and of a part that had to be cut off.
FAILED = 70
#: Parts that end where Kafka stays away, as they have nothing to do without it; the others serve what they can.
READERS = ("worker", "writer", "store", "webhooks")

RunPart = Callable[[Settings, asyncio.Event], Coroutine[Any, Any, int]]
Part = Literal["ingest", "worker", "writer", "api", "store", "predict", "webhooks", "learner", "shop"]

_WHERE: dict[Part, tuple[str, str]] = {
    "ingest": ("deploy.wiring.ingest", "run"),
    "worker": ("deploy.wiring.worker", "run"),
    "writer": ("deploy.wiring.writer", "run"),
    "api": ("deploy.wiring.api", "run"),
    "store": ("deploy.wiring.store", "run"),
    "predict": ("deploy.wiring.predict", "run"),
    "webhooks": ("deploy.wiring.webhooks", "run"),
    "learner": ("deploy.wiring.learner", "run"),
    "shop": ("deploy.wiring.shop", "run"),
}


def run(
    part: Annotated[
        Part,
        typer.Argument(
            help="store is writer and api in one process, for the embedded profile; predict is api without sessions; "
            "learner learns by itself; shop is the demonstration shop."
        ),
    ],
    once: Annotated[bool, typer.Option("--once", help="Of the learner: one look at all sites, then the end.")] = False,
) -> None:
    """Runs one part of the system until SIGTERM or Ctrl-C."""
    settings = load()
    as_json = settings.log.format == "json"
    kafka = log_to_stderr(JsonFormatter(part) if as_json else None)
    if as_json:
        log_failures()
    with failures_logged() if as_json else contextlib.nullcontext():
        _run(part, once, settings, kafka)


def _run(part: Part, once: bool, settings: Settings, kafka: KafkaLogFilter) -> NoReturn:
    if settings.data_dir.is_dir():
        make_private(settings.data_dir)
    if once:
        sys.exit(_look_once(part, settings))
    raise_file_limit()
    module, function = _WHERE[part]
    patience = settings.kafka.outage_seconds if part in READERS else math.inf
    with collector_paused():
        run_this = getattr(importlib.import_module(module), function)
    sys.exit(run_part(run_this, settings, kafka=kafka, patience=patience))


@contextlib.contextmanager
def failures_logged() -> Iterator[None]:
    """A failure that can be fixed ends the process with its code, and its lines are lines of the log."""
    try:
        yield
    except Exception as error:
        explained = lines(error)
        if explained is None:
            raise
        for each in explained:
            log.error("%s", each)
        sys.exit(error.exit_code if isinstance(error, SetupError) else SetupError.exit_code)


def _look_once(part: Part, settings: Settings) -> int:
    if part != "learner":
        raise SetupError(f"--once is for the learner: `opecom run {part}` runs until it is stopped")
    from deploy.learner.once import once

    return once(settings)


def run_part(
    part: RunPart,
    settings: Settings,
    limit: float = LIMIT,
    kafka: KafkaLogFilter | None = None,
    patience: float = math.inf,
) -> int:
    """The part's exit code; after a signal it has `limit` seconds before the process ends with code 70.

    It ends with 70, too, when Kafka has been away for `patience` seconds by what `kafka` hears of it.
    """
    try:
        return asyncio.run(_until_stopped(part, settings, limit, kafka, patience))
    except (PortTakenError, ExceptionGroup) as error:
        taken = _taken(error)
        if taken is None:
            raise
        raise naming_the_setting(taken, settings) from error


def log_to_stderr(formatter: logging.Formatter | None = None) -> KafkaLogFilter:
    """Our log lines from INFO, those of libraries from WARNING; what comes back hears whether Kafka answers."""
    formatter = formatter or PrintableFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.basicConfig(level=logging.WARNING)
    for package in ("ingest", "scoring", "stream", "storage", "deploy"):
        logging.getLogger(package).setLevel(logging.INFO)
    quiet = KafkaLogFilter()
    for handler in logging.getLogger().handlers:
        handler.addFilter(quiet)
        handler.setFormatter(formatter)
    return quiet


class PrintableFormatter(logging.Formatter):
    """Log lines for a terminal: what they quote of strangers does not steer it."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


async def _until_stopped(
    part: RunPart, settings: Settings, limit: float, kafka: KafkaLogFilter | None, patience: float
) -> int:
    stop = asyncio.Event()

    def end() -> None:
        if not stop.is_set():
            stop.set()
            # A thread, as the loop itself may be what hangs.
            cut = threading.Timer(limit, os._exit, (FAILED,))
            cut.daemon = True
            cut.start()

    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, end)
    running = asyncio.create_task(part(settings, stop))
    if kafka is None:
        return await running
    lost = asyncio.create_task(until_lost(kafka, lambda: _question(settings), patience))
    await asyncio.wait({running, lost}, return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        lost.cancel()
        return running.result()
    log.error("Kafka has not answered for %.0f s (kafka.outage_seconds): ending, nothing is lost", patience, extra=ENDS)
    end()
    await asyncio.wait({running})
    if not running.cancelled() and (failure := running.exception()) is not None:
        raise failure
    return FAILED


async def _question(settings: Settings) -> None:
    """Ask Kafka anything; its answer and its silence are in the log."""
    # Here, as parts without Kafka come without its client.
    from aiokafka.errors import KafkaError

    from deploy.log.client_options import kafka_clients

    with contextlib.suppress(KafkaError, OSError, TimeoutError):
        async with kafka_clients(settings.kafka).administering():
            pass


def _taken(error: Exception) -> PortTakenError | None:
    """The port that was taken, from an error or from the group that a part's tasks made of it."""
    if isinstance(error, ExceptionGroup):
        return next((found for each in error.exceptions if (found := _taken(each)) is not None), None)
    return error if isinstance(error, PortTakenError) else None
