"""Scores counted in ClickHouse are what a slow count gives."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storage.pages.score_counts import EVERY_SECONDS, ScoreCounts
from storage.pages.site_rows import ScoreCount
from storage.write.clickhouse_sink import AnalyticsSink
from stream.scored import Cause, Counts, ScoredSession, version_of
from tests.support.events import NOON, event_id
from tests.support.scored import scored
from tests.support.sinks import CLICKHOUSES, block

HOUR = 3_600_000


@pytest.fixture(params=CLICKHOUSES)
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    with CLICKHOUSES[request.param](tmp_path / "clickhouse") as made:
        yield made


def update(offset: int, session: str, events: int, probability: float, **given: Any) -> ScoredSession:
    whole: dict[str, Any] = {
        "session_id": session,
        "event": Cause(offset, event_id(offset), "page_view"),
        "counts": Counts(events, events, 0, 0, 0),
        "probability": probability,
        "updated_at": NOON + offset,
        "model_version": "m1",
    }
    return scored(offset, **(whole | given))


def test_live_scores_of_the_newest_model_are_counted_by_number_of_events(client: Any) -> None:
    updates = [
        update(1, "a", 1, 0.1001),
        update(2, "a", 2, 0.2),
        update(3, "b", 1, 0.1004),
        update(4, "a", 4, 0.3),
        update(5, "a", 5, 0.3),  # 4 and 5 events are one number, and one session
        update(6, "b", 4, 0.4),
        update(7, "c", 1, 0.9, bot=True),
        update(8, "d", 1, 0.9, opened_at=NOON - HOUR),
        update(9, "e", 1, 0.9, version=version_of(9, False, 3)),
        update(10, "f", 1, 0.9, site="other"),
        update(11, "g", 1, 0.9, closed=True, event=Cause(11)),
        update(0, "h", 1, 0.9, model_version="m0"),
    ]
    AnalyticsSink(client).write(block(*updates))
    found = Counter(ScoreCounts(client).since(NOON, ["default"]))
    assert found == Counter(
        [
            ScoreCount("default", "m1", 1, 0.1, 2),
            ScoreCount("default", "m1", 2, 0.2, 1),
            ScoreCount("default", "m1", 4, 0.3, 1),
            ScoreCount("default", "m1", 4, 0.4, 1),
        ]
    )


def test_a_count_is_kept_for_an_hour_unless_it_is_to_be_fresh(client: Any) -> None:
    now = [0.0]
    counts = ScoreCounts(client, lambda: now[0])
    AnalyticsSink(client).write(block(update(1, "a", 1, 0.1)))
    assert len(counts.since(NOON, ["default"])) == 1
    AnalyticsSink(client).write(block(update(2, "b", 1, 0.2)))
    now[0] = EVERY_SECONDS - 1
    assert len(counts.since(NOON, ["default"])) == 1
    assert len(counts.since(NOON, ["default"], fresh=True)) == 2
    now[0] += EVERY_SECONDS
    assert len(counts.since(NOON, [])) == 2
