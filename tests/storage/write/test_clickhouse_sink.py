"""ClickHouse by a server: what is missing is made, what is away is said to be."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_connect.driver import exceptions

from deploy.errors import AwayError, SetupError
from deploy.settings.model import Settings, StorageSettings
from deploy.wiring import storage
from storage.database.errors import DatabaseUnavailableError
from storage.write.clickhouse_sink import AnalyticsSink, server_client
from tests.support.scored import scored
from tests.support.sinks import KeptInClickHouse, block, clickhouse_front


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    with clickhouse_front(tmp_path / "server") as made:
        yield made


def settings(port: int, folder: Path) -> Settings:
    return Settings(data_dir=folder, storage=StorageSettings(clickhouse_host="127.0.0.1", clickhouse_port=port))


def test_migrate_makes_the_database_and_its_tables(port: int, tmp_path: Path) -> None:
    given = settings(port, tmp_path)
    with pytest.raises(SetupError, match=r"does not exist.*storage\.clickhouse_host"):
        storage.analytics(given)
    assert "clickhouse 1 log" in storage.migrate_all(given)
    assert storage.migrate_all(given) == []
    client = storage.analytics(given)
    kept = KeptInClickHouse(client)
    kept.sink.write(block(scored(1)))
    assert len(kept.sessions()) == 1
    client.close()


def test_a_server_that_goes_away_is_unavailable_and_takes_the_same_block_later(tmp_path: Path) -> None:
    with clickhouse_front(tmp_path / "server") as port:
        storage.migrate_all(settings(port, tmp_path))
        client = server_client("127.0.0.1", port, "default", "", "opecom")
        sink = AnalyticsSink(client)
        sink.write(block(scored(1)))
    with pytest.raises(DatabaseUnavailableError):
        sink.write(block(scored(2)))
    client.close()
    with pytest.raises(AwayError, match=r"storage\.clickhouse_host"):
        storage.analytics(settings(port, tmp_path))


def test_a_table_that_is_missing_is_no_fault_of_the_records(port: int, tmp_path: Path) -> None:
    storage.migrate_all(settings(port, tmp_path))
    client = storage.analytics(settings(port, tmp_path))
    client.command("DROP TABLE scored_sessions")
    with pytest.raises(DatabaseUnavailableError):
        AnalyticsSink(client).write(block(scored(1)))
    with pytest.raises(exceptions.DatabaseError):
        client.query("SELECT 1 FROM scored_sessions")
    client.close()
