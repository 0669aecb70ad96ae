"""Both databases of each profile, for tests of what works on both at once."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.replays import Shop
from tests.support.services import new_database
from tests.support.sinks import clickhouse, clickhouse_by_server, sql

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
            client = held.enter_context(clickhouse_by_server(folder / "server"))
        yield held.enter_context(sql(url)), client


@pytest.fixture
def databases(shared: tuple[Any, Any]) -> tuple[Any, Any]:
    """Both, empty."""
    Shop(*shared, []).lose()
    return shared
