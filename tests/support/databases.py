"""Both databases of a test: SQLite and chDB in its own folder, and blocks to fill them with."""

import contextlib
from collections.abc import AsyncIterator, Iterable
from typing import Any

from deploy.settings import Settings
from deploy.wiring.storage import Databases, databases
from storage.analytics import AnalyticsSink
from storage.block import Block, Record
from storage.relational import RelationalSink
from stream.scored import ScoredSession, encode, offset_of

#: Any log: 22 characters, as brokers name them.
LOG = "log-of-tests-123456789"


def record(update: ScoredSession, partition: int = 0) -> Record:
    """The record of `scored-sessions` that says this."""
    key = f"{update.site}/{update.session_id}".encode()
    return Record("scored", partition, offset_of(update.version), 0, key, encode(update), update)


def block(updates: Iterable[ScoredSession], log: str = LOG, **given: Any) -> Block:
    """A block of these updates."""
    return Block(log, tuple((record(update), update) for update in updates), **given)


@contextlib.asynccontextmanager
async def filled(settings: Settings, updates: Iterable[ScoredSession]) -> AsyncIterator[Databases]:
    """Both databases as the settings say, holding these updates."""
    async with databases(settings) as opened:
        written = block(updates)
        RelationalSink(opened.engine).write(written)
        AnalyticsSink(opened.client).write(written)
        yield opened
