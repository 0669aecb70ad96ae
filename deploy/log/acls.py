"""Who may do what in Kafka: the rights of each part as a table, and how a broker is given exactly those.

Each part is a Kafka user of its own. What it is not given here the broker refuses it, where it has an authorizer.
"""

import asyncio
from collections.abc import AsyncGenerator, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Literal, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import IncompatibleBrokerVersion, KafkaError, for_code
from aiokafka.protocol.admin import CreateAclsRequest, DeleteAclsRequest, DescribeAclsRequest

from deploy.errors import AwayError, SetupError
from deploy.log.topics import wanted
from deploy.settings.model import Settings, variable
from ingest.outage import reason_of
from stream.kafka.clients import KafkaClients

KafkaPart = Literal["ingest", "worker", "writer", "api", "store", "webhooks", "learner", "operator"]
Operation = Literal["Read", "Write", "Create", "Describe", "DescribeConfigs", "AlterConfigs"]
Resource = Literal["topic", "group"]

#: What each part does with a topic, by the setting that names it. Whoever may read or write may describe, too.
_TOPICS: Mapping[str, Mapping[str, tuple[Operation, ...]]] = {
    "ingest": {"events": ("Write",)},
    # Ticks are events; a worker looks at all topics before it begins.
    "worker": {
        "events": ("Read", "Write", "DescribeConfigs"),
        "scored": ("Write", "DescribeConfigs"),
        "pages": ("Read", "DescribeConfigs"),
        "erasures": ("Read", "DescribeConfigs"),
        "experiments": ("Read", "DescribeConfigs"),
        "dead": ("Write", "DescribeConfigs"),
        "snapshots": ("Read", "Write", "DescribeConfigs"),
    },
    # It refreshes the page statistics, which is announced in `events`; what a database refuses is a dead letter.
    "writer": {
        "events": ("Read", "Write"),
        "scored": ("Read",),
        "pages": ("Read", "Write"),
        "erasures": ("Read",),
        "dead": ("Read", "Write"),
    },
    # Promotions, erasures, experiments and refreshes are controls in `events`; replays read the log; the health checks
    # look at all topics.
    "api": {
        "events": ("Read", "Write", "DescribeConfigs"),
        "scored": ("Read", "DescribeConfigs"),
        "pages": ("Read", "Write", "DescribeConfigs"),
        "erasures": ("Read", "Write", "DescribeConfigs"),
        "experiments": ("Read", "Write", "DescribeConfigs"),
        "dead": ("Read", "DescribeConfigs"),
        "snapshots": ("DescribeConfigs", "Describe"),
    },
    "webhooks": {"scored": ("Read",), "erasures": ("Read",), "experiments": ("Read",)},
    # A shadow folds the log again; a promotion is a control in `events`.
    "learner": {
        "events": ("Read", "Write"),
        "scored": ("Describe",),
        "pages": ("Read",),
        "erasures": ("Read",),
        "experiments": ("Read",),
        "dead": ("Read",),
    },
    "operator": dict.fromkeys(
        ("events", "scored", "pages", "erasures", "experiments", "dead", "snapshots"),
        ("Read", "Write", "Create", "DescribeConfigs", "AlterConfigs"),
    ),
}
#: The same of groups, by the setting that names the group; `-retry` is that of `opecom topics retry-failed`.
_GROUPS: Mapping[str, Mapping[str, tuple[Operation, ...]]] = {
    "worker": {"worker.group": ("Read",)},
    "writer": {"storage.group": ("Read",)},
    "webhooks": {"webhooks.group": ("Read",)},
    "api": {"worker.group": ("Describe",), "storage.group": ("Describe",), "webhooks.group": ("Describe",)},
    "learner": {"worker.group": ("Describe",), "storage.group": ("Describe",)},
    "operator": {
        "worker.group": ("Read",),
        "worker.group-retry": ("Read",),
        "storage.group": ("Read",),
        "webhooks.group": ("Read",),
    },
}
PARTS: tuple[KafkaPart, ...] = ("ingest", "worker", "writer", "api", "store", "webhooks", "learner", "operator")

#: Kafka's numbers.
_RESOURCES: Mapping[str, int] = {"topic": 2, "group": 3}
_OPERATIONS: Mapping[str, int] = {
    "Read": 3, "Write": 4, "Create": 5, "Describe": 8, "DescribeConfigs": 10, "AlterConfigs": 11,
}  # fmt: skip
_ANY, _LITERAL, _ALLOW = 1, 3, 3
#: Kafka's code of a broker without an authorizer, and of a user who may not change rights.
_NO_AUTHORIZER, _NOT_ALLOWED = 54, 31
#: Seconds in which a change must show: a node takes it over from the controller after it is acknowledged.
_SETTLE = 60.0


class KafkaRight(NamedTuple):
    """`user` may do `operation` with the topic or group of this name."""

    user: str
    resource: Resource
    name: str
    operation: Operation

    def __str__(self) -> str:
        return f"{self.user}: {self.operation} on {self.resource} {self.name}"


class _StoredRight(NamedTuple):
    """A right as a broker has it, in Kafka's numbers."""

    resource: int
    name: str
    pattern: int
    principal: str
    host: str
    operation: int
    permission: int


def user_of(part: KafkaPart, prefix: str) -> str:
    """The Kafka user of a part."""
    return f"{prefix}{part}"


def rights(settings: Settings, part: KafkaPart, prefix: str) -> list[KafkaRight]:
    """All that a part may do, under the names that the settings give topics and groups."""
    # `store` is writer and query API in one process.
    of = ("writer", "api") if part == "store" else (part,)
    user, found = user_of(part, prefix), dict[KafkaRight, None]()
    names = {
        topic.name_setting.removeprefix("kafka.").removesuffix("_topic"): topic for topic in wanted(settings.kafka)
    }
    groups = {
        "worker.group": settings.worker.group,
        "worker.group-retry": f"{settings.worker.group}-retry",
        "storage.group": settings.storage.group,
        "webhooks.group": settings.webhooks.group,
    }
    for each in of:
        for role, operations in _TOPICS[each].items():
            # Where there are no snapshots, their topic has no name.
            if role in names:
                found |= dict.fromkeys(KafkaRight(user, "topic", names[role].name, one) for one in operations)
        for setting, operations in _GROUPS.get(each, {}).items():
            found |= dict.fromkeys(KafkaRight(user, "group", groups[setting], one) for one in operations)
    return list(found)


def all_rights(settings: Settings, prefix: str) -> list[KafkaRight]:
    """Those of every part."""
    return [right for part in PARTS for right in rights(settings, part, prefix)]


def markdown(settings: Settings, prefix: str) -> str:
    """A table: who reads and writes what."""
    names = [topic.name for topic in wanted(settings.kafka)]
    lines = [
        f"| user | {' | '.join(f'`{name}`' for name in names)} | groups |",
        f"|{'---|' * (len(names) + 2)}",
    ]
    for part in PARTS:
        own = rights(settings, part, prefix)
        cells = [", ".join(_short(right.operation) for right in own if right.name == name) for name in names]
        groups: dict[str, list[str]] = {}
        for right in own:
            if right.resource == "group":
                groups.setdefault(right.name, []).append(_short(right.operation))
        joined = "; ".join(f"`{name}` {', '.join(operations)}" for name, operations in groups.items())
        lines.append(f"| `{user_of(part, prefix)}` | {' | '.join([*cells, joined])} |")
    return "\n".join(lines)


def _short(operation: Operation) -> str:
    return {"DescribeConfigs": "settings", "AlterConfigs": "change settings"}.get(operation, operation.lower())


async def apply(clients: KafkaClients, settings: Settings, prefix: str) -> list[str]:
    """Give each part its rights, take from their users what is not in the table, and say what was done.

    Raises AwayError, and SetupError where the broker has no authorizer or this user may not change rights.
    """
    given = all_rights(settings, prefix)
    users = {user_of(part, prefix) for part in PARTS}
    goal = {_stored(right): right for right in given}
    async with _admin(clients) as admin:
        present = await _found(admin, users)
        missing, surplus = goal.keys() - present, present - goal.keys()
        for each in sorted(missing):
            await _create(admin, each)
        for each in sorted(surplus):
            await _delete(admin, each)
        if missing or surplus:
            await _settled(admin, users, goal.keys())
    return [
        *(f"gave {goal[each]}" for each in sorted(missing)),
        *(
            f"took {each.principal.removeprefix('User:')}: {_operation(each)} on {each.name}"
            for each in sorted(surplus)
        ),
    ]


@asynccontextmanager
async def _admin(clients: KafkaClients) -> AsyncGenerator[AIOKafkaAdminClient, None]:
    where = f"Kafka at {clients.bootstrap} (kafka.bootstrap, {variable('kafka.bootstrap')})"
    try:
        async with clients.administering() as admin:
            yield admin
    except IncompatibleBrokerVersion as error:
        raise SetupError(f"{where} knows no rights: they need Apache Kafka with an authorizer") from error
    except (KafkaError, OSError, TimeoutError) as error:
        reason = f"{where} does not answer: {reason_of(error)}; rights need Apache Kafka with an authorizer"
        raise AwayError(reason) from error


async def _found(admin: AIOKafkaAdminClient, users: Collection[str]) -> set[_StoredRight]:
    """All that the broker has of these users."""
    request = DescribeAclsRequest(_ANY, None, _ANY, None, None, _ANY, _ANY)
    answer: Any = await admin._send_request(request)
    _check(answer.error_code, answer.error_message)
    principals = {f"User:{user}" for user in users}
    return {
        _StoredRight(kind, name, pattern, principal, host, operation, permission)
        for kind, name, pattern, entries in answer.resources
        for principal, host, operation, permission in entries
        if principal in principals
    }


async def _create(admin: AIOKafkaAdminClient, right: _StoredRight) -> None:
    answer: Any = await admin._send_to_controller(CreateAclsRequest(*right))
    for code, message in answer.creation_responses:
        _check(code, message)


async def _delete(admin: AIOKafkaAdminClient, right: _StoredRight) -> None:
    answer: Any = await admin._send_to_controller(DeleteAclsRequest(*right))
    for code, message, _ in answer.filter_responses:
        _check(code, message)


async def _settled(admin: AIOKafkaAdminClient, users: Collection[str], goal: Iterable[_StoredRight]) -> None:
    wanted_now = set(goal)
    async with asyncio.timeout(_SETTLE):
        while True:
            if await _found(admin, users) == wanted_now:
                return
            await asyncio.sleep(0.1)


def _check(code: int, message: str | None) -> None:
    if code == _NO_AUTHORIZER:
        raise SetupError(
            "Kafka has no authorizer, so it refuses nobody anything: set authorizer.class.name="
            "org.apache.kafka.metadata.authorizer.StandardAuthorizer on each node"
        )
    if code == _NOT_ALLOWED:
        raise SetupError(
            f"this user may not change rights: set {variable('kafka.username')} to one of the broker's super.users"
        )
    if code:
        raise SetupError(f"Kafka would not change rights: {message or for_code(code).__name__}")


def _stored(right: KafkaRight) -> _StoredRight:
    kind, operation = _RESOURCES[right.resource], _OPERATIONS[right.operation]
    return _StoredRight(kind, right.name, _LITERAL, f"User:{right.user}", "*", operation, _ALLOW)


def _operation(right: _StoredRight) -> str:
    names = {number: name for name, number in _OPERATIONS.items()}
    return names.get(right.operation, f"operation {right.operation}")
