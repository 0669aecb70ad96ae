"""A visitor is forgotten with all that was to be sent about it, and nobody else is."""

from sqlalchemy import Engine, select

from storage.webhooks import bands
from storage.webhooks.bands import PartitionPosition, ReadBatch
from storage.webhooks.crossings import by_site
from storage.webhooks.database import transaction
from storage.webhooks.forget import forget
from storage.webhooks.tables import bands as table
from tests.support.events import NOON
from tests.support.scored import scored
from tests.support.webhooks import kept, webhook


def test_a_visitor_is_forgotten(engine: Engine) -> None:
    updates = [scored(n, session_id=f"s{n}", visitor_id=f"v{n}", band="high") for n in (1, 2, 3)]
    bands.move(engine, "log", {0: ReadBatch(PartitionPosition(), 3, NOON, updates)}, by_site([webhook()]), NOON)
    with transaction(engine) as connection:
        assert forget(connection, "other", "v1", ["s1"]) == 0
        # A session that it shared with another is forgotten too.
        assert forget(connection, "default", "v1", ["s1", "s3"]) == 2
        assert forget(connection, "default", "v1", []) == 0
    assert [each.session_id for each in kept(engine).values()] == ["s2"]
    with engine.connect() as connection:
        assert list(connection.execute(select(table.c.session_id)).scalars()) == ["s2"]
