"""The evaluation finds what is known beforehand: a model that is the truth, and ones that are not."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from io import StringIO

import msgspec
import numpy as np
import pytest

from deploy.simulate.evaluation import evaluation
from deploy.simulate.evaluation.evaluation import ShopEvaluation, evaluate
from deploy.simulate.evaluation.figures import EventFigures
from deploy.simulate.evaluation.first_days import FirstDays
from deploy.simulate.evaluation.moments import MOMENTS
from deploy.simulate.evaluation.report import as_json, show
from deploy.simulate.evaluation.samples import NUMBERS, truths
from deploy.simulate.evaluation.site import RefreshedSite
from deploy.simulate.evaluation.uncorrected import UncorrectedModel
from deploy.simulate.shop.shop import SITE, ShopParameters, visits
from deploy.simulate.shop.visit import ShopVisit
from deploy.terminal.console import TerminalConsole
from scoring.model import ConstantModel
from scoring.registry import load
from stream.fold.calendar import Calendar
from stream.fold.update import UnscoredUpdate
from stream.step import ModelLoader, ScoredUpdate, score

SESSIONS = 2_500
CONVERSION = 0.03


@pytest.fixture(scope="module")
def made() -> list[ShopVisit]:
    return visits(ShopParameters(SESSIONS, seed=5, days=3), clock="live")


def scored_as(
    probability: Callable[[UnscoredUpdate], float], updates: Sequence[UnscoredUpdate], models: ModelLoader
) -> Iterator[Sequence[ScoredUpdate]]:
    """The real scores, but for the probability."""
    place = 0
    for ready in score(updates, models):
        yield [replaced(each, probability(updates[place + index])) for index, each in enumerate(ready)]
        place += len(ready)


def replaced(scored: ScoredUpdate, probability: float) -> ScoredUpdate:
    return msgspec.structs.replace(scored, record=msgspec.structs.replace(scored.record, probability=probability))


@pytest.fixture(scope="module")
def by_truth(made: list[ShopVisit]) -> ShopEvaluation:
    known = truths(made)

    def probability(update: UnscoredUpdate) -> float:
        found = known.get((update.record.session_id, update.record.counts.events))
        return found.truth if found else 0.0

    model = ConstantModel()
    return evaluate(made, CONVERSION, lambda _: model, partial(scored_as, probability))


def test_a_model_that_is_the_truth_has_its_ratio_and_its_gain(by_truth: ShopEvaluation) -> None:
    for at in by_truth.figures.values():
        assert at.ratio_interval[0] < 1 < at.ratio_interval[1]
        assert (at.gain, at.auc) == (at.truth_gain, at.truth_auc)
        assert at.gain_interval[0] > 0
    for by_event in by_truth.moments.values():
        assert [at.gain for at in by_event.values()] == [at.gain for at in by_truth.figures.values()]


def test_nothing_is_lost_on_the_way(made: list[ShopVisit], by_truth: ShopEvaluation) -> None:
    assert by_truth.lost == []
    assert by_truth.sessions == SESSIONS
    assert by_truth.buyers == sum(visit.bought for visit in made)
    assert by_truth.events == sum(visit.event_count for visit in made)
    assert [at.sessions for at in by_truth.figures.values()] == [
        sum(visit.event_count >= number and not bought_by(visit, number) for visit in made) for number in NUMBERS
    ]


def bought_by(visit: ShopVisit, number: int) -> bool:
    return any(event.type == "purchase" for event, _ in zip(visit.walk(), range(number), strict=False))


def test_what_is_lost_is_a_line(made: list[ShopVisit]) -> None:
    some = made[:40]
    days = FirstDays(truths(some), Calendar(), RefreshedSite(SITE, CONVERSION), score, lambda _: ConstantModel(), {})
    days.sessions, days.events = 39, sum(visit.event_count for visit in some)
    days.buyers = sum(visit.bought for visit in some)
    days.not_folded["late"] = 3
    assert evaluation._lost(some, days) == ["40 sessions were made, 39 came out", "3 events ended as late"]


def test_a_constant_that_is_wrong_is_outside_its_bounds(made: list[ShopVisit], by_truth: ShopEvaluation) -> None:
    model = ConstantModel(0.3)
    found = evaluate(made[:1_500], CONVERSION, lambda _: model)
    for number, at in found.figures.items():
        assert at.ratio == pytest.approx(0.3 / at.observed)
        assert at.gain < 0
        assert at.auc == 0.5
        assert f"ratio_{number} is {at.ratio:.3g}, not within 0.8 and 1.2" in found.outside
        assert f"gain_{number} (an hour) is {at.gain:.3g}: the constant rate is better" in found.outside
    # Its bands begin at 0.2 and 0.5; those of the site, once it has some, at a score that nobody has.
    assert found.moments["no statistics"][1].bands["building"].share == 1.0
    # The bands of the truth are a constant's.
    assert [line for line in by_truth.outside if "are high" not in line] == []


def test_the_shipped_model_is_scored_without_any_correction(made: list[ShopVisit]) -> None:
    model = load()
    found = evaluate(made[::8], CONVERSION, lambda _: model)
    plain = evaluate(made[::8], CONVERSION, lambda _: UncorrectedModel(model))
    assert [measures(at) for at in found.shipped.values()] == [measures(at) for at in plain.figures.values()]
    assert [measures(at) for at in found.figures.values()] != [measures(at) for at in found.shipped.values()]
    assert list(found.moments) == list(MOMENTS)


def measures(at: EventFigures) -> tuple[float, float, float]:
    return at.ratio, at.gain, at.auc


def test_a_shop_in_another_currency_has_the_same_scores() -> None:
    """But for the statistics' own rounding, which is of their amounts."""
    model, probabilities = load(), []
    for amounts in (1.0, 150.0):
        some = visits(ShopParameters(700, seed=6, days=2, amounts=amounts), clock="live")
        with RefreshedSite(SITE, CONVERSION) as site:
            days = FirstDays(truths(some), Calendar(), site, score, lambda _: model, {})
            days.run(some)
        probabilities.append(np.concatenate([days.scores.at(number).probability for number in NUMBERS]))
        assert site.statistics.version > 0
        assert max(row.page_value for row in site.statistics.rows(site.statistics.version).values()) > 0
    assert probabilities[0] == pytest.approx(probabilities[1], abs=0.002)


def test_the_site_expects_its_conversion_from_the_first_event_on(made: list[ShopVisit]) -> None:
    model = load()
    few, many = (evaluate(made[:200], conversion, lambda _: model) for conversion in (0.03, 0.1))
    assert many.figures[1].predicted > 2 * few.figures[1].predicted
    assert many.shipped[1].predicted == few.shipped[1].predicted


def test_the_line_of_json_has_the_names_of_the_issue(by_truth: ShopEvaluation) -> None:
    document = msgspec.json.decode(as_json(by_truth))
    names = [f"{name}_{number}" for name in ("ratio", "gain") for number in NUMBERS]
    assert list(document["figures"]) == list(document["shipped"]) == names
    assert document["figures"]["gain_10"] == round(by_truth.figures[10].gain, 6)
    assert document["intervals"]["ratio_interval_1"] == [round(each, 6) for each in by_truth.figures[1].ratio_interval]
    assert set(document["moments"]) == set(MOMENTS)
    assert document["sessions"] == SESSIONS
    assert document["lost"] == 0
    assert "\n" not in as_json(by_truth)


def test_the_tables_fit_into_eighty_columns(by_truth: ShopEvaluation) -> None:
    written = StringIO()
    show(by_truth, TerminalConsole(width=80, file=written))
    shown = written.getvalue()
    assert "…" not in shown
    assert f"{by_truth.figures[10].gain:.3f}" in shown
