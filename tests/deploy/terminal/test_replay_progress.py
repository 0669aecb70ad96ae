"""Where a replay is made: in this process, or by the one that holds the databases."""

import pytest

from deploy.settings.model import Settings, StorageSettings
from deploy.terminal import replay_progress


@pytest.mark.parametrize(
    ("profile", "host", "status", "held"),
    [
        pytest.param("embedded", "", 0, True, id="embedded"),
        pytest.param("services", "clickhouse", 200, False, id="a ClickHouse server"),
        pytest.param("services", "", 0, False, id="chDB that nobody holds"),
        pytest.param("services", "", 200, True, id="chDB of a store"),
        pytest.param("services", "", 503, True, id="chDB of a store whose disk is full"),
        pytest.param("services", "", 404, False, id="chDB, and another program on the port"),
    ],
)
def test_who_holds_the_databases(
    profile: str, host: str, status: int, held: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay_progress, "get", lambda *_: (status, ""))
    settings = Settings(profile=profile, storage=StorageSettings(clickhouse_host=host))  # type: ignore[arg-type]
    assert replay_progress._held_elsewhere(settings) is held
