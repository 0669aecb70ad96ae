"""What the writer keeps in MariaDB or SQLite, from sessions to log positions: one guarded upsert per table and block.

A row is replaced by one of the same or a greater version, or of another log, and by nothing else. MariaDB assigns
from left to right, so the columns that the guard reads, version and log, come last.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, DateTime, Double, Engine, String, Table, exc
from sqlalchemy.types import TypeEngine

from storage.database.errors import DatabaseUnavailableError, RowsRefusedError
from storage.database.rows import Row, order_rows, refund_rows, session_row, view_row
from storage.database.tables import log_positions, orders, page_views, refunds, sessions
from storage.interventions.reports import report_rows
from storage.interventions.tables import intervention_reports
from storage.write.block import Block, newest, newest_views

#: Largest text of one statement; MariaDB's max_allowed_packet is 16 MB unless set otherwise.
MAX_STATEMENT = 2 * 1024 * 1024
#: MariaDB's own errors for a value that no column takes: null, out of range, wrong, cut, too long, no number.
REFUSED_CODES = {1048, 1264, 1265, 1292, 1366, 1367, 1406, 4025}


class RelationalSink:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        upsert = _sqlite_upsert if engine.dialect.name == "sqlite" else _mariadb_upsert
        self._upserts: list[Callable[[Connection, Sequence[Row]], None]] = [
            upsert(sessions, ("log", "version")),
            upsert(page_views, ("log", "version")),
            upsert(orders, ("log", "version")),
            upsert(refunds, ("log", "version")),
            upsert(intervention_reports, ("log", "version")),
            upsert(log_positions, ("next_offset",)),
        ]

    def write(self, block: Block) -> None:
        updates = [update for _, update in block.scored]
        sessions_of_block = newest(updates).values()
        rows = (
            [session_row(block.log, update) for update in sessions_of_block],
            [
                view_row(block.log, identity, version, view)
                for (identity, _), (version, view) in newest_views(updates).items()
            ],
            [row for update in sessions_of_block if update.orders for row in order_rows(block.log, update)],
            [row for update in sessions_of_block if update.refunds for row in refund_rows(block.log, update)],
            report_rows(block.log, block.events),
            [(block.log, p.role, p.partition, p.next, p.timestamp) for p in block.positions],
        )
        try:
            with self._engine.begin() as connection:
                for upsert, table_rows in zip(self._upserts, rows, strict=True):
                    if table_rows:
                        upsert(connection, table_rows)
        except exc.DBAPIError as error:
            raise _translate_error(error) from error
        except OverflowError as error:
            raise RowsRefusedError(str(error)) from error


def close_orphans(engine: Engine, log: str) -> int:
    """Close the sessions that another log left open, as they stand; returns how many.

    For the embedded profile, whose log ends with its broker: nothing will ever close them.
    """
    statement = (
        sessions.update()
        .where(sessions.c.log != log, sessions.c.status.in_(("open", "ended")))
        .values(status="closed", ended_at=sessions.c.last_event_at)
    )
    with engine.begin() as connection:
        return connection.execute(statement).rowcount


def _sqlite_upsert(table: Table, guard: tuple[str, ...]) -> Callable[[Connection, Sequence[Row]], None]:
    names = [column.name for column in table.columns]
    keys = [column.name for column in table.primary_key.columns]
    newer = {
        "version": f"excluded.version >= {table.name}.version",
        "log": f"excluded.log <> {table.name}.log",
        "next_offset": f"excluded.next_offset >= {table.name}.next_offset",
    }
    statement = (
        f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))}) "  # noqa: S608  our names
        f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET "
        + ", ".join(f"{name} = excluded.{name}" for name in names if name not in keys)
        + " WHERE "
        + " OR ".join(newer[name] for name in guard)
    )

    def upsert(connection: Connection, rows: Sequence[Row]) -> None:
        connection.exec_driver_sql(statement, list(rows))

    return upsert


def _mariadb_upsert(table: Table, guard: tuple[str, ...]) -> Callable[[Connection, Sequence[Row]], None]:
    names = [column.name for column in table.columns]
    keys = [column.name for column in table.primary_key.columns]
    newer = {
        "version": "VALUE(version) >= version",
        "log": "VALUE(log) <> log",
        "next_offset": "VALUE(next_offset) >= next_offset",
    }
    condition = " OR ".join(newer[name] for name in guard)
    # The log goes last: once the version is the new one, the guard holds by it alone.
    last = [name for name in ("next_offset", "version", "log") if name in guard]
    moving = [name for name in names if name not in keys and name not in last] + last
    literals = literals_of(table)
    head = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES "  # noqa: S608  our own names
    tail = " ON DUPLICATE KEY UPDATE " + ", ".join(
        f"{name} = IF({condition}, VALUE({name}), {name})" for name in moving
    )

    def upsert(connection: Connection, rows: Sequence[Row]) -> None:
        for values in _chunks(map(literals, rows)):
            connection.exec_driver_sql(head + values + tail, execution_options={"no_parameters": True})

    return upsert


def _chunks(tuples: Iterable[str]) -> Iterator[str]:
    part: list[str] = []
    size = 0
    for one in tuples:
        if part and size + len(one) > MAX_STATEMENT:
            yield ",".join(part)
            part, size = [], 0
        part.append(one)
        size += len(one)
    if part:
        yield ",".join(part)


def literals_of(table: Table) -> Callable[[Row], str]:
    """Turns a row of this table into SQL literals: numbers by the template, every text escaped first.

    PyMySQL's own escaping takes 55 µs for the texts of a row of `sessions`, as it changes the quotes of the reasons one
    by one; this takes 4. A whole update may take 66.
    """
    cells: list[str] = []
    texts: list[int] = []
    nullable: list[tuple[int, str, bool]] = []
    for place, column in enumerate(table.columns):
        cell, is_text = _cell(column.type), isinstance(column.type, String)
        if column.nullable:
            nullable.append((place, cell, is_text))
        elif is_text:
            texts.append(place)
        cells.append("%s" if column.nullable else cell)
    template = f"({','.join(cells)})"

    def literals(row: Row) -> str:
        values = list(row)
        for place in texts:
            text = values[place]
            if "'" in text or "\\" in text:
                values[place] = _escaped(text)
        for place, cell, is_text in nullable:
            value = values[place]
            values[place] = "NULL" if value is None else cell % (_escaped(value) if is_text else value)
        return template % tuple(values)

    return literals


def _cell(of: TypeEngine[Any]) -> str:
    """How a column of this type is written in a statement; moments are text already (rows.py)."""
    if isinstance(of, DateTime | String):
        return "'%s'"
    return "%r" if isinstance(of, Double) else "%d"


def _escaped(text: str) -> str:
    # The two characters that end or bend a literal in the sql_mode and the charset that engine_of sets.
    return text.replace("\\", "\\\\").replace("'", "\\'")


def _translate_error(error: exc.DBAPIError) -> RowsRefusedError | DatabaseUnavailableError:
    original = error.orig
    text = f"{type(original).__name__}: {original}"
    code = original.args[0] if original is not None and original.args else None
    refused = isinstance(error, exc.DataError | exc.IntegrityError) or code in REFUSED_CODES
    return RowsRefusedError(text) if refused else DatabaseUnavailableError(text)
