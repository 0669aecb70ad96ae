"""What a member of a group reads: whole runs, from where its owner says, whatever the client and rebalances do."""

import asyncio
from collections.abc import Mapping
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError

from stream.kafka.group import GroupConsumer
from tests.support.consumers import ListConsumer

PLACE = TopicPartition("scored-sessions", 0)
LOG = {(PLACE.topic, PLACE.partition): [(b"k", b"%d" % number) for number in range(10)]}


class Member:
    """A group consumer over lists, and the gaps that it told of."""

    def __init__(self, positions: Mapping[TopicPartition, int] | None = None, **consumer: Any) -> None:
        self.consumer = ListConsumer(LOG, asyncio.Event(), **consumer)
        self.gaps: list[tuple[TopicPartition, int, int]] = []

        async def where(_: set[TopicPartition]) -> Mapping[TopicPartition, int] | None:
            return positions

        self.group = GroupConsumer(
            self.consumer,
            [PLACE.topic],
            positions=where if positions is not None else None,
            on_gap=lambda *gap: self.gaps.append(gap),
        )

    async def joined(self) -> "Member":
        await self.group.join()
        assert await self.group.fetch(0, 100) == {}, "what came before the partitions began is not taken"
        return self

    async def offsets(self, most: int = 100) -> list[int]:
        return [record.offset for record in (await self.group.fetch(0, most)).get(PLACE, [])]


async def test_it_begins_where_the_group_has_committed_or_at_the_start() -> None:
    assert await (await Member().joined()).offsets() == list(range(10))
    assert await (await Member(committed={tuple(PLACE): 7}).joined()).offsets() == [7, 8, 9]


async def test_the_owner_s_positions_win_over_the_group_s() -> None:
    member = await Member({PLACE: 4}, committed={tuple(PLACE): 9}).joined()
    assert await member.offsets() == [4, 5, 6, 7, 8, 9]


async def test_what_retention_deleted_is_a_gap_that_is_reported_once() -> None:
    member = await Member(committed={tuple(PLACE): 2}, begins={tuple(PLACE): 40}).joined()
    assert member.gaps == [(PLACE, 38, 40)]
    assert await member.offsets() == list(range(40, 50))


async def test_a_rebalance_in_the_middle_begins_again_at_the_commit() -> None:
    member = await Member().joined()
    assert await member.offsets(4) == [0, 1, 2, 3]
    await member.group.commit({PLACE: 2}, "read again")
    assert await member.offsets(2) == [4, 5]
    before = member.group.generation
    await member.consumer.listener.on_partitions_revoked({PLACE})
    assert not member.group.ready
    assert await member.offsets() == [], "a partition that moves gives nothing"
    await member.consumer.listener.on_partitions_assigned({PLACE})
    assert await member.offsets() == list(range(2, 10))
    assert member.group.ready
    assert member.group.generation > before


async def test_a_member_without_partitions_is_ready() -> None:
    member = Member()
    member.consumer.log = {}
    await member.joined()
    assert member.group.ready
    assert member.group.lag() == {}


async def test_lag_counts_what_is_pending_and_what_kafka_states_while_nothing_is_fetched() -> None:
    member = await Member().joined()
    assert await member.offsets(4) == [0, 1, 2, 3]
    assert member.group.lag() == {PLACE.topic: 6}
    assert member.group.lag({PLACE: 1}) == {PLACE.topic: 9}

    async def ends(_: list[TopicPartition]) -> dict[TopicPartition, int]:
        return {PLACE: 500}

    async def away(_: list[TopicPartition]) -> dict[TopicPartition, int]:
        raise KafkaConnectionError("nobody there")

    member.consumer.end_offsets = ends  # type: ignore[method-assign]
    await member.group.look_at_ends()
    assert member.group.lag() == {PLACE.topic: 496}
    member.consumer.end_offsets = away  # type: ignore[method-assign]
    await member.group.look_at_ends()
    assert member.group.lag() == {PLACE.topic: 496}, "an end that is not told is the last one known"
