"""Experiments in a replay: a window that opens after a start knows what is in force, and its arms are the live ones."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import text

from ingest.events import Control, Event, UseExperiments
from scoring.model import ConstantModel
from stream.experiments.definition import Definition, encode
from stream.experiments.history import Experiments
from stream.required import RequiredVersions
from tests.storage.replay.test_run import named
from tests.support.events import NOON
from tests.support.experiments import defined, experiment, holdout, model_experiment, stopped
from tests.support.replays import Shop, placed
from tests.support.weeks import HOUR, a_week

DEFINITIONS: list[Definition] = [
    experiment(audience="page_views >= 1"),
    model_experiment("models", unit="session", salt="a" * 16),
    holdout(3_000, salt="2222222222222222"),
    stopped(experiment(audience="page_views >= 1")),
]
MODELS = {"": ConstantModel(0.25), "m1": named("m1", 0.125), "m2": named("m2", 0.75)}


class LazyExperiments:
    """What the topic says, read as far as somebody waits for it."""

    def __init__(self, definitions: Sequence[Definition]) -> None:
        self.experiments = Experiments()
        self._definitions = definitions

    async def reached(self, needed: RequiredVersions) -> None:
        for offset in range(self.experiments.version, needed.experiments):
            self.experiments.take(offset, encode(self._definitions[offset]))


def with_experiments() -> list[Event | Control]:
    week = a_week()
    starts = [UseExperiments(version) for version in (1, 2, 3)]
    return [*starts, *week[: len(week) * 3 // 4], UseExperiments(4), *week[len(week) * 3 // 4 :]]


def a_shop(databases: tuple[Any, Any]) -> Shop:
    return Shop(*databases, placed(with_experiments()), MODELS.__getitem__, experiments=defined(DEFINITIONS))


@pytest.mark.parametrize("source", ["kafka", "clickhouse"])
async def test_the_arms_of_a_replay_are_the_live_ones(databases: tuple[Any, Any], source: str) -> None:
    shop = a_shop(databases)
    shop.live()
    with shop.engine.connect() as connection:
        rows = connection.execute(text("SELECT experiments, holdout, model_version FROM sessions")).fetchall()
    arms = {(each["experiment"], each["arm"]) for row in rows for each in json.loads(row[0])}
    assert arms >= {("models", "control"), ("models", "treatment")}
    assert {row[2] for row in rows} >= {"m1", "m2"}
    again = LazyExperiments(DEFINITIONS)
    shop.experiments, shop.wait_for_versions = again.experiments, again.reached
    for since in (0, NOON + 60 * HOUR):
        account = await shop.replay(source=source, since=since, diff=True, into="nothing")
        assert account.sessions > 0
        assert account.changed == 0


async def test_a_replay_with_another_definition_finds_other_arms(databases: tuple[Any, Any]) -> None:
    shop = a_shop(databases)
    shop.live()
    other = LazyExperiments([experiment(audience="page_views >= 1", salt="0" * 16), *DEFINITIONS[1:]])
    shop.experiments, shop.wait_for_versions = other.experiments, other.reached
    assert (await shop.replay(diff=True, into="nothing")).changed > 0


async def test_a_window_after_a_refused_start_leaves_the_experiment_out(databases: tuple[Any, Any]) -> None:
    shop = a_shop(databases)
    shop.live(refused={1: "no such model"})
    with shop.engine.connect() as connection:
        stored = connection.execute(text("SELECT experiments FROM sessions")).scalars().all()
    assert not any("models" in row for row in stored)
    again = LazyExperiments(DEFINITIONS)
    shop.experiments, shop.wait_for_versions = again.experiments, again.reached
    account = await shop.replay(since=NOON + 60 * HOUR, diff=True, into="nothing", source="clickhouse")
    assert account.sessions > 0
    assert account.changed == 0
