"""The one place that makes Kafka clients, and that knows what aiokafka's clients do not do by themselves.

- A client that cannot reach Kafka may wait for ever, in `start`, `stop`, `commit` or a look at the metadata: every wait
  here has an end.
- `stop` of a consumer raises CancelledError where a fetch was on its way (`Fetcher.close` awaits the tasks that it
  cancels): nobody cancelled us, so the error stays here.
- `stop` that is cut off, or fails so, leaves tasks and connections behind, which send old batches to a broker that
  comes back: they are ended here.
- `partitions_for_topic` of a consumer knows only what is assigned, on Apache Kafka; and a broker that makes topics
  makes the one whose metadata is asked for: `partitions_of` asks for all of them.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaTimeoutError
from aiokafka.structs import OffsetAndMetadata

from stream.kafka.client_log import log_when_kafka_answers
from stream.kafka.idle_fetches import rest_when_idle

log = logging.getLogger(__name__)

#: aiokafka would leave the group when a database is away for longer; its heartbeats go on by themselves.
A_WEEK_MS = 7 * 24 * 3600 * 1000
T = TypeVar("T")
Client = TypeVar("Client")

#: After an idle time the first score is written and sent later than it is published, up to so many times as late: at
#: most a second on the embedded broker.
MEMBER_IDLE_FACTOR = 5
#: How long Kafka may take for a request of ours, a start included, in seconds.
KAFKA_SECONDS = 30.0
#: How long a client may take to end, in seconds.
CLOSE_SECONDS = 10.0
#: How long what is left of a client that did not end may take, in seconds.
ABORT_SECONDS = 1.0


class KafkaClients:
    """Makes clients of one Kafka; built once in a process and handed on.

    `options` are the connection options that aiokafka's clients share. `fetch_wait_ms` is how long the broker may hold
    a fetch of a consumer that is read promptly, `idle_fetch_wait_ms` the same while nothing comes (0: no other);
    `idempotent` says whether the broker knows idempotent producers.
    """

    def __init__(
        self, options: Mapping[str, Any], *, fetch_wait_ms: int, idempotent: bool, idle_fetch_wait_ms: int = 0
    ) -> None:
        self.options = dict(options)
        self.fetch_wait_ms = fetch_wait_ms
        self.idle_fetch_wait_ms = idle_fetch_wait_ms
        self.idempotent = idempotent

    @property
    def bootstrap(self) -> str:
        return str(self.options.get("bootstrap_servers"))

    def within(self, request_timeout_ms: int) -> "KafkaClients":
        """Clients of the same Kafka whose requests may take so long."""
        options = {**self.options, "request_timeout_ms": request_timeout_ms}
        return KafkaClients(
            options,
            fetch_wait_ms=self.fetch_wait_ms,
            idempotent=self.idempotent,
            idle_fetch_wait_ms=self.idle_fetch_wait_ms,
        )

    def consumer(self, *topics: str, **more: Any) -> AIOKafkaConsumer:
        """A consumer that is not started; it commits nothing by itself and begins at the start of a topic."""
        given = {"enable_auto_commit": False, "auto_offset_reset": "earliest", **self.options, **more}
        return _watched(AIOKafkaConsumer(*topics, **given))

    def producer(self, **more: Any) -> AIOKafkaProducer:
        """A producer that is not started; every in-sync replica acknowledges, and where Kafka can, nothing doubles."""
        given = {"acks": "all", "enable_idempotence": self.idempotent, **self.options, **more}
        return _watched(AIOKafkaProducer(**given))

    def admin(self) -> AIOKafkaAdminClient:
        """An admin client that is not started."""
        return _watched(AIOKafkaAdminClient(**self.options))

    def consuming(self, **more: Any) -> contextlib.AbstractAsyncContextManager[AIOKafkaConsumer]:
        """A consumer between its start and its end; raises KafkaError."""
        return running(self.consumer(**more))

    def member(self, group: str, **more: Any) -> contextlib.AbstractAsyncContextManager[AIOKafkaConsumer]:
        """A consumer of a group that may take its time between two fetches; raises KafkaError."""
        consumer = self.consumer(
            group_id=group,
            max_poll_interval_ms=A_WEEK_MS,
            rebalance_timeout_ms=10_000,
            fetch_max_wait_ms=self.fetch_wait_ms,
            **more,
        )
        rest_when_idle(consumer, MEMBER_IDLE_FACTOR * self.idle_fetch_wait_ms)
        return running(consumer)

    def producing(self, **more: Any) -> contextlib.AbstractAsyncContextManager[AIOKafkaProducer]:
        """A producer between its start and its end; raises KafkaError."""
        return running(self.producer(**more))

    def administering(self) -> contextlib.AbstractAsyncContextManager[AIOKafkaAdminClient]:
        """An admin client between its start and its end; raises KafkaError."""
        return running(self.admin())

    async def committed(self, group: str, places: Iterable[TopicPartition]) -> dict[TopicPartition, OffsetAndMetadata]:
        """What the group has committed of these partitions; those of which it has nothing are left out.

        The admin client is asked because it gives the metadata too, and needs no membership. Raises KafkaError.
        """
        async with self.administering() as admin:
            found = await with_timeout(admin.list_consumer_group_offsets(group, partitions=list(places)))
        return {place: offset for place, offset in found.items() if offset.offset >= 0}

    async def ends(self, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """The offset after the last record of each; the embedded broker's may lie up to a batch low."""
        async with self.consuming() as consumer:
            return dict(await with_timeout(consumer.end_offsets(list(places))))

    async def starts(self, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """The first offset of each that is there."""
        async with self.consuming() as consumer:
            return dict(await with_timeout(consumer.beginning_offsets(list(places))))

    # For parts that may not import this module and are given the clients.

    @staticmethod
    async def close(client: Any, seconds: float = CLOSE_SECONDS) -> None:
        await close(client, seconds)

    @staticmethod
    async def partitions_of(client: Any, *topics: str) -> list[TopicPartition]:
        return await partitions_of(client, *topics)


@contextlib.asynccontextmanager
async def running(client: Client) -> AsyncIterator[Client]:
    """A client from its start to its end, each of which has a limit; raises KafkaError."""
    try:
        await start(client)
        yield client
    finally:
        await close(client)


async def start(client: Any) -> None:
    """Start a client; raises KafkaError. Whoever calls this closes the client, however it ends."""
    await with_timeout(client.start())


async def with_timeout(request: Awaitable[T], seconds: float = KAFKA_SECONDS) -> T:
    """The answer of Kafka to a request; raises KafkaTimeoutError, a KafkaError, when it does not come in time."""
    try:
        async with asyncio.timeout(seconds):
            return await request
    except TimeoutError as error:
        raise KafkaTimeoutError(f"no answer within {seconds:g} s") from error


async def close(client: Any, seconds: float = CLOSE_SECONDS) -> None:
    """End a client within `seconds`; never raises. What it cannot end by itself is cut off."""
    failure = await settled(_stop(client), seconds)
    if failure is not None:
        log.debug("a Kafka client did not end by itself: %r", failure)
        await _abort(client)


async def settled(ending: Awaitable[Any], seconds: float) -> BaseException | None:
    """Wait for an ending in a task of its own, so that a CancelledError that it leaks is not taken for ours.

    Returns what it raised, TimeoutError where it did not end in time, None where it ended well.
    """
    task = asyncio.ensure_future(ending)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        task.cancel()
        raise
    if not done:
        task.cancel()
        await asyncio.wait({task}, timeout=ABORT_SECONDS)
        return TimeoutError(f"not ended within {seconds:g} s")
    return asyncio.CancelledError() if task.cancelled() else task.exception()


async def partitions_of(client: Any, *topics: str) -> list[TopicPartition]:
    """The partitions of these topics, none of one that is missing; `client` is any started client of aiokafka."""
    cluster = await with_timeout(_connections(client).fetch_all_metadata())
    return [TopicPartition(topic, number) for topic in topics for number in cluster.partitions_for_topic(topic) or ()]


async def _stop(client: Any) -> None:
    await (client.close() if isinstance(client, AIOKafkaAdminClient) else client.stop())


def _watched(client: Client) -> Client:
    log_when_kafka_answers(_connections(client))
    return client


def _connections(client: Any) -> Any:
    return client.client if isinstance(client, AIOKafkaProducer) else client._client


async def _abort(client: Any) -> None:
    """End the tasks and the connections that a `stop` left behind."""
    sender, fetcher = getattr(client, "_sender", None), getattr(client, "_fetcher", None)
    for task in tuple(getattr(fetcher, "_pending_tasks", ())):
        task.cancel()
    if sender is not None:
        await settled(sender.close(), ABORT_SECONDS)
    connections = getattr(client, "client", None) or getattr(client, "_client", None)
    if connections is not None:
        await settled(connections.close(), ABORT_SECONDS)
