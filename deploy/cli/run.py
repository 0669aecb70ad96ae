"""`opecom run PART`: one part of the system in this process, until SIGTERM or Ctrl-C."""

import asyncio
import importlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable
from typing import Annotated, Literal

import typer

from deploy.cli.failures import naming_the_setting
from deploy.errors import PortTakenError
from deploy.processes.private_files import make_private
from deploy.settings.model import Settings, load
from deploy.terminal.plain import printable
from stream.kafka.client_log import KafkaLogFilter

#: Seconds after the signal in which a part must have ended by itself.
LIMIT = 20
#: The exit code of a failure of Kafka, of the model or of a database, and of a part that had to be cut off.
FAILED = 70

RunPart = Callable[[Settings, asyncio.Event], Awaitable[int]]
Part = Literal["ingest", "worker", "writer", "api", "store", "predict", "webhooks", "shop"]

_WHERE: dict[Part, tuple[str, str]] = {
    "ingest": ("deploy.wiring.ingest", "run"),
    "worker": ("deploy.wiring.worker", "run"),
    "writer": ("deploy.wiring.writer", "run"),
    "api": ("deploy.wiring.api", "run"),
    "store": ("deploy.wiring.store", "run"),
    "predict": ("deploy.wiring.predict", "run"),
    "webhooks": ("deploy.wiring.webhooks", "run"),
    "shop": ("deploy.wiring.shop", "run"),
}


def run(
    part: Annotated[
        Part,
        typer.Argument(
            help="store is writer and api in one process, for the embedded profile; predict is api without sessions; "
            "shop is the demonstration shop."
        ),
    ],
) -> None:
    """Runs one part of the system until SIGTERM or Ctrl-C."""
    settings = load()
    log_to_stderr()
    if settings.data_dir.is_dir():
        make_private(settings.data_dir)
    module, function = _WHERE[part]
    sys.exit(run_part(getattr(importlib.import_module(module), function), settings))


def run_part(part: RunPart, settings: Settings, limit: float = LIMIT) -> int:
    """The part's exit code; after a signal it has `limit` seconds before the process ends with code 70."""
    try:
        return asyncio.run(_until_told(part, settings, limit))
    except (PortTakenError, ExceptionGroup) as error:
        taken = _taken(error)
        if taken is None:
            raise
        raise naming_the_setting(taken, settings) from error


def log_to_stderr() -> None:
    """Our log lines from INFO, those of libraries from WARNING."""
    logging.basicConfig(level=logging.WARNING)
    for package in ("ingest", "scoring", "stream", "storage", "deploy"):
        logging.getLogger(package).setLevel(logging.INFO)
    quiet = KafkaLogFilter()
    for handler in logging.getLogger().handlers:
        handler.addFilter(quiet)
        handler.setFormatter(PrintableFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))


class PrintableFormatter(logging.Formatter):
    """Log lines for a terminal: what they quote of strangers does not steer it."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


async def _until_told(part: RunPart, settings: Settings, limit: float) -> int:
    stop = asyncio.Event()

    def told() -> None:
        if not stop.is_set():
            stop.set()
            # A thread, as the loop itself may be what hangs.
            cut = threading.Timer(limit, os._exit, (FAILED,))
            cut.daemon = True
            cut.start()

    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, told)
    return await part(settings, stop)


def _taken(error: Exception) -> PortTakenError | None:
    """The port that was taken, from an error or from the group that a part's tasks made of it."""
    if isinstance(error, ExceptionGroup):
        return next((found for each in error.exceptions if (found := _taken(each)) is not None), None)
    return error if isinstance(error, PortTakenError) else None
