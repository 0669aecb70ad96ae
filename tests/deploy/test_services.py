"""The fixtures' own services: brokers and a database that answer, each test with names of its own."""

import pytest
import sqlalchemy
from aiokafka.admin import AIOKafkaAdminClient

from tests.support.services import Broker


async def cluster_id(broker: Broker) -> str:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    try:
        return str((await admin.describe_cluster())["cluster_id"])
    finally:
        await admin.close()


async def test_a_broker_names_its_log(broker: Broker) -> None:
    assert len(await cluster_id(broker)) == 22


async def test_a_fresh_embedded_broker_is_another_log(embedded_kafka: Broker, fresh_embedded_kafka: Broker) -> None:
    assert await cluster_id(embedded_kafka) != await cluster_id(fresh_embedded_kafka)


@pytest.mark.mariadb
def test_each_test_has_a_database_of_its_own(mariadb_url: str) -> None:
    engine = sqlalchemy.create_engine(mariadb_url, poolclass=sqlalchemy.NullPool)
    with engine.connect() as connection:
        assert connection.execute(sqlalchemy.text("SHOW TABLES")).all() == []
        version = str(connection.execute(sqlalchemy.text("SELECT VERSION()")).scalar_one())
    assert "MariaDB" in version
