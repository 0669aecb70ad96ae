"""Scores of the generated shop against its truth: the first days, three moments of them, and the uncorrected model."""

from collections.abc import Mapping, Sequence
from functools import partial

from msgspec import Struct

from deploy.simulate.evaluation.figures import EventFigures, figures
from deploy.simulate.evaluation.first_days import FirstDays
from deploy.simulate.evaluation.moments import at_moment, beginnings
from deploy.simulate.evaluation.pipeline import Score
from deploy.simulate.evaluation.samples import NUMBERS, Samples, truths
from deploy.simulate.evaluation.site import RefreshedSite
from deploy.simulate.evaluation.uncorrected import UncorrectedModel
from deploy.simulate.shop.visit import ShopVisit
from stream.fold.calendar import Calendar
from stream.step import ModelLoader, score

#: Mean predicted / observed is to lie within these, and no more than this share of sessions is to be high.
LEAST_RATIO, MOST_RATIO, MOST_HIGH = 0.8, 1.2, 0.2

#: By the number of the event.
ByEvent = dict[int, EventFigures]


class ShopEvaluation(Struct, frozen=True):
    """`figures` are those of the site as it learns, `shipped` those of the model without any correction.

    `crossings`: by band, per session that crossed at all. `held_hours`: see FirstDays. `lost`: a line for each thing
    that the fold lost.
    """

    figures: ByEvent
    shipped: ByEvent
    moments: dict[str, ByEvent]
    crossings: dict[str, float]
    held_hours: int
    sessions: int
    buyers: int
    events: int
    lost: list[str]

    @property
    def outside(self) -> list[str]:
        """A line for each figure that is not within its bounds: of ratio and gain, the whole interval."""
        lines = _outside("", self.figures)
        for name, of_moment in self.moments.items():
            lines += _outside(f" ({name})", of_moment)
        return lines


def evaluate(
    visits: Sequence[ShopVisit],
    conversion: float,
    models: ModelLoader,
    scored_by: Score = score,
    calendar: Calendar | None = None,
) -> ShopEvaluation:
    """Score live visits of one site that expects this conversion, by `scored_by` with these models."""
    calendar, known = calendar or Calendar(), truths(visits)
    with RefreshedSite(visits[0].site, conversion) as site:
        others: Mapping[str, ModelLoader] = {"shipped": lambda version: UncorrectedModel(models(version))}
        days = FirstDays(known, calendar, site, scored_by, models, others)
        days.run(visits)
    lines = beginnings(visits)
    moment = partial(at_moment, lines, known, calendar, score=scored_by, models=models)
    return ShopEvaluation(
        _by_event(days.scores),
        _by_event(days.others["shipped"]),
        {name: _by_event(moment(rows)) for name, rows in days.moments.items()},
        days.crossings.by_session(),
        days.held_hours,
        days.sessions,
        days.buyers,
        days.events,
        _lost(visits, days),
    )


def _by_event(samples: Samples) -> ByEvent:
    return {number: figures(samples.at(number)) for number in NUMBERS}


def _lost(visits: Sequence[ShopVisit], days: FirstDays) -> list[str]:
    pairs = (
        ("sessions", len(visits), days.sessions),
        ("buyers", sum(visit.bought for visit in visits), days.buyers),
        ("events", sum(visit.event_count for visit in visits), days.events),
    )
    lines = [f"{made:,} {name} were made, {seen:,} came out" for name, made, seen in pairs if made != seen]
    return lines + [f"{count:,} events ended as {outcome}" for outcome, count in days.not_folded.items()]


def _outside(where: str, by_event: ByEvent) -> list[str]:
    lines = []
    for number, at in by_event.items():
        low, high = at.ratio_interval
        if low > MOST_RATIO or high < LEAST_RATIO:
            lines.append(f"ratio_{number}{where} is {at.ratio:.3g}, not within {LEAST_RATIO} and {MOST_RATIO}")
        if at.gain_interval[1] <= 0:
            lines.append(f"gain_{number}{where} is {at.gain:.3g}: the constant rate is better")
        share = at.bands["high"].share
        if share > MOST_HIGH:
            lines.append(f"{share:.0%} of the sessions are high at event {number}{where}, more than {MOST_HIGH:.0%}")
    return lines
