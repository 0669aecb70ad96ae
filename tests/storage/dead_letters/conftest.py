"""Both databases of each profile, with no dead letter and none that was sent again."""

from typing import Any

import pytest
from sqlalchemy import delete

from storage.dead_letters.tables import resent_letters


@pytest.fixture
def databases(shared: tuple[Any, Any]) -> tuple[Any, Any]:
    engine, client = shared
    with engine.begin() as connection:
        connection.execute(delete(resent_letters))
    client.command("TRUNCATE TABLE dead_letters")
    return shared
