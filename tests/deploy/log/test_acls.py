"""The rights of each part: the table, what Kubernetes has of it, and an Apache Kafka that gives those and no other."""

import contextlib
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import GroupAuthorizationFailedError, TopicAuthorizationFailedError
from aiokafka.protocol.admin import CreateAclsRequest
from typer.testing import CliRunner

from deploy.cli.main import app
from deploy.cli.run import Part
from deploy.errors import AwayError, SetupError
from deploy.log import acls, topics
from deploy.log.acls import PARTS, KafkaRight, user_of
from deploy.log.client_options import kafka_clients
from deploy.settings.model import Settings
from stream.kafka.clients import KafkaClients, with_timeout
from tests.support import services
from tests.support.secured_kafka import ADMIN, PREFIX, SecuredKafka, secured_kafka
from tests.support.services import Broker

ROLES = ("events", "scored", "pages", "erasures", "experiments", "dead", "snapshots")
GROUPS = ("worker", "storage", "webhooks")


@pytest.fixture(scope="module")
def kafka_with_rights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    found = services.find("OPECOM_TEST_KAFKA")
    if found.way != "programs":
        pytest.skip(f"needs a broker of its own, by Java and Maven, not {found.note}")
    with secured_kafka(tmp_path_factory.mktemp("secured")) as running:
        yield running


def settings_on(kafka: SecuredKafka, user: str, run: str) -> Settings:
    """Settings of this user, with topics and groups of this run."""
    names = {f"{role}_topic": f"{role}-{run}" for role in ROLES}
    made: Any = Settings(
        profile="services",
        kafka=kafka.settings_as(Broker(kafka.bootstrap, "").settings(partitions=2, **names), user).model_dump(),
        worker={"group": f"worker-{run}"},
        storage={"group": f"storage-{run}"},
        webhooks={"group": f"webhooks-{run}"},
    )
    settings: Settings = made
    return settings


@pytest.fixture
def run() -> str:
    return uuid.uuid4().hex[:8]


def test_ingest_writes_events_and_may_do_nothing_else() -> None:
    assert acls.rights(Settings(), "ingest", PREFIX) == [KafkaRight("op-ecom-ingest", "topic", "events", "Write")]


def test_store_is_writer_and_query_api_in_one() -> None:
    both = {each._replace(user="") for part in ("writer", "api") for each in acls.rights(Settings(), part, PREFIX)}
    assert {each._replace(user="") for each in acls.rights(Settings(), "store", PREFIX)} == both


def test_a_system_without_snapshots_gives_no_right_to_them() -> None:
    given = Settings(kafka={"snapshots_topic": ""})
    assert not [each for each in acls.all_rights(given, PREFIX) if "snapshot" in each.name or not each.name]


def test_the_document_has_the_table_that_the_command_prints() -> None:
    printed = CliRunner().invoke(app, ["topics", "acls", "--markdown"], catch_exceptions=False).output.strip()
    document = (Path(__file__).parents[3] / "docs" / "operations.md").read_text()
    assert printed in document


def test_each_right_is_a_line() -> None:
    words = ["topics", "acls", "--users", "shop-"]
    lines = CliRunner().invoke(app, words, catch_exceptions=False).output.splitlines()
    assert lines[0] == "shop-ingest: Write on topic events"
    assert len(lines) == len(acls.all_rights(Settings(), "shop-"))


@pytest.mark.parametrize("option", ["--apply", "--markdown"])
def test_options_of_rights_are_for_rights_only(option: str) -> None:
    done = CliRunner().invoke(app, ["topics", "check", option])
    assert done.exit_code != 0
    assert "opecom topics acls" in str(done.exception)


@pytest.mark.kafka
async def test_a_broker_without_an_authorizer_is_one_line(kafka: Broker) -> None:
    settings = Settings(profile="services", kafka=kafka.settings().model_dump())
    with pytest.raises(SetupError, match=r"Kafka has no authorizer.*authorizer\.class\.name"):
        await acls.apply(kafka_clients(settings.kafka), settings, PREFIX)


async def test_a_broker_that_knows_no_rights_is_one_line(embedded_kafka: Broker) -> None:
    """The embedded broker hangs up where it is asked for what it does not know."""
    settings = Settings(kafka=embedded_kafka.settings().model_dump())
    with pytest.raises(AwayError, match="rights need Apache Kafka with an authorizer"):
        await acls.apply(kafka_clients(settings.kafka), settings, PREFIX)


@pytest.mark.kafka
async def test_a_user_that_may_not_change_rights_is_one_line_that_names_the_setting(
    kafka_with_rights: SecuredKafka, run: str
) -> None:
    settings = settings_on(kafka_with_rights, "op-ecom-operator", run)
    with pytest.raises(SetupError, match="OPECOM_KAFKA__USERNAME"):
        await acls.apply(kafka_clients(settings.kafka), settings, PREFIX)


@pytest.mark.kafka
async def test_a_wrong_password_is_one_line(kafka_with_rights: SecuredKafka, run: str) -> None:
    settings = settings_on(kafka_with_rights, ADMIN, run)
    wrong = settings.kafka.model_copy(update={"password": type(settings.kafka.password)("wrong")})
    with pytest.raises(AwayError, match=r"kafka\.bootstrap"):
        await acls.apply(kafka_clients(wrong), settings, PREFIX)


@pytest.mark.kafka
async def test_rights_are_given_once_and_what_is_beside_them_is_taken(
    kafka_with_rights: SecuredKafka, run: str
) -> None:
    settings = settings_on(kafka_with_rights, ADMIN, run)
    clients = kafka_clients(settings.kafka)
    wanted = acls.all_rights(settings, PREFIX)
    assert await acls.apply(clients, settings, PREFIX)
    assert await acls.apply(clients, settings, PREFIX) == []
    # Somebody was generous: Read on a topic, Write on all that begin alike, for a user who only writes events.
    async with clients.administering() as admin:
        for name, pattern, operation in ((settings.kafka.erasures_topic, 3, 3), ("", 4, 4)):
            answer: Any = await admin._send_to_controller(
                CreateAclsRequest(2, name or "scored", pattern, "User:op-ecom-ingest", "*", operation, 3)
            )
            assert answer.creation_responses[0][0] == 0
    done = await acls.apply(clients, settings, PREFIX)
    assert sorted(done) == sorted(
        [f"took op-ecom-ingest: Read on {settings.kafka.erasures_topic}", "took op-ecom-ingest: Write on scored"]
    )
    assert len(wanted) == len({*wanted})


@pytest.mark.kafka
async def test_a_broker_lets_each_part_do_what_the_table_gives_and_nothing_else(
    kafka_with_rights: SecuredKafka, run: str
) -> None:
    """Every part tries to read and to write every topic, and to use every group."""
    admin = settings_on(kafka_with_rights, ADMIN, run)
    await topics.ensure(kafka_clients(admin.kafka), topics.wanted(admin.kafka))
    await acls.apply(kafka_clients(admin.kafka), admin, PREFIX)
    async with kafka_clients(admin.kafka).producing() as producer:
        for topic in topics.wanted(admin.kafka):
            # What is compacted needs a key.
            await with_timeout(producer.send_and_wait(topic.name, b"{}", key=b"k", partition=0))
    names = {role: getattr(admin.kafka, f"{role}_topic") for role in ROLES}
    groups = {"worker": admin.worker.group, "storage": admin.storage.group, "webhooks": admin.webhooks.group}
    done, expected = dict[tuple[str, str, str], bool](), dict[tuple[str, str, str], bool]()
    for part in PARTS:
        settings = settings_on(kafka_with_rights, user_of(part, PREFIX), run)
        clients = kafka_clients(settings.kafka)
        given = {(right.name, right.operation) for right in acls.rights(settings, part, PREFIX)}
        readable, writable = await _readable(clients, names.values()), await _writable(clients, names.values())
        for role, name in names.items():
            done[part, "Read", role], done[part, "Write", role] = name in readable, name in writable
            expected |= {(part, operation, role): (name, operation) in given for operation in ("Read", "Write")}
        for role, group in groups.items():
            # Whoever may read nothing is refused for the topic, or for the group.
            done[part, "join", role] = await _joins(clients, group, next(iter(readable), names["events"]))
            expected[part, "join", role] = (group, "Read") in given
    assert done == expected
    assert len(done) == len(PARTS) * (2 * len(ROLES) + len(groups))
    refused = sum(not allowed for allowed in done.values())
    print(f"{len(done)} attempts, {refused} refused")
    assert 0 < refused < len(done)


async def _readable(clients: KafkaClients, topics: Iterable[str]) -> list[str]:
    """The topics whose first record this user is given."""
    found = []
    async with clients.consuming() as consumer:
        for topic in topics:
            place = TopicPartition(topic, 0)
            with contextlib.suppress(TopicAuthorizationFailedError):
                # Of a topic that may not even be described the consumer would ask for ever.
                await with_timeout(consumer._client._wait_on_metadata(topic))
                consumer.assign([place])
                consumer.seek(place, 0)
                record = await with_timeout(consumer.getone(place))
                assert record.offset == 0
                found.append(topic)
    return found


async def _writable(clients: KafkaClients, topics: Iterable[str]) -> list[str]:
    found = []
    # An idempotent one must be let in before it writes anything, by any right to write.
    async with clients.producing(enable_idempotence=False) as producer:
        for topic in topics:
            with contextlib.suppress(TopicAuthorizationFailedError):
                await with_timeout(producer.send_and_wait(topic, b"{}", key=b"k", partition=0))
                found.append(topic)
    return found


async def _joins(clients: KafkaClients, group: str, topic: str) -> bool:
    """Whether this user may commit for the group."""
    place = TopicPartition(topic, 0)
    try:
        async with clients.consuming(group_id=group) as consumer:
            consumer.assign([place])
            await with_timeout(consumer.commit({place: 1}))
    except (GroupAuthorizationFailedError, TopicAuthorizationFailedError):
        return False
    return True


def test_parts_are_those_that_run_on_kafka() -> None:
    without = {"predict", "shop"}
    assert {*PARTS} == {*get_args(Part)} - without | {"operator"}
