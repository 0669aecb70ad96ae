"""Opens both databases as the settings say, checks that their schema fits, and migrates them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from clickhouse_connect.driver.exceptions import Error as ClickHouseError
from sqlalchemy import Engine, exc

from deploy.errors import AwayError, SetupError
from deploy.settings.model import Settings
from storage.database import migrate
from storage.database.engine import engine_of
from storage.write.clickhouse_sink import embedded_client, server_client

#: MariaDB's errors for a user, a password or a database that it does not know: waiting mends none of them.
WRONG_CREDENTIALS = {1044, 1045, 1049, 1698}


class DatabaseHandles(NamedTuple):
    """The relational engine and one ClickHouse client, which serves threads (chDB's one after the other)."""

    engine: Engine
    client: Any


def relational_setting(settings: Settings) -> str:
    """The setting that says where the relational database is: what to look at when it is away."""
    return "storage.url" if settings.storage.url.get_secret_value() else f"data_dir ({settings.data_dir})"


def analytics_setting(settings: Settings) -> str:
    """The setting that says where ClickHouse is; chDB is in the data folder."""
    return "storage.clickhouse_host" if settings.storage.clickhouse_host else f"data_dir ({settings.data_dir})"


def own_folder(settings: Settings) -> Path | None:
    """The data folder, where a database of this process is in it."""
    servers = settings.storage.url.get_secret_value() and settings.storage.clickhouse_host
    return None if servers else settings.data_dir


def relational(settings: Settings) -> Engine:
    """MariaDB by storage.url, else SQLite in the data folder."""
    url = settings.storage.url.get_secret_value()
    if url:
        try:
            return engine_of(url)
        except (exc.ArgumentError, ImportError) as error:
            # Never the URL itself: it holds the password.
            raise SetupError(
                "storage.url is no SQLAlchemy URL that this installation can use: "
                f"mariadb+pymysql://user:...@host/name ({type(error).__name__})"
            ) from None
    if settings.profile != "embedded":
        raise SetupError(
            "storage.url is empty: set the SQLAlchemy URL of MariaDB, mariadb+pymysql://user:...@host/name"
        )
    _data_folder(settings)
    return engine_of(f"sqlite:///{settings.data_dir / 'opecom.sqlite'}")


def relational_of_this_program(settings: Settings) -> Engine:
    """The relational database alone, for a command: in the embedded profile brought up to this program's schema, which
    may be while the system runs, else checked. Raises SetupError."""
    engine = relational(settings)
    kind, run = migrate.relational_kind(engine), migrate.relational_run(engine)
    try:
        with explained():
            engine.connect().close()
            (migrate.migrate if settings.profile == "embedded" else migrate.check)(kind, run)
    except migrate.SchemaError as error:
        engine.dispose()
        raise SetupError(str(error)) from error
    except SetupError:
        engine.dispose()
        raise
    return engine


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
        _data_folder(settings)
        return embedded_client(str(settings.data_dir / "chdb"), storage.clickhouse_database)
    except ImportError as error:
        raise SetupError("chDB is not installed: install op-ecom[embedded] or set storage.clickhouse_host") from error
    except (ClickHouseError, OSError) as error:
        where = f"storage.clickhouse_host {storage.clickhouse_host}:{storage.clickhouse_port}"
        where = where if storage.clickhouse_host else f"data_dir {settings.data_dir} (one process at a time holds it)"
        wrong = "AUTHENTICATION_FAILED" in str(error) or "UNKNOWN_DATABASE" in str(error)
        kind = SetupError if wrong else AwayError
        raise kind(f"ClickHouse does not open ({_line(_plainest(error))}): see {where}") from error


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


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """A relational database that does not open as one line; a wrong password is no reason to try again."""
    try:
        yield
    except exc.SQLAlchemyError as error:
        original = getattr(error, "orig", None)
        code = original.args[0] if original is not None and original.args else None
        kind = SetupError if code in WRONG_CREDENTIALS else AwayError
        raise kind(
            f"the relational database does not open ({_line(original or error)}): see storage.url, data_dir"
        ) from error


def _data_folder(settings: Settings) -> None:
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(f"data_dir {settings.data_dir} cannot be made ({error.strerror})") from error


def _plainest(error: BaseException) -> BaseException:
    """Where nobody answered, the system's own error; the driver tells a long story around it."""
    first = error
    while (earlier := first.__cause__ or first.__context__) is not None:
        first = earlier
    return first if isinstance(first, OSError) else error


def _line(error: BaseException) -> str:
    return str(error).partition("\n")[0][:300]
