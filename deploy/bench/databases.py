"""Databases of a run's own: one in MariaDB, dropped afterwards, and ClickHouse in the run's folder; both migrated."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import sqlalchemy
from pydantic import SecretStr

from deploy.bench.errors import BenchError
from deploy.bench.run import changed
from deploy.settings.model import Settings
from deploy.wiring import storage


@asynccontextmanager
async def databases(settings: Settings) -> AsyncIterator[Settings]:
    """The settings with both databases, empty; raises BenchError where MariaDB gives none."""
    name = f"opecom_bench_{secrets.token_hex(4)}"
    url = sqlalchemy.make_url(settings.storage.url.get_secret_value())
    server = sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sqlalchemy.NullPool)
    own = url.set(database=name).render_as_string(hide_password=False)
    settings = changed(settings, "storage", url=SecretStr(own), clickhouse_host="")
    try:
        with server.connect() as connection:
            connection.execute(sqlalchemy.text(f"CREATE DATABASE {name} CHARACTER SET utf8mb4"))
    except sqlalchemy.exc.SQLAlchemyError as error:
        raise BenchError(f"MariaDB at storage.url gives no database {name}: {str(error).splitlines()[0]}") from error
    try:
        storage.migrate_all(settings)
        yield settings
    finally:
        with server.connect() as connection:
            connection.execute(sqlalchemy.text(f"DROP DATABASE {name}"))
