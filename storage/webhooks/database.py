"""One transaction for webhooks in MariaDB or SQLite, and what a failed one means."""

import contextlib
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Engine, Table, exc
from sqlalchemy.dialects.mysql import insert as mariadb_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from storage.database.errors import DatabaseUnavailableError, line_of


@contextlib.contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes; raises DatabaseUnavailableError where the database is away or busy."""
    try:
        with engine.begin() as connection:
            if engine.dialect.name == "sqlite":
                # Else it would begin by reading, and could not write once another process has written.
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection
    except (exc.OperationalError, exc.InterfaceError, exc.InternalError, exc.TimeoutError) as error:
        raise DatabaseUnavailableError(line_of(error)) from error


@contextlib.contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection that reads; raises DatabaseUnavailableError."""
    try:
        with engine.connect() as connection:
            yield connection
    except (exc.OperationalError, exc.InterfaceError, exc.InternalError, exc.TimeoutError) as error:
        raise DatabaseUnavailableError(line_of(error)) from error


def insert_new(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Insert these rows but those whose key is there already."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        connection.execute(sqlite_insert(table).on_conflict_do_nothing(), rows)
        return
    # Not INSERT IGNORE, which would cut what does not fit.
    key = next(iter(table.primary_key.columns))
    connection.execute(mariadb_insert(table).on_duplicate_key_update({key.name: key}), rows)


def replace(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Insert these rows in place of those with their keys."""
    if not rows:
        return
    names = [column.name for column in table.columns]
    if connection.dialect.name == "sqlite":
        statement: Any = sqlite_insert(table)
        statement = statement.on_conflict_do_update(
            index_elements=list(table.primary_key.columns), set_={name: statement.excluded[name] for name in names}
        )
    else:
        statement = mariadb_insert(table)
        statement = statement.on_duplicate_key_update({name: statement.inserted[name] for name in names})
    connection.execute(statement, rows)
