"""Migrations: each step may run again, and a schema that does not fit is refused with the command that fixes it."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from storage.database import migrate
from storage.database.engine import engine_of
from storage.write.clickhouse_sink import embedded_client

KINDS = ["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb), "clickhouse"]


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, migrate.Run]]:
    if request.param == "clickhouse":
        client = embedded_client(str(tmp_path / "chdb"), "opecom")
        yield "clickhouse", migrate.clickhouse_run(client)
        client.close()
        return
    url = f"sqlite:///{tmp_path / 'db'}" if request.param == "sqlite" else request.getfixturevalue("mariadb_url")
    engine = engine_of(url)
    yield request.param, migrate.relational_run(engine)
    engine.dispose()


def test_a_new_database_gets_every_step_once(database: tuple[str, migrate.Run]) -> None:
    kind, run = database
    assert migrate.migrate(kind, run) == migrate.steps(kind)
    assert migrate.migrate(kind, run) == []
    migrate.check(kind, run)


def test_a_step_cut_short_runs_again(database: tuple[str, migrate.Run]) -> None:
    kind, run = database
    done = 0

    def cut(statement: str) -> Sequence[Sequence[Any]]:
        nonlocal done
        done += 1
        if done > 3:
            raise ConnectionError("cut")
        return run(statement)

    with pytest.raises(ConnectionError):
        migrate.migrate(kind, cut)
    assert migrate.migrate(kind, run) == migrate.steps(kind)
    migrate.check(kind, run)


def test_an_empty_database_names_the_command(database: tuple[str, migrate.Run]) -> None:
    with pytest.raises(migrate.SchemaError, match="run `opecom migrate`"):
        migrate.check(*database)


def test_a_database_of_a_newer_program_is_refused(database: tuple[str, migrate.Run]) -> None:
    kind, run = database
    migrate.migrate(kind, run)
    run("INSERT INTO schema_version (version, name, applied_at) VALUES (9999, 'later', 0)")
    with pytest.raises(migrate.SchemaError, match="install a newer op-ecom"):
        migrate.check(kind, run)


@pytest.mark.parametrize("kind", ["sqlite", "mariadb", "clickhouse"])
def test_steps_are_numbered_without_a_gap(kind: str) -> None:
    assert [step.version for step in migrate.steps(kind)] == list(range(1, len(migrate.steps(kind)) + 1))
    assert all(step.statements for step in migrate.steps(kind))
