"""Databases that do not open: one line that names the setting, and whether to try again."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from clickhouse_connect.driver.exceptions import Error as ClickHouseError
from pydantic import SecretStr

from deploy.cli.failures import lines
from deploy.errors import AwayError, SetupError
from deploy.settings.model import Settings, StorageSettings
from deploy.wiring.outcome import FAILED, outcome
from deploy.wiring.storage import database_errors, databases, migrate_all
from storage.database.migrate import SchemaError
from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]

ALCHEMY = sqlalchemy.exc.OperationalError("SELECT 1", {}, Exception("gone"))


async def opened(settings: Settings) -> None:
    async with databases(settings):
        pass


def refused(settings: Settings) -> tuple[str, type[Exception]]:
    """The one line and the kind of failure when these databases are opened; migrating them says the same."""
    with pytest.raises(SetupError) as opening:
        asyncio.run(opened(settings))
    with pytest.raises(SetupError) as migrating:
        migrate_all(settings)
    (line,) = lines(opening.value) or []
    assert lines(migrating.value) == [line]
    assert type(opening.value) is type(migrating.value)
    return line, type(opening.value)


def with_storage(folder: Path, profile: str = "embedded", **given: Any) -> Settings:
    return Settings(profile=profile, data_dir=folder, storage=StorageSettings(**given))


@pytest.mark.mariadb
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"password": "wrong-secret"}, "Access denied for user"),
        ({"database": "opecom_no_such"}, "opecom_no_such"),
    ],
    ids=["wrong-password", "no-such-database"],
)
def test_mariadb_refuses_the_credentials(change: dict[str, str], said: str, mariadb_url: str, tmp_path: Path) -> None:
    url = sqlalchemy.make_url(mariadb_url).set(**change).render_as_string(hide_password=False)
    line, kind = refused(with_storage(tmp_path, url=SecretStr(url)))
    assert kind is SetupError
    assert line.startswith("the relational database does not open (")
    assert line.endswith("see storage.url, data_dir")
    assert said in line
    assert "wrong-secret" not in line


def test_a_mariadb_that_is_away_may_come_back(tmp_path: Path) -> None:
    url = f"mysql+pymysql://someone:the-secret@127.0.0.1:{free_port()}/opecom"
    line, kind = refused(with_storage(tmp_path, url=SecretStr(url)))
    assert kind is AwayError
    assert "Can't connect to MySQL server" in line
    assert "see storage.url" in line
    assert "the-secret" not in line


@pytest.mark.parametrize("url", ["no url the-secret", "oracle9://u:the-secret@h/d"], ids=["no-url", "no-driver"])
def test_a_url_that_is_none_is_refused_without_its_secret(url: str, tmp_path: Path) -> None:
    line, kind = refused(with_storage(tmp_path, url=SecretStr(url)))
    assert kind is SetupError
    assert line.startswith("storage.url is no SQLAlchemy URL that this installation can use")
    assert "the-secret" not in line


def test_a_clickhouse_that_is_away_may_come_back(tmp_path: Path) -> None:
    port = free_port()
    line, kind = refused(with_storage(tmp_path, clickhouse_host="127.0.0.1", clickhouse_port=port))
    assert kind is AwayError
    assert line == (
        f"ClickHouse does not open ([Errno 111] Connection refused): see storage.clickhouse_host 127.0.0.1:{port}"
    )


def test_services_need_a_url(tmp_path: Path) -> None:
    line, kind = refused(with_storage(tmp_path, profile="services"))
    assert (line, kind) == (
        "storage.url is empty: set the SQLAlchemy URL of MariaDB, mariadb+pymysql://user:...@host/name",
        SetupError,
    )


def test_a_schema_that_was_not_migrated_is_reported(tmp_path: Path) -> None:
    url = SecretStr(f"sqlite:///{tmp_path / 'rows.sqlite'}")
    settings = with_storage(tmp_path, profile="services", url=url)
    with pytest.raises(SchemaError, match="run `opecom migrate`"):
        asyncio.run(opened(settings))
    assert migrate_all(settings)
    asyncio.run(opened(settings))
    assert migrate_all(settings) == []


def test_a_chdb_folder_that_another_process_holds_is_reported(tmp_path: Path) -> None:
    hold = (
        "import sys; from storage.write.clickhouse_sink import embedded_client; "
        "client = embedded_client(sys.argv[1], 'opecom'); print('holds', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", hold, str(tmp_path / "chdb")]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, **pipes) as child:
        assert child.stdout.readline() == "holds\n"
        line, kind = refused(with_storage(tmp_path))
        child.stdin.close()
        assert child.wait(20) == 0
    assert kind is AwayError
    assert line.endswith(f"see data_dir {tmp_path} (one process at a time holds it)")


def test_a_file_in_the_place_of_the_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    line, kind = refused(with_storage(tmp_path / "data"))
    assert kind is SetupError
    assert line == f"data_dir {tmp_path / 'data'} cannot be made (File exists)"


@pytest.mark.parametrize(
    ("error", "storage", "setting"),
    [
        (ALCHEMY, {}, "data_dir (data)"),
        (ALCHEMY, {"url": "mariadb+pymysql://u@h/n"}, "storage.url"),
        (ClickHouseError("gone"), {}, "data_dir (data)"),
        (ClickHouseError("gone"), {"clickhouse_host": "clickhouse"}, "storage.clickhouse_host"),
    ],
    ids=["sqlite", "mariadb", "chdb", "clickhouse"],
)
async def test_a_database_that_goes_away_as_a_part_begins_is_a_line_that_names_what_repairs_it(
    error: Exception, storage: dict[str, Any], setting: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def begins() -> None:
        raise error

    settings = Settings(data_dir=Path("data"), storage=StorageSettings(**storage))
    assert await outcome(begins(), database_errors(settings)) == FAILED
    assert caplog.messages == [f"a database failed (gone): see {setting}"]
