"""Brings a database to the newest schema: numbered SQL files, each safe to repeat, and a table of what ran.

Knows the files of storage/migrations and one way to run a statement; both databases share it.
"""

import importlib.resources
import re
import time
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import Engine, text

from storage.errors import StorageError

Run = Callable[[str], Sequence[Sequence[Any]]]


class SchemaError(StorageError):
    """The database's schema is not the one this program was built for; the message says what to do."""


class Step(Struct, frozen=True):
    version: int
    name: str
    statements: tuple[str, ...]


def steps(kind: str) -> list[Step]:
    """The steps of "mariadb", "sqlite" or "clickhouse", in order."""
    folder = importlib.resources.files("storage") / "migrations" / kind
    found = []
    for file in folder.iterdir():
        match = re.fullmatch(r"(\d{4})_(\w+)\.sql", file.name)
        if match:
            found.append(Step(int(match[1]), match[2], _statements(file.read_text())))
    return sorted(found, key=lambda step: step.version)


def migrate(kind: str, run: Run) -> list[Step]:
    """Run the steps that the database lacks and return them."""
    _create_table(kind, run)
    known = _version(run)
    pending = [step for step in steps(kind) if step.version > known]
    for step in pending:
        for statement in step.statements:
            if not (kind == "sqlite" and _has_column(statement, run)):
                run(statement)
        run(
            "INSERT INTO schema_version (version, name, applied_at) "  # noqa: S608  our own numbers and file names
            f"VALUES ({step.version}, '{step.name}', {int(time.time() * 1000)})"
        )
    return pending


def check(kind: str, run: Run) -> None:
    """Raise SchemaError when the database is older or newer than this program."""
    try:
        known = _version(run)
    except Exception:  # no table yet; whatever else is wrong shows when the command runs
        known = 0
    wanted = steps(kind)[-1].version
    if known < wanted:
        raise SchemaError(f"the {kind} schema is at {known}, this program needs {wanted}: run `opecom migrate`")
    if known > wanted:
        raise SchemaError(f"the {kind} schema is at {known}, this program knows {wanted}: install a newer op-ecom")


def relational_kind(engine: Engine) -> str:
    """Which folder of steps belongs to this engine."""
    return "sqlite" if engine.dialect.name == "sqlite" else "mariadb"


def relational_run(engine: Engine) -> Run:
    def run(statement: str) -> Sequence[Sequence[Any]]:
        with engine.begin() as connection:
            result = connection.execute(text(statement.replace(":", r"\:")))
            return result.fetchall() if result.returns_rows else ()

    return run


def clickhouse_run(client: Any) -> Run:
    """`client` is a clickhouse_connect client of the database to migrate."""

    def run(statement: str) -> Sequence[Sequence[Any]]:
        if statement.lstrip().upper().startswith("SELECT"):
            rows: Sequence[Sequence[Any]] = client.query(statement).result_rows
            return rows
        client.command(statement)
        return ()

    return run


def _has_column(statement: str, run: Run) -> bool:
    """Whether SQLite already has the column that the statement adds: it has no ADD COLUMN IF NOT EXISTS."""
    match = re.match(r"ALTER TABLE (\w+) ADD COLUMN (\w+)", statement)
    if match is None:
        return False
    query = f"SELECT count(*) FROM pragma_table_info('{match[1]}') WHERE name = '{match[2]}'"  # noqa: S608  our names
    return bool(run(query)[0][0])


def _create_table(kind: str, run: Run) -> None:
    columns = {
        "clickhouse": "version UInt32, name String, applied_at UInt64) ENGINE = ReplacingMergeTree ORDER BY version",
        "mariadb": "version INTEGER NOT NULL, name VARCHAR(64) NOT NULL, applied_at BIGINT NOT NULL)",
        "sqlite": "version INTEGER NOT NULL, name VARCHAR(64) NOT NULL, applied_at BIGINT NOT NULL)",
    }
    run(f"CREATE TABLE IF NOT EXISTS schema_version ({columns[kind]}")


def _version(run: Run) -> int:
    return int(run("SELECT max(version) FROM schema_version")[0][0] or 0)


def _statements(script: str) -> tuple[str, ...]:
    lines = [line for line in script.splitlines() if not line.lstrip().startswith("--")]
    return tuple(part.strip() for part in "\n".join(lines).split(";\n") if part.strip(" \n;"))
