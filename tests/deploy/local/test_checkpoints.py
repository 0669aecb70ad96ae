"""A checkpoint names what every reader has: marks move on only when the databases and the webhooks are behind them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition

from deploy.local import checkpoints
from deploy.local.checkpoints import MOST_OF_A_BATCH, CheckpointKeeper
from deploy.local.log_folder import LogFolder, PartitionCheckpoint
from deploy.settings.model import KafkaSettings, Settings
from deploy.wiring.storage import DatabaseHandles
from storage.webhooks.bands import PartitionPosition
from storage.write.block import TopicRole

Offsets = dict[tuple[TopicRole, int], int]
TAIL = (b"key", b"value")


@dataclass
class System:
    """What the keeper asks, as numbers; `synced` are the checkpoints that stood when the disks were synced."""

    folder: LogFolder
    written_to: Offsets = field(default_factory=dict)
    highwaters: Offsets = field(default_factory=dict)
    broker_ends: dict[str, int] = field(default_factory=dict)
    webhooks: dict[int, PartitionPosition] = field(default_factory=dict)
    synced: list[dict[int, PartitionCheckpoint]] = field(default_factory=list)

    def written(self, role: TopicRole, partition: int) -> int | None:
        return self.written_to.get((role, partition))

    def highwater(self, role: TopicRole, partition: int) -> int | None:
        return self.highwaters.get((role, partition))

    async def ends(self, places: list[TopicPartition]) -> dict[TopicPartition, int]:
        return {place: self.broker_ends.get(place.topic, 0) for place in places}

    def wrote(self, events: int, scored: int, highwater: int | None = None) -> None:
        self.written_to |= {("events", 0): events, ("scored", 0): scored}
        self.highwaters = {("scored", 0): scored if highwater is None else highwater, ("dead", 0): 0}

    @property
    def kept(self) -> tuple[int, int]:
        """Events stored and events published, as the checkpoint says."""
        found = self.folder.checkpoint().get(0, PartitionCheckpoint())
        return found.events, found.published


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> System:
    made = System(LogFolder(tmp_path))
    monkeypatch.setattr(checkpoints, "stored_tail", lambda *_: TAIL)
    monkeypatch.setattr(checkpoints.bands, "places", lambda *_: made.webhooks)
    monkeypatch.setattr("os.sync", lambda: made.synced.append(made.folder.checkpoint()))
    return made


@pytest.fixture
def keeper(system: System) -> CheckpointKeeper:
    kafka = KafkaSettings(partitions=1, log_folder=system.folder.folder)
    nothing: Any = None
    given: Any = system
    return CheckpointKeeper(Settings(kafka=kafka), given, DatabaseHandles(nothing, nothing), "log", given)


async def test_what_is_written_is_kept_after_a_sync(system: System, keeper: CheckpointKeeper) -> None:
    system.wrote(events=7, scored=0)
    await keeper.renew()
    assert system.synced == [{}]
    assert system.folder.checkpoint()[0] == PartitionCheckpoint(events=7, key=TAIL[0], value=TAIL[1])
    await keeper.renew()
    assert len(system.synced) == 1, "nothing has changed"


async def test_a_last_record_that_retention_took_is_kept_no_longer_than_an_hour(
    system: System, keeper: CheckpointKeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(keeper, "_now", lambda: clock[0])
    monkeypatch.setattr(keeper, "_tails_due", checkpoints.TAILS_EVERY)
    system.wrote(events=7, scored=0)
    await keeper.renew()
    monkeypatch.setattr(checkpoints, "stored_tail", lambda *_: (b"", b""))
    await keeper.renew()
    assert system.folder.checkpoint()[0].value == TAIL[1]
    clock[0] += checkpoints.TAILS_EVERY
    await keeper.renew()
    assert system.folder.checkpoint()[0] == PartitionCheckpoint(events=7)


@pytest.mark.parametrize(
    ("scored", "highwater", "follows"),
    [
        pytest.param(20, 20, True, id="level"),
        pytest.param(10, 20, False, id="behind the end"),
        pytest.param(11, 20, False, id="in the last batch, which the broker counts as one record"),
        pytest.param(11 + MOST_OF_A_BATCH, 90_000, True, id="past any batch, under load"),
    ],
)
async def test_a_mark_waits_for_what_was_published_before_it(
    system: System, keeper: CheckpointKeeper, scored: int, highwater: int, follows: bool
) -> None:
    system.folder.keep_marks({0: (5, "mark")})
    system.broker_ends["scored-sessions"] = 11
    system.wrote(events=7, scored=scored, highwater=highwater)
    await keeper.renew()
    assert system.kept == (7, 5 if follows else 0)


async def test_a_mark_waits_for_its_events(system: System, keeper: CheckpointKeeper) -> None:
    system.folder.keep_marks({0: (9, "mark")})
    system.wrote(events=7, scored=20)
    await keeper.renew()
    assert system.kept == (7, 0)
    system.wrote(events=9, scored=20)
    await keeper.renew()
    assert system.kept == (9, 9)


async def test_a_mark_waits_for_webhooks_that_read(system: System, keeper: CheckpointKeeper) -> None:
    system.folder.keep_marks({0: (5, "mark")})
    system.webhooks[0] = PartitionPosition(19, known=True)
    system.wrote(events=7, scored=20)
    await keeper.renew()
    # What comes meanwhile does not matter to what is waited for.
    system.wrote(events=8, scored=30)
    await keeper.renew()
    assert system.kept == (8, 0)
    system.webhooks[0] = PartitionPosition(20, known=True)
    await keeper.renew()
    assert system.kept == (8, 5)


async def test_a_mark_that_comes_meanwhile_is_not_taken_for_the_one_that_is_waited_for(
    system: System, keeper: CheckpointKeeper
) -> None:
    system.folder.keep_marks({0: (5, "mark")})
    system.broker_ends["scored-sessions"] = 11
    system.wrote(events=7, scored=10)
    await keeper.renew()
    system.folder.keep_marks({0: (6, "later")})
    system.wrote(events=7, scored=11)
    await keeper.renew()
    assert system.folder.checkpoint()[0].mark == "mark"
