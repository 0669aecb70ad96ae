"""`opecom migrate` killed in the middle, again and again, and then let through: the schema must be the whole one."""

import secrets
import subprocess

import sqlalchemy
from pydantic import SecretStr

from deploy.bench.run import changed, environment
from deploy.chaos.errors import ChaosError
from deploy.chaos.faults.kind import FaultContext, FaultKind, now
from deploy.processes.interpreter import OPECOM
from deploy.services import mariadb
from deploy.settings.model import Settings
from deploy.wiring.storage import analytics, migrate_all

#: Kills; seconds for a migration to get somewhere.
KILLS, WITHIN = 2, 60.0


def _killed(context: FaultContext) -> float:
    installation = context.installation
    main, name = installation.direct, f"opecom_{secrets.token_hex(4)}"
    url = sqlalchemy.make_url(main.storage.url.get_secret_value())
    server = sqlalchemy.create_engine(url.set(database=mariadb.DATABASE), isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(sqlalchemy.text(f"CREATE DATABASE {name} CHARACTER SET utf8mb4"))
    own = SecretStr(url.set(database=name).render_as_string(hide_password=False))
    settings = changed(main, "storage", url=own, clickhouse_database=name)

    def tables() -> int:
        query = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = :name"
        with server.connect() as connection:
            return int(connection.execute(sqlalchemy.text(query), {"name": name}).scalar_one())

    for _ in range(KILLS):
        wanted = tables() + context.chance.randint(1, 4)
        migrating = subprocess.Popen(  # noqa: S603 - the command is ours
            [*OPECOM, "migrate"], env=environment(settings), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        installation.until(lambda: migrating.poll() is not None or tables() >= wanted, WITHIN, 0.005)  # noqa: B023
        migrating.kill()
        migrating.wait(20)
    killed = now()
    migrate_all(settings)
    if (found := _columns(server, name, settings)) != _columns(server, url.database or "", main):
        raise ChaosError(f"a migration that was killed left another schema: {len(found)} columns")
    server.dispose()
    return killed


def _columns(server: sqlalchemy.Engine, name: str, settings: Settings) -> set[tuple[object, ...]]:
    """Every column of both databases, but for those that the checker has added."""
    query = (
        "SELECT table_name, column_name, column_type FROM information_schema.columns "
        "WHERE table_schema = :name AND table_name NOT LIKE 'chaos%'"
    )
    with server.connect() as connection:
        found = {tuple(row) for row in connection.execute(sqlalchemy.text(query), {"name": name})}
    client = analytics(settings)
    try:
        rows = client.query("SELECT table, name, type FROM system.columns WHERE database = currentDatabase()")
        return found | {tuple(row) for row in rows.result_rows}
    finally:
        client.close()


MIGRATIONS = {"migration killed": FaultKind(_killed)}
