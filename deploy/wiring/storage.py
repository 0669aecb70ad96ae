"""Opens both databases as the settings say, checks that their schema fits, and migrates them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

from clickhouse_connect.driver.exceptions import Error as ClickHouseError
from sqlalchemy import Engine, exc

from deploy.errors import AwayError, SetupError
from deploy.settings.model import Settings
from deploy.wiring.database_settings import analytics_setting, relational_setting
from deploy.wiring.relational import explained, make_data_folder, relational
from storage.database import migrate
from storage.database.errors import line_of
from storage.write.clickhouse_sink import embedded_client, server_client


class DatabaseHandles(NamedTuple):
    """The relational engine and one ClickHouse client, which serves threads (chDB's one after the other)."""

    engine: Engine
    client: Any


def database_errors(settings: Settings) -> dict[type[Exception], str]:
    """The errors of each database's client, with the setting to look at."""
    return {exc.SQLAlchemyError: relational_setting(settings), ClickHouseError: analytics_setting(settings)}


def analytics(settings: Settings, make: bool = False) -> Any:
    """A new ClickHouse client: of the server at storage.clickhouse_host, else of chDB in the data folder.

    `make` creates a server's database where it is missing; that of chDB is created anyway.
    """
    storage = settings.storage
    try:
        if storage.clickhouse_host:
            return server_client(
                storage.clickhouse_host,
                storage.clickhouse_port,
                user=storage.clickhouse_user,
                password=storage.clickhouse_password.get_secret_value(),
                database=storage.clickhouse_database,
                make=make,
            )
        make_data_folder(settings)
        return embedded_client(str(settings.data_dir / "chdb"), storage.clickhouse_database)
    except ImportError as error:
        raise SetupError("chDB is not installed: install op-ecom[embedded] or set storage.clickhouse_host") from error
    except (ClickHouseError, OSError) as error:
        where = f"storage.clickhouse_host {storage.clickhouse_host}:{storage.clickhouse_port}"
        where = where if storage.clickhouse_host else f"data_dir {settings.data_dir} (one process at a time holds it)"
        wrong = "AUTHENTICATION_FAILED" in str(error) or "UNKNOWN_DATABASE" in str(error)
        kind = SetupError if wrong else AwayError
        raise kind(f"ClickHouse does not open ({line_of(_plainest(error))}): see {where}") from error


@contextlib.asynccontextmanager
async def databases(settings: Settings) -> AsyncIterator[DatabaseHandles]:
    """Both databases, with the schema of this program: in the embedded profile they are ours alone and brought up to
    it, else checked. Raises SetupError where they do not open, SchemaError where the schema is another."""
    engine = relational(settings)
    try:
        with contextlib.closing(await asyncio.to_thread(analytics, settings)) as client:
            opened = DatabaseHandles(engine, client)
            await asyncio.to_thread(_fit, opened, settings.profile == "embedded")
            yield opened
    finally:
        engine.dispose()


def migrate_all(settings: Settings) -> list[str]:
    """Bring both databases to the newest schema; returns the steps that ran, by database. Raises SetupError."""
    done = []
    engine = relational(settings)
    kind = migrate.relational_kind(engine)
    try:
        with explained():
            steps = migrate.migrate(kind, migrate.relational_run(engine))
            done += [f"{kind} {step.version} {step.name}" for step in steps]
    finally:
        engine.dispose()
    with contextlib.closing(analytics(settings, make=True)) as client:
        run = migrate.clickhouse_run(client)
        done += [f"clickhouse {step.version} {step.name}" for step in migrate.migrate("clickhouse", run)]
    return done


def _fit(opened: DatabaseHandles, ours: bool) -> None:
    fits = migrate.migrate if ours else migrate.check
    kind = migrate.relational_kind(opened.engine)
    with explained():
        # First of all: to the check, a database that is away looks like an empty one.
        opened.engine.connect().close()
        fits(kind, migrate.relational_run(opened.engine))
    fits("clickhouse", migrate.clickhouse_run(opened.client))


def _plainest(error: BaseException) -> BaseException:
    """Where nobody answered, the system's own error; the driver tells a long story around it."""
    first = error
    while (earlier := first.__cause__ or first.__context__) is not None:
        first = earlier
    return first if isinstance(first, OSError) else error
