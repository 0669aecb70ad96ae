"""The reader over a Kafka of lists: a client that skips, holes, gaps and records that are none lose no crossing."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError, KafkaError
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine

from storage.database.errors import DatabaseUnavailableError
from storage.webhooks import bands, registry
from storage.webhooks.bands import PartitionPosition, ReadBatch
from storage.webhooks.consumer import CrossingConsumer
from storage.webhooks.metrics import WebhookMetrics
from stream.fold.erasures import Erasures, session_digest, visitor_digest
from stream.kafka.errors import KafkaUnavailableError
from stream.scored import ScoredSession, encode
from tests.support.consumers import ListConsumer
from tests.support.events import NOON
from tests.support.interventions import ListStops
from tests.support.scored import scored
from tests.support.sinks import sql
from tests.support.webhooks import kept

SCORED = ("scored-sessions", 0)
#: Twenty updates; one session goes up and down at every second.
UPDATES = [scored(n, band=("low", "high", "high", "low")[n % 4]) for n in range(20)]
CROSSINGS = [1, 3, 5, 7, 9, 11, 13, 15, 17, 19]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with sql(f"sqlite:///{tmp_path / 'db'}") as made:
        registry.add(made, "default", "https://shop.example/hook", (), False, NOON - 1)
        yield made


def record(update: ScoredSession) -> tuple[bytes, bytes]:
    return f"{update.site}/{update.session_id}".encode(), encode(update)


class Skipping(ListConsumer):
    """Skips what it is to skip once it reads from where the database is, and not before."""

    def seek(self, partition: TopicPartition, offset: int) -> None:
        super().seek(partition, offset)
        if self.to_skip:
            self._skip, self.to_skip = self.to_skip, set()

    to_skip: set[tuple[str, int, int]] = set()  # noqa: RUF012 - never changed in place


class Until(asyncio.Event):
    """Is set only once this holds: the consumer sets it as soon as it has nothing more to give."""

    def __init__(self, holds: Callable[[], bool]) -> None:
        super().__init__()
        self._holds = holds

    def set(self) -> None:
        if self._holds():
            super().set()


class Desk:
    """One reader, its database and its Kafka."""

    def __init__(
        self,
        engine: Engine,
        log: Any = None,
        until: Callable[[], bool] = lambda: True,
        erasures: Erasures | None = None,
        stopped: frozenset[str] = frozenset(),
        **consumer: Any,
    ) -> None:
        self._erasures = erasures or Erasures()
        self.stops = ListStops(stopped)
        self.stop, self.told, self.made = Until(until), CollectorRegistry(), 0
        self.consumer = Skipping({SCORED: log or [record(each) for each in UPDATES]}, self.stop, **consumer)
        self._engine = engine

    async def run(self) -> None:
        def made() -> None:
            self.made += 1

        await CrossingConsumer(
            engine=self._engine,
            log_id="log",
            topic="scored-sessions",
            consumer=self.consumer,
            metrics=WebhookMetrics(self.told),
            made=made,
            erasures=self._erasures,
            stopped=self.stops.names,
        ).run(self.stop)

    def metric(self, name: str) -> float | None:
        return self.told.get_sample_value(f"opecom_webhooks_{name}")


def crossed(engine: Engine) -> list[int]:
    """The offsets of the updates that were crossings, by the log of deliveries."""
    return sorted(msgspec.json.decode(each.body)["data"]["version"] >> 12 for each in kept(engine).values())


async def test_it_ends_at_once_where_nothing_comes(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(engine)

    async def never(**_: int) -> dict[Any, Any]:
        desk.stop.set()
        return await asyncio.get_running_loop().create_future()

    monkeypatch.setattr(desk.consumer, "getmany", never)
    await desk.run()


async def test_every_crossing_is_a_delivery_and_the_sender_is_woken(engine: Engine) -> None:
    desk = Desk(engine)
    await desk.run()
    assert crossed(engine) == CROSSINGS
    assert bands.places(engine, "log")[0] == PartitionPosition(20, 19, 19, True)
    assert (desk.metric("crossings_total"), desk.metric("lag_records"), desk.made > 0) == (10, 0, True)
    assert {(place.topic, place.partition): at for place, at in desk.consumer.commits.items()} == {SCORED: 20}


@pytest.mark.parametrize("skipped", [[0], [5], [4, 5, 6], [1, 9, 18], list(range(19))], ids=str)
async def test_what_the_client_skips_is_read_again(engine: Engine, skipped: list[int]) -> None:
    desk = Desk(engine)
    desk.consumer.to_skip = {(*SCORED, offset) for offset in skipped}
    await desk.run()
    assert desk.consumer.to_skip == desk.consumer._skip == set()
    assert crossed(engine) == CROSSINGS


@pytest.mark.parametrize("committed", [0, 7, 20], ids=lambda at: f"the group says {at}")
async def test_the_database_states_where_to_read_on_whatever_the_group_states(engine: Engine, committed: int) -> None:
    read = {0: ReadBatch(PartitionPosition(), 6, NOON, UPDATES[:6])}
    bands.move(engine, "log", read, {"default": registry.every(engine)}, NOON)
    await Desk(engine, until=lambda: len(kept(engine)) == len(CROSSINGS), committed={SCORED: committed}).run()
    assert crossed(engine) == CROSSINGS


async def test_records_that_retention_deleted_are_reported_and_passed(engine: Engine) -> None:
    bands.move(
        engine,
        "log",
        {0: ReadBatch(PartitionPosition(), 2, NOON, UPDATES[:2])},
        {"default": registry.every(engine)},
        NOON,
    )
    desk = Desk(engine, [record(each) for each in UPDATES[8:]], begins={SCORED: 8})
    await desk.run()
    # The session was high when it was last seen, and low in the next record that is left.
    assert crossed(engine) == [1, 8, *(offset for offset in CROSSINGS if offset > 8)]
    assert desk.metric("gaps_total") == 1


async def test_a_record_that_is_no_scored_session_is_left_out_and_counted(engine: Engine) -> None:
    log = [record(each) for each in UPDATES]
    log[4] = (log[4][0], b"{}")
    desk = Desk(engine, log)
    await desk.run()
    assert crossed(engine) == [1, 3, 5, *CROSSINGS[3:]]
    assert desk.metric("unreadable_total") == 1


async def test_sites_without_a_webhook_are_not_even_read(engine: Engine) -> None:
    desk = Desk(engine, [(b"other/s1", b"this would not decode")] * 20)
    await desk.run()
    assert (kept(engine), desk.metric("unreadable_total"), desk.metric("records_total")) == ({}, 0, 20)


async def test_of_a_visitor_who_is_forgotten_nothing_is_reported(engine: Engine) -> None:
    log = [record(scored(n, session_id=f"s{n}", visitor_id=f"v{n}", band="high")) for n in range(4)]
    gone = [visitor_digest("default", "v1"), session_digest("default", "s3")]
    await Desk(engine, log, erasures=Erasures(gone)).run()
    assert sorted(each.session_id for each in kept(engine).values()) == ["s0", "s2"]


async def test_a_commit_that_a_rebalance_undid_changes_nothing(engine: Engine) -> None:
    await Desk(engine, commit_error=CommitFailedError("rebalance")).run()
    await Desk(engine).run()
    assert crossed(engine) == CROSSINGS


async def test_a_kafka_that_fails_ends_the_part_with_a_line(engine: Engine) -> None:
    with pytest.raises(KafkaUnavailableError, match=r"Kafka failed the webhooks .*kafka\.bootstrap"):
        await Desk(engine, commit_error=KafkaError("gone")).run()
    assert crossed(engine) == CROSSINGS


async def test_a_database_that_is_away_is_waited_for(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """It fails before its transaction and, worse, after it: then nobody knows whether it was made."""
    move, failures = bands.move, ["before", "after"]

    def failing(*arguments: Any) -> bands.StepResult:
        match failures.pop(0) if failures else "":
            case "before":
                raise DatabaseUnavailableError("gone")
            case "after":
                move(*arguments)
                raise DatabaseUnavailableError("gone")
        return move(*arguments)

    monkeypatch.setattr(bands, "move", failing)
    monkeypatch.setattr("storage.webhooks.consumer.RETRY_SECONDS", 0.0)
    await Desk(engine, until=lambda: not failures).run()
    assert crossed(engine) == CROSSINGS
