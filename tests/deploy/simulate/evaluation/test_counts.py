"""Counts in memory are those of ClickHouse, for the same updates of a generated shop."""

from collections import Counter
from pathlib import Path

import msgspec
import pytest

from deploy.simulate.evaluation.counts import CountedPages, CountedScores
from deploy.simulate.evaluation.pipeline import ShopPipeline
from deploy.simulate.ordered import ordered
from deploy.simulate.shop.parameters import ShopFacts
from deploy.simulate.shop.shop import SITE, ShopParameters, visits
from scoring.registry import load
from storage.pages.score_counts import ScoreCounts
from storage.pages.tally import Tallies, Tally
from storage.write.clickhouse_sink import AnalyticsSink
from stream.fold.calendar import Calendars
from stream.fold.pages import PageStatistics
from stream.scored import ScoredSession
from stream.step import score
from tests.support.sinks import block, clickhouse


@pytest.fixture(scope="module")
def records() -> list[ScoredSession]:
    """Scored updates of three days, the last sessions of which are still open."""
    made = visits(ShopParameters(150, seed=2, days=3, facts=ShopFacts(conversion=0.1)), clock="live")
    model = load()
    pipeline = ShopPipeline(PageStatistics(), Calendars({}), score, lambda _: model)
    updates = pipeline.append(ordered(made))
    assert pipeline.not_folded == {}
    return [scored.record for scored in pipeline.scored(updates)]


def uncounted(tally: Tally) -> Tally:
    """Without the value, which is a sum in another order."""
    return msgspec.structs.replace(tally, value=0.0)


def test_pages_and_scores_are_counted_as_in_clickhouse(records: list[ScoredSession], tmp_path: Path) -> None:
    pages, scores = CountedPages(SITE), CountedScores()
    pages.take(records)
    scores.take(records)
    opened = sorted(record.opened_at for record in records)
    assert {record.status for record in records} == {"open", "ended", "closed"}
    with clickhouse(tmp_path / "chdb") as client:
        AnalyticsSink(client).write(block(*records))
        for since in (opened[0], opened[-1]):
            counted = pages.since(since)
            expected = Tallies(client).since(since)
            assert [uncounted(each) for each in counted] == [uncounted(each) for each in expected]
            assert [each.value for each in counted] == pytest.approx([each.value for each in expected])
            found = Counter(scores.since(since, [SITE]))
            assert found == Counter(ScoreCounts(client).since(since, [SITE]))
            assert found
    assert sum(each.value for each in pages.since(0)) > 0
