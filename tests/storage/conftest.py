"""Both databases of each profile, for tests of what works on both at once."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from storage.database import migrate
from storage.write import clickhouse_sink as analytics
from tests.support.replays import Shop
from tests.support.services import new_database
from tests.support.sinks import clickhouse, clickhouse_front, sql

EMBEDDED = "sqlite and chDB"


@pytest.fixture(scope="module", params=[EMBEDDED, pytest.param("MariaDB and a server", marks=pytest.mark.mariadb)])
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Any]]:
    """An engine and a ClickHouse client."""
    folder = tmp_path_factory.mktemp("replay")
    with contextlib.ExitStack() as held:
        if request.param == EMBEDDED:
            url = f"sqlite:///{folder / 'db'}"
            client = held.enter_context(clickhouse(folder / "chdb"))
        else:
            url = held.enter_context(new_database(request.getfixturevalue("mariadb").url))
            port = held.enter_context(clickhouse_front(folder / "server"))
            client = analytics.server_client("127.0.0.1", port, "default", "", "opecom", make=True)
            held.callback(client.close)
            migrate.migrate("clickhouse", migrate.clickhouse_run(client))
        yield held.enter_context(sql(url)), client


@pytest.fixture
def databases(shared: tuple[Any, Any]) -> tuple[Any, Any]:
    """Both, empty."""
    Shop(*shared, []).lose()
    return shared
