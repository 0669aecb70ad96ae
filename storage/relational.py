"""Sessions, page views and log positions in MariaDB or SQLite: one guarded upsert per table and block.

A row is replaced by one of the same or a greater version, or of another log, and by nothing else. MariaDB assigns
from left to right, so the columns that the guard reads, version and log, come last.
"""

import contextlib
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, DateTime, Double, Engine, String, Table, create_engine, event, exc

from scoring.features import Features
from storage.block import Block, Identity, newest, newest_views
from storage.sink import RefusedError, UnavailableError
from storage.tables import log_positions, page_views, sessions
from stream.scored import ScoredSession, View, stored_reasons

#: Largest text of one statement; MariaDB's max_allowed_packet is 16 MB unless set otherwise.
MAX_STATEMENT = 2 * 1024 * 1024
#: MariaDB's own errors for a value that no column takes: null, out of range, wrong, cut, too long, no number.
REFUSED_CODES = {1048, 1264, 1265, 1292, 1366, 1367, 1406, 4025}

Row = tuple[Any, ...]

_EPOCH = datetime(1970, 1, 1)  # columns hold UTC without saying so


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


class RelationalSink:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        upsert = _sqlite_upsert if engine.dialect.name == "sqlite" else _mariadb_upsert
        self._upserts: list[Callable[[Connection, Sequence[Row]], None]] = [
            upsert(sessions, ("log", "version")),
            upsert(page_views, ("log", "version")),
            upsert(log_positions, ("next_offset",)),
        ]

    def write(self, block: Block) -> None:
        updates = [update for _, update in block.scored]
        rows = (
            [session_row(block.log, update) for update in newest(updates).values()],
            [
                view_row(block.log, identity, version, view)
                for (identity, _), (version, view) in newest_views(updates).items()
            ],
            [(block.log, p.role, p.partition, p.next, p.timestamp) for p in block.positions],
        )
        try:
            with self._engine.begin() as connection:
                for upsert, table_rows in zip(self._upserts, rows, strict=True):
                    if table_rows:
                        upsert(connection, table_rows)
        except exc.DBAPIError as error:
            raise _meaning(error) from error
        except OverflowError as error:
            raise RefusedError(str(error)) from error


@contextlib.contextmanager
def reached() -> Generator[None, None, None]:
    """A database that does not answer is an UnavailableError."""
    try:
        yield
    except (exc.SQLAlchemyError, OSError) as error:
        raise UnavailableError(str(getattr(error, "orig", None) or error).partition("\n")[0][:300]) from error


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


def session_row(log: str, update: ScoredSession) -> Row:
    """The columns of `sessions`, in their order."""
    f: Features = update.features
    counts = update.counts
    origin = update.origin
    last_event_at = _moment(update.last_event_at)
    return (
        update.site,
        update.session_id,
        update.opened_at,
        update.visitor_id,
        f.VisitorType,
        origin.browser,
        origin.operating_system,
        f.Region,
        f.TrafficType,
        f.Browser,
        f.OperatingSystems,
        origin.region,
        origin.traffic_type,
        f.Weekend,
        f.Month,
        f.SpecialDay,
        _moment(update.started_at),
        None if update.status == "open" else last_event_at,
        last_event_at,
        update.revenue,
        update.amount,
        update.unverified_purchases,
        f.Administrative,
        f.Administrative_Duration,
        f.Informational,
        f.Informational_Duration,
        f.ProductRelated,
        f.ProductRelated_Duration,
        f.BounceRates,
        f.ExitRates,
        f.PageValues,
        counts.events,
        counts.page_views,
        counts.pings,
        counts.customs,
        counts.purchases,
        update.probability,
        update.label,
        update.band,
        stored_reasons(update).decode(),
        update.status,
        update.model_version,
        update.pages_version,
        _moment(update.updated_at),
        update.version,
        log,
    )


def view_row(log: str, identity: Identity, version: int, view: View) -> Row:
    """The columns of `page_views`, in their order."""
    return (
        *identity,
        view.event_id,
        view.type,
        view.path,
        view.seconds,
        view.is_bounce,
        view.is_exit,
        view.page_value,
        _moment(view.viewed_at),
        version,
        log,
    )


def _moment(ms: int) -> str:
    """Milliseconds as both databases read them."""
    seconds, rest = divmod(ms, 1000)
    return f"{_second(seconds)}.{rest:03d}"


@lru_cache(maxsize=1 << 16)
def _second(seconds: int) -> str:
    # Sessions and views come again and again with the same times; formatting one takes 2 µs.
    return (_EPOCH + timedelta(seconds=seconds)).isoformat(" ")


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
    literals = _literals(table)
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


def _literals(table: Table) -> Callable[[Row], str]:
    """Turns a row of this table into SQL literals: numbers by the template, every text escaped first.

    PyMySQL's own escaping takes 55 µs for the texts of a row of `sessions`, as it changes the quotes of the reasons one
    by one; this takes 4. A whole update may take 66.
    """
    cells, texts, nullable = [], [], []
    for place, column in enumerate(table.columns):
        if column.nullable:
            nullable.append(place)
            cells.append("%s")
        elif isinstance(column.type, DateTime):
            cells.append("'%s'")  # written by _moment
        elif isinstance(column.type, String):
            texts.append(place)
            cells.append("'%s'")
        else:
            cells.append("%r" if isinstance(column.type, Double) else "%d")
    template = f"({','.join(cells)})"

    def literals(row: Row) -> str:
        values = list(row)
        for place in texts:
            text = values[place]
            if "'" in text or "\\" in text:
                values[place] = _escaped(text)
        for place in nullable:
            value = values[place]
            values[place] = "NULL" if value is None else f"'{_escaped(value)}'"
        return template % tuple(values)

    return literals


def _escaped(text: str) -> str:
    # The two characters that end or bend a literal in the sql_mode and the charset that engine_of sets.
    return text.replace("\\", "\\\\").replace("'", "\\'")


def _meaning(error: exc.DBAPIError) -> RefusedError | UnavailableError:
    original = error.orig
    text = f"{type(original).__name__}: {original}"
    code = original.args[0] if original is not None and original.args else None
    refused = isinstance(error, exc.DataError | exc.IntegrityError) or code in REFUSED_CODES
    return RefusedError(text) if refused else UnavailableError(text)


def _tune_sqlite(connection: Any, _: Any) -> None:
    # WAL lets queries read while the writer writes; NORMAL loses at most the last commits when the machine dies,
    # and those are read again from the log.
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL"):
        connection.execute(f"PRAGMA {pragma}").close()
