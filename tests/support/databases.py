"""Both databases of a test: SQLite and chDB in its own folder, filled with updates."""

import contextlib
from collections.abc import AsyncIterator, Iterable

from deploy.settings.model import Settings
from deploy.wiring.relational import make_data_folder
from deploy.wiring.storage import DatabaseHandles, databases
from storage.write.clickhouse_sink import AnalyticsSink
from storage.write.relational_sink import RelationalSink
from stream.scored import ScoredSession
from tests.support.migrated import copy_chdb
from tests.support.sinks import block


@contextlib.asynccontextmanager
async def filled(settings: Settings, updates: Iterable[ScoredSession]) -> AsyncIterator[DatabaseHandles]:
    """Both databases as the settings say, holding these updates."""
    make_data_folder(settings)
    copy_chdb(settings.data_dir / "chdb")
    async with databases(settings) as opened:
        written = block(*updates)
        RelationalSink(opened.engine).write(written)
        AnalyticsSink(opened.client).write(written)
        yield opened
