"""Databases of an earlier version with data in them, as tests load them: statements, one a line, in a folder of files.

`python tests/support/dumps.py FOLDER MARIADB_URL`, run with the code of that version (PYTHONPATH=its checkout), makes
them of what its live workers and its writer would have stored of a few visits.
"""

import sqlite3
import sys
import tempfile
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

#: Of 28 November 2026, the version before sessions had signals: main at 009ddd3.
BEFORE_SIGNALS = Path(__file__).parents[1] / "storage" / "database" / "dumps" / "before_signals"
MARIADB, SQLITE, CLICKHOUSE = "mariadb.sql", "sqlite.sql", "clickhouse.sql"
RELATIONAL = {"mariadb": MARIADB, "sqlite": SQLITE}


def load_relational(engine: Engine, folder: Path) -> None:
    """Run the dump in an empty database."""
    name = RELATIONAL["sqlite" if engine.dialect.name == "sqlite" else "mariadb"]
    with engine.begin() as connection:
        for statement in (folder / name).read_text().splitlines():
            connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def load_clickhouse(client: Any, folder: Path) -> None:
    """Run the dump in an empty database; views come last, so that they see nothing of what is loaded."""
    for statement in (folder / CLICKHOUSE).read_text().splitlines():
        client.command(statement)


def main(folder: Path, mariadb_url: str) -> None:
    from tests.support.sinks import clickhouse, sql

    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as kept, clickhouse(Path(kept) / "chdb") as client:
        file = Path(kept) / "db"
        for url in (f"sqlite:///{file}", mariadb_url):
            with sql(url) as engine:
                for table in ("events", "scored_sessions", "dead_letters", "page_tally_source", "page_tally_changes"):
                    client.command(f"TRUNCATE TABLE {table}")
                _store_visits(engine, client)
                if engine.dialect.name != "sqlite":
                    _write(folder / MARIADB, _of_mariadb(engine))
        with sqlite3.connect(file) as connection:
            lines = [line for line in connection.iterdump() if line not in ("BEGIN TRANSACTION;", "COMMIT;")]
            _write(folder / SQLITE, [" ".join(line.split("\n")).rstrip(";") for line in lines])
        _write(folder / CLICKHOUSE, _of_clickhouse(client))


def _store_visits(engine: Engine, client: Any) -> None:
    """A few visits: views, pings, an add to cart as the report tells it, orders, one of them in two sessions."""
    from ingest.events import Custom, Page, Ping, Purchase, Tick
    from tests.support.events import NOON, event
    from tests.support.replays import Shop, placed

    minute = 60_000
    told: list[Any] = []
    for number, visitor in enumerate(("ann", "bob", "cas", "ann")):
        at, about = NOON + number * 50 * minute, {"session_id": f"s-{visitor}", "visitor_id": visitor}
        first = number * 10
        told += [
            event(first, at, **about, page=Page("/", "Informational")),
            event(first + 1, at + minute, **about),
            event(first + 2, at + minute + 9_000, **about, type="page_ping", ping=Ping(9_000, 0.5)),
        ]
        if number:
            custom = Custom("click", "button", label="add_to_cart")
            told.append(event(first + 3, at + 2 * minute, **about, type="custom", custom=custom))
        if number > 1:
            order = Purchase(25.5, "order-1", "EUR", verified=True)
            told.append(event(first + 4, at + 3 * minute, **about, type="purchase", purchase=order))
    Shop(engine, client, placed([*told, Tick("live", told[-1].received_at + 60 * minute)])).live()


def _of_mariadb(engine: Engine) -> list[str]:
    made = []
    with engine.connect() as connection:
        cursor = connection.connection.cursor()
        for (table,) in connection.execute(text("SHOW TABLES")).fetchall():
            made.append(" ".join(connection.execute(text(f"SHOW CREATE TABLE {table}")).one()[1].split("\n")))
            for row in connection.execute(text(f"SELECT * FROM {table}")).fetchall():  # noqa: S608  our names
                values = cursor.mogrify(f"({', '.join(['%s'] * len(row))})", tuple(row))
                made.append(f"INSERT INTO {table} VALUES {values}")  # noqa: S608  our names
    return made


def _of_clickhouse(client: Any) -> list[str]:
    query = (
        "SELECT name, engine FROM system.tables WHERE database = currentDatabase() ORDER BY engine LIKE '%View', name"
    )
    made = []
    for table, engine in client.query(query).result_rows:
        made.append(
            " ".join(client.command(f"SHOW CREATE TABLE {table}").replace("\\n", "\n").replace("\\'", "'").split("\n"))
        )
        if "View" not in engine:
            rows = client.raw_query(f"SELECT * FROM {table} FORMAT Values").decode()  # noqa: S608  our names
            if rows:
                made.append(f"INSERT INTO {table} VALUES {rows}")  # noqa: S608  our names
    return made


def _write(file: Path, statements: list[str]) -> None:
    assert all("\n" not in statement for statement in statements), file
    file.write_text("".join(f"{statement}\n" for statement in statements))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
