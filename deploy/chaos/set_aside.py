"""Brings back the rows of parts that ClickHouse damaged and set aside, as docs/operations.md#opecompartsdetached says.

chDB 26.9 takes no notice of a write that the system refuses: it acknowledges an insert, and completes a merge, whose
files are empty. Only a check of the table or the next start finds them. Then the engine goes on with the parts that
were merged, where it still has them (8 minutes); else, as after an insert, the rows are missing.
"""

import asyncio
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from clickhouse_connect.driver.exceptions import Error as ClickHouseError

from deploy.chaos.errors import ChaosError
from deploy.chaos.evidence import ServerDatabases
from deploy.chaos.installation import Installation
from deploy.chaos.services import restarted
from deploy.log.client_options import kafka_clients
from deploy.settings.model import Settings
from storage.database.detached_parts import TABLES, detached_parts
from stream.kafka.clients import KafkaClients

#: Seconds in which the writer must have left its group, and be ready again.
LEAVES_WITHIN, READY_WITHIN = 60.0, 120.0
WRITER = "writer"


def restart_damaged(installation: Installation) -> bool:
    """Restart ClickHouse where a table does not pass its check; whether it did."""
    try:
        with ServerDatabases(installation.direct) as (_, client):
            found = damaged_tables(client)
    except (ClickHouseError, OSError):
        return False
    if found:
        clickhouse = installation.services.clickhouse
        clickhouse.stop()
        restarted(clickhouse)
    return bool(found)


def damaged_tables(client: Any) -> list[str]:
    """Tables of ours that do not pass ClickHouse's own check; raises the client's errors."""
    names = [row[0] for row in client.query("SHOW TABLES").result_rows]
    query = "CHECK TABLE {name:Identifier} SETTINGS check_query_single_value_result = 1"
    checked = {name: client.query(query, parameters={"name": name}).result_rows for name in TABLES if name in names}
    return [name for name, rows in checked.items() if not int(rows[0][0])]


def bring_back(installation: Installation) -> list[str]:
    """Have the writer read its topics again where parts were set aside, and let go of these; their names.

    Raises ChaosError where the writer does not leave its group or is not ready again in time.
    """
    restart_damaged(installation)
    with ServerDatabases(installation.direct) as (_, client):
        parts = detached_parts(client)
    if not parts:
        return []
    part = installation.parts[WRITER]
    installation.hold_down(WRITER)
    installation.expect_death(WRITER)
    part.kill()
    if not installation.until(lambda: _set_back(installation.direct), LEAVES_WITHIN, 1.0):
        raise ChaosError("the writer's group could not be set back")
    installation.release(WRITER)
    if not installation.until(lambda: part.ready, READY_WITHIN, 0.2):
        raise ChaosError(f"the writer is not ready after its group was set back: {part.last_words()}")
    with ServerDatabases(installation.direct) as (_, client):
        for each in parts:
            drop = f"ALTER TABLE {each.table} DROP DETACHED PART '{each.name}' SETTINGS allow_drop_detached = 1"
            client.command(drop)
    return [f"{each.table}: {each.name}" for each in parts]


def _set_back(direct: Settings) -> bool:
    """Whether the writer's group begins at the start of its topics; not while somebody is in the group."""
    kafka = direct.kafka
    topics = (kafka.events_topic, kafka.scored_topic, kafka.dead_topic)
    places = [TopicPartition(topic, number) for topic in topics for number in range(kafka.partitions)]
    try:
        asyncio.run(_commit_starts(kafka_clients(kafka), direct.storage.group, places))
    except (KafkaError, OSError, TimeoutError):
        return False
    return True


async def _commit_starts(clients: KafkaClients, group: str, places: list[TopicPartition]) -> None:
    starts = await clients.starts(places)
    async with clients.consuming(group_id=group) as consumer:
        consumer.assign(places)
        async with asyncio.timeout(20):
            await consumer.commit(starts)
