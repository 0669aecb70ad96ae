"""Both feature contracts, a promotion between them and a changed conversion: a replay finds what was scored live."""

import json
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from ingest.events import Control, Event, Tick, UseExperiments, UseModel, UsePages
from scoring import registry
from scoring.model import Model
from stream.experiments.assignment import bucket
from stream.fold.sites import SiteRow
from tests.support.events import NOON
from tests.support.experiments import defined, model_experiment
from tests.support.models import add_session_model
from tests.support.replays import Shop, placed
from tests.support.shop_statistics import FIRST, SECOND, THIRD, statistics
from tests.support.shop_visits import HOUR, shop_visits


def records_of_a_day() -> list[Event | Control]:
    parts = [shop_visits(seed, NOON + seed * 3 * HOUR, 12) for seed in range(1, 6)]
    controls = [UsePages(FIRST), UseModel("session"), UsePages(SECOND), UseModel("shipped"), UsePages(THIRD)]
    records: list[Event | Control] = []
    for control, events in zip(controls, parts, strict=True):
        records += [control, *events]
    return [*records, Tick("live", NOON + 30 * HOUR)]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Model]:
    folder: Path = tmp_path_factory.mktemp("models")
    registry.seed(folder)
    add_session_model(folder, "session")

    @lru_cache
    def model(version: str) -> Model:
        return registry.load(folder, "" if version == "shipped" else version)

    return model


@pytest.fixture
def shop(databases: tuple[Any, Any], models: Callable[[str], Model]) -> Shop:
    shop = Shop(*databases, placed(records_of_a_day()), models, statistics())
    shop.live()
    return shop


async def test_a_replay_finds_what_was_scored_live(shop: Shop) -> None:
    before = shop.rows()
    versions = {row[0] for row in shop.client.query("SELECT DISTINCT model_version FROM scored_sessions").result_rows}
    assert versions == {"session", registry.current()}
    for source in ("kafka", "clickhouse"):
        account = await shop.replay(source=source, diff=True)
        assert account.changed == account.voided == account.refused == 0
        assert shop.rows() == before


async def test_lost_databases_come_back_with_the_signals_and_scores_that_they_had(shop: Shop) -> None:
    before = shop.rows()
    assert any("cart" in repr(row) for row in before["scored_sessions"])
    shop.lose(relational=True, analytics=False)
    await shop.replay(source="kafka")
    assert shop.rows()["sessions"] == before["sessions"]


async def test_a_changed_conversion_changes_the_scores_after_it_and_none_before(shop: Shop) -> None:
    query = "SELECT offset, partition, avg(probability) FROM scored_sessions GROUP BY offset, partition"
    live = {row[:2]: row[2] for row in shop.client.query(query).result_rows}
    shop.statistics.site_rows._rows["default"][1] = (SECOND, SiteRow("b", "default", 0.01))
    shop.statistics._profiles.clear()
    await shop.replay(source="kafka")
    again = {row[:2]: row[2] for row in shop.client.query(query.replace("GROUP", "WHERE NOT void GROUP")).result_rows}
    changed = {place for place, probability in live.items() if abs(again[place] - probability) > 1e-6}
    first = {
        number: next(
            record.offset for record in records if record.key is None and b'"version":4' in (record.value or b"")
        )
        for number, records in enumerate(shop.source.partitions)
    }
    assert changed
    assert all(offset > first[partition] for offset, partition in changed)


async def test_each_arm_of_a_model_experiment_is_scored_by_its_contract(
    databases: tuple[Any, Any], models: Callable[[str], Model]
) -> None:
    visits = [each for seed in (1, 2) for each in shop_visits(seed, NOON + seed * 3 * HOUR, 12)]
    both = model_experiment(control="", treatment="session", unit="session")
    records: list[Event | Control] = [UseExperiments(1), *visits, Tick("live", NOON + 30 * HOUR)]
    shop = Shop(*databases, placed(records), models, experiments=defined([both]))
    shop.live()
    rows = shop.client.query("SELECT DISTINCT session_id, experiments, model_version FROM scored_sessions").result_rows
    assert len(rows) == len({each.session_id for each in visits})
    for session_id, shown, version in rows:
        is_treated = bucket(both.salt, session_id) >= 5_000
        assert [each["arm"] for each in json.loads(shown)] == ["treatment" if is_treated else "control"]
        assert version == ("session" if is_treated else registry.current())
    assert len({version for *_, version in rows}) == 2
    before = shop.rows()
    for source in ("kafka", "clickhouse"):
        account = await shop.replay(source=source, diff=True)
        assert account.changed == account.voided == account.refused == 0
        assert shop.rows() == before
