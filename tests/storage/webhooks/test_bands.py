"""Positions, bands and deliveries move together or not at all, for one reader or two."""

import random
import threading
from collections.abc import Sequence

import pytest
from sqlalchemy import Engine, select

from storage.webhooks import bands, registry
from storage.webhooks.bands import PartitionPosition, PositionMovedError, ReadBatch
from storage.webhooks.crossings import by_site, fold
from storage.webhooks.tables import bands as table
from stream.scored import ScoredSession
from tests.support.events import NOON
from tests.support.scored import scored
from tests.support.webhooks import kept, webhook

HOOKS = by_site([webhook()])


def move(
    engine: Engine, place: PartitionPosition, updates: Sequence[ScoredSession], partition: int = 0
) -> bands.StepResult:
    read = {partition: ReadBatch(place, place.next + len(updates), NOON, updates)}
    return bands.move(engine, "log", read, HOOKS, NOON)


def remembered(engine: Engine) -> dict[str, str]:
    with engine.connect() as connection:
        return dict(connection.execute(select(table.c.session_id, table.c.band)).all())


def test_a_crossing_a_band_and_a_position_are_one(engine: Engine) -> None:
    moved = move(engine, PartitionPosition(), [scored(1, band="low"), scored(2, band="high")])
    assert (moved.crossings, remembered(engine)) == (1, {"s1": "high"})
    assert bands.places(engine, "log") == moved.places == {0: PartitionPosition(2, 2, NOON, True)}
    assert [each.state for each in kept(engine).values()] == ["due"]
    moved = move(engine, moved.places[0], [scored(3, band="high"), scored(4, closed=True, band="high")])
    assert (moved.crossings, remembered(engine), len(kept(engine))) == (0, {}, 1)
    assert bands.places(engine, "another log") == {}


def test_who_reads_what_another_has_moved_past_writes_nothing(engine: Engine) -> None:
    move(engine, PartitionPosition(), [scored(1, band="high")])
    with pytest.raises(PositionMovedError):
        move(engine, PartitionPosition(), [scored(1, band="high"), scored(2, band="low")])
    behind = bands.places(engine, "log")[0]
    move(engine, behind, [scored(2, band="building")])
    with pytest.raises(PositionMovedError):
        move(engine, behind, [scored(2, band="building"), scored(3, band="high")])
    assert remembered(engine) == {"s1": "building"}
    assert len(kept(engine)) == 2


def test_a_step_that_fails_in_its_last_part_leaves_nothing(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(bands, "put_crossings", fail)
        with pytest.raises(OSError, match="killed"):
            move(engine, PartitionPosition(), [scored(1, band="high")])
    assert (bands.places(engine, "log"), remembered(engine), kept(engine)) == ({}, {}, {})
    assert move(engine, PartitionPosition(), [scored(1, band="high")]).crossings == 1


def test_two_readers_of_one_log_make_each_delivery_once(engine: Engine) -> None:
    """Both read the same partitions from wherever the database is, with all their might."""
    chance = random.Random(6)
    logs = [
        [scored(n, session_id=f"{p}-{chance.randrange(5)}", band=chance.choice(("low", "high"))) for n in range(120)]
        for p in (0, 1)
    ]
    made: list[int] = []

    def reader(seed: int) -> None:
        draw = random.Random(seed)
        while True:
            places = bands.places(engine, "log")
            read = {}
            for number, log in enumerate(logs):
                place = places.get(number, PartitionPosition())
                updates = log[place.next : place.next + draw.randrange(1, 20)]
                if updates:
                    read[number] = ReadBatch(place, place.next + len(updates), NOON, updates)
            if not read:
                return
            try:
                made.append(bands.move(engine, "log", read, HOOKS, NOON).crossings)
            except PositionMovedError:
                continue

    threads = [threading.Thread(target=reader, args=(seed,)) for seed in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    wanted = sum(len(fold(log, -1, {}, HOOKS).crossings) for log in logs)
    assert sum(made) == len(kept(engine)) == wanted > 50


def test_bands_are_forgotten_when_nobody_needs_them(engine: Engine) -> None:
    registry.add(engine, "default", "https://shop.example/hook", (), False, NOON)
    move(engine, PartitionPosition(), [scored(1, band="high")])
    assert bands.forget_old(engine, NOON) == 0
    assert bands.forget_old(engine, NOON + 1) == 1
    move(engine, bands.places(engine, "log")[0], [scored(2, band="building")])
    registry.remove(engine, registry.every(engine)[0].id)
    assert bands.forget_old(engine, 0) == 1
    assert remembered(engine) == {}
