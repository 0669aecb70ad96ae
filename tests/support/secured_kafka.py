"""Apache Kafka that knows who asks: a user of each part, and one who may do everything; its log has whom it refused."""

import re
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from deploy.log.acls import PARTS, KafkaPart, user_of
from deploy.log.cluster_id import new_cluster_id
from deploy.processes.ports import speaks_kafka
from deploy.processes.programs import Program
from deploy.services.artefacts import jars, java
from deploy.services.kafka import LOGGING
from deploy.settings.model import KafkaSettings, user_cache
from tests.support.ports import free_port
from tests.support.services import Broker

#: Variables of the image that are no settings of the broker.
_NO_PROPERTY = ("KAFKA_HEAP_OPTS", "KAFKA_LOG4J_OPTS")
PREFIX, ADMIN = "op-ecom-", "admin"
_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=SECURED://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=SECURED://127.0.0.1:{port}
listener.security.protocol.map=SECURED:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=SECURED
sasl.enabled.mechanisms=SCRAM-SHA-512
sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512
sasl.mechanism.controller.protocol=PLAIN
listener.name.controller.sasl.enabled.mechanisms=PLAIN
listener.name.secured.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule \
required username="admin" password="{password}";
listener.name.controller.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule \
required username="admin" password="{password}" user_admin="{password}";
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:admin
log.dirs={logs}
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
"""
_LOGGING = (
    LOGGING
    + """\
logger.authorizer.name=kafka.authorizer.logger
logger.authorizer.level=info
"""
)
_DENIED = re.compile(r"Principal = User:(\S+) is Denied operation = (\w+) .*? on resource = (\w+):\w+:(\S+)")


@dataclass(frozen=True)
class SecuredKafka:
    """A broker that runs. `passwords` are those of its users."""

    bootstrap: str
    passwords: Mapping[str, str]
    log: Path
    broker: Broker = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "broker", Broker(self.bootstrap, "Apache Kafka with rights"))

    def settings_as(self, topics: KafkaSettings, user: str) -> KafkaSettings:
        """The same topics, as this user."""
        secret = self.passwords[user]
        return KafkaSettings(**{**topics.model_dump(), **self._connection(user), "password": secret})

    def environment_as(self, user: str) -> dict[str, str]:
        """Variables of a part that connects as this user."""
        given = self._connection(user) | {"password": self.passwords[user]}
        return {f"OPECOM_KAFKA__{name.upper()}": value for name, value in given.items()}

    def environment_of(self, part: KafkaPart) -> dict[str, str]:
        return self.environment_as(user_of(part, PREFIX))

    def denied(self) -> list[tuple[str, str, str, str]]:
        """Whom the broker has refused what: user, operation, kind and name, in order."""
        return _DENIED.findall(self.log.read_text())

    @staticmethod
    def _connection(user: str) -> dict[str, str]:
        return {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "SCRAM-SHA-512", "username": user}


@contextmanager
def secured_kafka(folder: Path) -> Iterator[SecuredKafka]:
    """Apache Kafka with SCRAM and its standard authorizer, from the registry's artefacts; nobody has rights yet."""
    port, controller = free_port(), free_port()
    users = [ADMIN, *(user_of(part, PREFIX) for part in PARTS)]
    passwords = {user: uuid.uuid4().hex for user in users}
    given = {"port": port, "controller": controller, "password": passwords[ADMIN], "logs": folder / "logs"}
    made = [
        word
        for user, password in passwords.items()
        for word in ("--add-scram", f"SCRAM-SHA-512=[name={user},iterations=4096,password={password}]")
    ]
    with _running(folder, _PROPERTIES.format(**given), port, new_cluster_id(), made) as log:
        yield SecuredKafka(f"127.0.0.1:{port}", passwords, log)


@contextmanager
def from_image(folder: Path, variables: Mapping[str, str], places: Mapping[str, str], port: int) -> Iterator[Path]:
    """Apache Kafka with the properties that its image makes of the variables of a container; its log.

    `places` are texts of values, ports and folders, with those to take instead; it is ready when `port` answers.
    """
    given = {name: value for name, value in variables.items() if name.startswith("KAFKA_") and name not in _NO_PROPERTY}
    properties = "".join(
        f"{name.removeprefix('KAFKA_').lower().replace('_', '.')}={value}\n" for name, value in given.items()
    )
    for place, other in places.items():
        properties = properties.replace(place, other)
    with _running(folder, properties, port, variables["CLUSTER_ID"], []) as log:
        yield log


@contextmanager
def _running(folder: Path, given: str, port: int, cluster: str, formatting: list[str]) -> Iterator[Path]:
    properties, logging = folder / "kafka.properties", folder / "log4j2.properties"
    properties.write_text(given)
    logging.write_text(_LOGGING)
    runtime = [java(), f"-Dlog4j2.configurationFile={logging}", "-Xmx512m", "-Xms256m", "-XX:+UseSerialGC"]
    runtime += ["-cp", f"{jars('kafka', user_cache())}/*"]
    tool = ["kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(properties), *formatting]
    done = subprocess.run([*runtime, *tool], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    program = Program("kafka", folder)
    program.start(
        [*runtime, "kafka.Kafka", str(properties)], lambda: speaks_kafka(port), seconds=120, die_with_parent=True
    )
    try:
        yield program.log
    finally:
        program.stop()
