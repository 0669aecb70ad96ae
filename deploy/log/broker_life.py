"""The lives of an embedded broker, for commands beside `opecom up`: nothing that they do there spans two of them.

A broker in memory is replaced where it holds too much, and after it died (deploy/local/launch.py). What was written to
the one before may be in no later one, and a new one must not be touched before it is filled.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import monotonic
from typing import TypeVar

from aiokafka.errors import KafkaError

from deploy.errors import AwayError
from deploy.processes.data_folder import running
from deploy.settings.model import KafkaSettings
from deploy.terminal.plain import print_line
from stream.kafka.source import SourceError

#: The file of the log folder with the name of this life of the broker; missing while nothing may be appended.
GENERATION = "generation"
#: Seconds in which a broker must take over from another, or come up for the first time.
PATIENCE = 180.0
#: Seconds between two looks, and two attempts.
LOOK = 0.25
#: Seconds after which a wait is announced.
SILENT_SECONDS = 2.0
#: How it shows that a broker is gone.
GONE = (KafkaError, OSError, TimeoutError, AwayError, SourceError)

T = TypeVar("T")


def generation(folder: Path) -> str:
    """The name of this life of the broker; "" while nothing may be appended."""
    with contextlib.suppress(OSError):
        return (folder / GENERATION).read_text()
    return ""


async def in_one_life(kafka: KafkaSettings, work: Callable[[], Awaitable[T]], patience: float = PATIENCE) -> T:
    """What `work` gives that began and ended in one life of an embedded broker.

    Where the broker was replaced meanwhile it is done again, for `patience` seconds at most, so it must be harmless
    when repeated. Where the broker is durable, and in the parts of the system, which begin and end with their broker,
    it is done once. Raises what `work` raises, and AwayError where no broker is ready in time.
    """
    if not kafka.is_beside or kafka.log_folder is None:
        return await work()
    folder, until = kafka.log_folder, monotonic() + patience
    while True:
        life = await _ready(kafka, folder, until)
        try:
            found = await work()
        except GONE:
            # Whoever runs it notes a moment later that a broker is gone.
            if monotonic() > until or running(folder.parent) is None:
                raise
            await asyncio.sleep(LOOK)
            continue
        except Exception:
            if generation(folder) == life or monotonic() > until:
                raise
            continue
        if generation(folder) == life:
            return found


async def _ready(kafka: KafkaSettings, folder: Path, until: float) -> str:
    """The name of the life of a broker that is filled."""
    notice_at: float | None = monotonic() + SILENT_SECONDS
    while not (life := generation(folder)):
        if running(folder.parent) is None:
            raise AwayError(f"the broker at {kafka.bootstrap} (kafka.bootstrap) is gone: start it with `opecom up`")
        if monotonic() > until:
            raise AwayError(
                f"no broker at {kafka.bootstrap} (kafka.bootstrap) takes records for {PATIENCE:g} s: see what "
                "`opecom up` says"
            )
        if notice_at is not None and monotonic() > notice_at:
            notice_at = None
            print_line(f"the broker at {kafka.bootstrap} is filled: waiting, {PATIENCE:g} s at most", error=True)
        await asyncio.sleep(LOOK)
    return life
