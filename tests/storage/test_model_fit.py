"""Whether live scores rank the buyers of a site: the area under the ROC curve, its interval, and what is said of it."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from storage.query.model_fit import FEWEST_BUYERS, TRAILING_MS, OutcomeCount, auc, fits, model_fits
from storage.write.clickhouse_sink import AnalyticsSink, run_query
from stream.scored import Cause, Counts, ScoredSession
from tests.support.events import NOON, event_id
from tests.support.scored import scored
from tests.support.sinks import CLICKHOUSES, block


def drawn(seed: int, buyers: int, others: int, apart: float) -> tuple[np.ndarray, np.ndarray]:
    """Scores and labels: normal scores, those of buyers by `apart` higher, rounded so that some are equal."""
    chance = np.random.default_rng(seed)
    scores = np.concatenate([chance.normal(apart, 1, buyers), chance.normal(0, 1, others)]).round(1)
    return scores, np.repeat([1, 0], [buyers, others])


def counted(scores: np.ndarray, labels: np.ndarray, site: str = "shop") -> list[OutcomeCount]:
    return [
        OutcomeCount(site, "m1", float(value), int(labels[equal].sum()), int((1 - labels)[equal].sum()))
        for value in np.unique(scores)
        for equal in [scores == value]
    ]


@pytest.mark.parametrize("apart", [-1.0, 0.0, 0.5, 3.0])
def test_the_area_is_that_of_scikit_learn(apart: float) -> None:
    scores, labels = drawn(1, 80, 300, apart)
    assert auc(counted(scores, labels)).auc == pytest.approx(roc_auc_score(labels, scores))


def test_the_interval_holds_the_true_area_about_nineteen_times_of_twenty() -> None:
    true = NormalDist().cdf(0.5 / 2**0.5)
    found = [fits(counted(*drawn(seed, 60, 240, 0.5)))[0] for seed in range(400)]
    covered = sum(fit.low <= true <= fit.high for fit in found) / len(found)
    # Binomial: within four standard errors of 0.95.
    assert abs(covered - 0.95) < 4 * (0.95 * 0.05 / len(found)) ** 0.5 + 0.01


@pytest.mark.parametrize(
    ("apart", "verdict", "text"),
    [
        (1.5, "ranks", "rank buyers above others"),
        (0.0, "unclear", "may be no better than chance"),
        (
            -1.0,
            "misleads",
            "model m1 does not fit this shop; learn from the shop's own sessions: `opecom",
        ),
    ],
)
def test_what_it_comes_to_is_in_plain_words(apart: float, verdict: str, text: str) -> None:
    [fit] = fits(counted(*drawn(3, 60, 240, apart)))
    assert (fit.verdict, fit.buyers, fit.sessions) == (verdict, 60, 300)
    assert text in fit.text


def test_a_site_with_few_buyers_has_no_fit() -> None:
    assert fits(counted(*drawn(1, FEWEST_BUYERS - 1, 300, 1.0))) == []
    assert fits(counted(*drawn(1, 300, FEWEST_BUYERS - 1, 1.0))) == []
    assert fits([]) == []


@pytest.fixture(params=CLICKHOUSES)
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    with CLICKHOUSES[request.param](tmp_path / "clickhouse") as made:
        yield made


class Log:
    """Updates of sessions at growing offsets."""

    def __init__(self) -> None:
        self.updates: list[ScoredSession] = []

    def session(self, name: str, score: float, bought: bool, pages: int = 3, **given: Any) -> None:
        """One session whose score at its third page is `score`, at others 0.5."""
        for page in range(1, pages + 1):
            self._add(name, page, score if page == 3 else 0.5, given.get("bought_before", False), given)
        if given.get("is_closed", True):
            self._add(name, pages, 0.5, bought, given, closed=True)

    def _add(self, name: str, pages: int, score: float, bought: bool, given: Any, closed: bool = False) -> None:
        offset = len(self.updates) + 1
        more = {key: value for key, value in given.items() if key not in ("bought_before", "is_closed")}
        whole: dict[str, Any] = {
            "session_id": name,
            "event": Cause(offset) if closed else Cause(offset, event_id(offset), "page_view"),
            "counts": Counts(pages, pages, 0, 0, 0),
            "probability": score,
            "revenue": bought,
            "model_version": "m1",
        }
        self.updates.append(scored(offset, closed, **(whole | more)))


def test_closed_sessions_count_with_their_score_at_the_third_page(client: Any) -> None:
    log, chance = Log(), np.random.default_rng(4)
    labels = [True] * 60 + [False] * 140
    scores = [round(float(chance.uniform(0.2 * label, 0.8)), 3) for label in labels]
    for number, (score, label) in enumerate(zip(scores, labels, strict=True)):
        log.session(f"s{number}", score, label, pages=3 + number % 3)
    for number in range(60):
        log.session(f"short{number}", 0.9, True, pages=2)
        log.session(f"before{number}", 0.9, True, bought_before=True)
        log.session(f"open{number}", 0.9, False, is_closed=False)
        log.session(f"bot{number}", 0.9, False, bot=True)
        log.session(f"old{number}", 0.9, False, opened_at=NOON - TRAILING_MS - 1)
        log.session(f"other{number}", 0.1, False, site="few")
        log.session(f"run{number}", 0.1, number % 2 == 0, site="default~k3f9")
        log.session(f"model{number}", 0.9, False, model_version="m0", opened_at=NOON - 1)
    AnalyticsSink(client).write(block(*log.updates))
    [fit] = model_fits(partial(run_query, client), NOON)
    assert (fit.site, fit.model, fit.buyers, fit.sessions) == ("default", "m1", 60, 200)
    assert fit.auc == pytest.approx(roc_auc_score(labels, scores), abs=5e-5)
    assert model_fits(partial(run_query, client), NOON, "few") == []
