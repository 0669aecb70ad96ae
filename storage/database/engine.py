"""Connections to MariaDB and SQLite."""

import contextlib
from collections.abc import Generator
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, exc, text

from storage.database.errors import DatabaseUnavailableError, line_of


def engine_of(url: str) -> Engine:
    """The engine for a SQLAlchemy URL of MariaDB (mariadb+pymysql://) or SQLite, with time-outs on every wait."""
    if url.startswith("sqlite"):
        engine = create_engine(url, connect_args={"timeout": 10})
        event.listen(engine, "connect", _tune_sqlite)
        return engine
    return create_engine(
        url,
        pool_pre_ping=True,
        pool_recycle=600,
        connect_args={
            "connect_timeout": 5,
            "read_timeout": 30,
            "write_timeout": 30,
            "charset": "utf8mb4",
            # Literals are escaped for this mode, and a value that does not fit must be an error.
            "init_command": "SET SESSION sql_mode='STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', time_zone='+00:00'",
        },
    )


@contextlib.contextmanager
def reached() -> Generator[None, None, None]:
    """A database that does not answer is an DatabaseUnavailableError."""
    try:
        yield
    except (exc.SQLAlchemyError, OSError) as error:
        raise DatabaseUnavailableError(line_of(error)) from error


@contextlib.contextmanager
def snapshot(engine: Engine) -> Generator[Connection, None, None]:
    """A connection whose queries all see one state of the database, whatever is written meanwhile."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            # Its driver begins a transaction before a write alone.
            connection.exec_driver_sql("BEGIN")
        else:
            connection.execution_options(isolation_level="REPEATABLE READ")
        yield connection


def truncate_log(engine: Engine) -> None:
    """Empty SQLite's log of changes, which has pages as they were; nothing to do for MariaDB.

    While a reader holds an older state SQLite leaves the log, and a later call empties it.
    """
    if engine.dialect.name == "sqlite":
        with reached(), engine.connect() as connection:
            connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))


def _tune_sqlite(connection: Any, _: Any) -> None:
    # WAL lets queries read while the writer writes; NORMAL loses at most the last commits when the machine dies,
    # and those are read again from the log. What is deleted is overwritten: a visitor who is erased is not on the disk.
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "secure_delete = ON"):
        connection.execute(f"PRAGMA {pragma}").close()
