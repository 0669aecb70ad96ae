"""Runs writer and query API in one process with one ClickHouse client: only one process may hold a chDB folder."""

import asyncio
import contextlib

from deploy.settings.model import Settings
from deploy.wiring.access import access
from deploy.wiring.api import answer, bound
from deploy.wiring.console import console_listener
from deploy.wiring.folding import collect_rarely
from deploy.wiring.outcome import outcome
from deploy.wiring.storage import database_errors, databases
from deploy.wiring.writer import WriterStatus, write


async def run(settings: Settings, stop: asyncio.Event) -> int:
    """Write and serve until `stop`, or until either fails; 0 or 70. Raises SetupError and PortTakenError."""
    collect_rarely()
    permitted, listener, console = access(settings), bound(settings), console_listener(settings)
    standing = WriterStatus("writer", "api", folder=settings.data_dir)

    async def both() -> None:
        async with databases(settings) as opened:
            ending = asyncio.Event()
            parts = [
                asyncio.create_task(write(settings, opened, standing, ending)),
                asyncio.create_task(answer(settings, opened, permitted, listener, standing.registry, ending, console)),
            ]
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait((*parts, stopping), return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            ending.set()
            # Both end before the databases close; the first failure is the one to tell.
            ended = await asyncio.gather(*parts, return_exceptions=True)
            for failure in ended:
                if isinstance(failure, BaseException):
                    raise failure

    with listener, console or contextlib.nullcontext():
        async with standing.serving(settings):
            return await outcome(both(), database_errors(settings))
