"""A generated shop's visitors at the moment at which an experiment would meet them, as a running system scores it.

The sessions are folded and scored by the shipped model with the site's own page statistics and corrections of the first
days, as live traffic is. What the record of the moment has is what was known before exposure; what the visitor orders
after it is the outcome, by the rule of scoring/experiments/labels.py. Beside it stands the truth of the shop: the
probability that the session buys, given its events up to the moment, than which no covariate of them can be better.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from deploy.bench.errors import BenchError
from deploy.simulate.evaluation.first_days import FirstDays
from deploy.simulate.evaluation.site import RefreshedSite
from deploy.simulate.shop.shop import ShopParameters, visits
from deploy.simulate.shop.visit import ShopVisit
from scoring.experiments.effects import arm_rates, effects
from scoring.experiments.labels import DAY_MS, CountingRule, ExposureRow, OrderRow, VisitorSession, labeled
from scoring.experiments.metrics import metric_columns
from scoring.experiments.moments import moments
from scoring.experiments.visitors import ExposedVisitors
from stream.fold.calendar import Calendar
from stream.fold.update import UnscoredUpdate
from stream.scored import ScoredSession
from stream.step import ModelLoader, ScoredUpdate, score

#: Days after exposure in which an order counts, draws of arms over which a shortening is averaged, and visitors that
#: it takes.
WINDOW_DAYS, DRAWS, FEWEST = 7, 20, 100


def _pages(number: int) -> Callable[[ScoredSession], bool]:
    return lambda record: record.signals is not None and record.signals.page_views >= number


#: By the name of the moment whether it has come at an update; a visitor is exposed at the first.
MOMENTS: Mapping[str, Callable[[ScoredSession], bool]] = {
    "the first event": lambda _: True,
    "the third page": _pages(3),
    "the fifth page": _pages(5),
    "the eighth page": _pages(8),
    "the first product in the cart": lambda record: record.signals is not None and record.signals.cart_adds > 0,
}


class Shortening(NamedTuple):
    """By how much covariates shorten the interval of the difference of conversions: all of them, the score alone, and
    the truth alone. `visitors` that were exposed, and the share of them that bought afterwards.
    """

    visitors: int
    conversion: float
    by_all: float
    by_score: float
    by_truth: float


class ShopExposures:
    """What comes of scoring a shop: exposures at each of MOMENTS; `truths` by event id."""

    def __init__(self, truths: Mapping[str, float]) -> None:
        self._truths = truths
        self.rows: dict[str, list[ExposureRow]] = {name: [] for name in MOMENTS}
        self._met: set[tuple[str, str]] = set()

    def score(self, updates: Sequence[UnscoredUpdate], models: ModelLoader) -> Iterator[Sequence[ScoredUpdate]]:
        for ready in score(updates, models):
            for each in ready:
                self._take(each.record)
            yield ready

    def _take(self, record: ScoredSession) -> None:
        # A closing is no moment to act at, and neither is what follows an order.
        if record.event.id is None or record.revenue:
            return
        known = (*_known_before(record), self._truths[record.event.id])
        for name, has_come in MOMENTS.items():
            if (name, record.visitor_id) not in self._met and has_come(record):
                self._met.add((name, record.visitor_id))
                self.rows[name].append(ExposureRow(record.visitor_id, 0, record.occurred_at, record.bot, known))


def shortenings(wanted: ShopParameters, models: ModelLoader) -> dict[str, Shortening]:
    """Of each moment; raises BenchError where too few visitors are exposed to say."""
    made = visits(wanted, clock="live")
    exposures = ShopExposures(_truths(made))
    with RefreshedSite(made[0].site, wanted.facts.conversion) as site:
        FirstDays({}, Calendar(), site, exposures.score, models, {}).run(made)
    sessions = [VisitorSession(each.visitor_id, each.start, each.start + each.lasts) for each in made]
    orders = [order for each in made if each.bought for order in _orders(each)]
    rule = CountingRule(started_at=min(each.start for each in made), window_days=WINDOW_DAYS)
    until = max(each.start + each.lasts for each in made) + WINDOW_DAYS * DAY_MS
    return {
        name: shortening(labeled(rows, sessions, orders, rule, 1, until).visitors)
        for name, rows in exposures.rows.items()
    }


def shortening(visitors: ExposedVisitors) -> Shortening:
    """The mean over random halves of the visitors, whose last covariate is the truth; raises BenchError for fewer than
    FEWEST, or without an order.
    """
    if visitors.size < FEWEST or not visitors.converted.any():
        raise BenchError(f"{visitors.size} visitors are exposed, too few to compare intervals: draw more sessions")
    chance, columns = np.random.default_rng(1), metric_columns(visitors, "conversion")
    of_all = columns.shape[1] - 1
    chosen = {"plain": [0, 1], "all": [*range(of_all)], "score": [*range(4)], "truth": [0, 1, of_all]}
    errors = dict.fromkeys(chosen, 0.0)
    for _ in range(DRAWS):
        arm = chance.integers(0, 2, visitors.size)
        for name, places in chosen.items():
            errors[name] += float(effects(arm_rates(moments(columns[:, places], arm, 2))).error[0])
    shorter = {name: 1 - error / errors["plain"] for name, error in errors.items()}
    conversion = float(visitors.converted.mean())
    return Shortening(visitors.size, conversion, shorter["all"], shorter["score"], shorter["truth"])


def _truths(made: Sequence[ShopVisit]) -> dict[str, float]:
    """The probability that the session buys, by each event before its purchase."""
    return {
        event.event_id: step.truth
        for visit in made
        for step, event in zip(visit.walk(), visit.events(), strict=True)
        if step.truth is not None
    }


def _known_before(record: ScoredSession) -> tuple[float, ...]:
    """The score, as probability and as log-odds, and five signals of the session."""
    probability = min(max(record.probability, 1e-6), 1 - 1e-6)
    score_columns = (probability, math.log(probability / (1 - probability)))
    if record.signals is None:
        return (*score_columns, *(math.nan,) * 5)
    signals = record.signals
    known = (
        *(signals.cart_value, signals.checkout_step, signals.cart_adds),
        *(signals.distinct_products, signals.previous_purchases),
    )
    return (*score_columns, *(math.nan if each is None else float(each) for each in known))


def _orders(visit: ShopVisit) -> Iterator[OrderRow]:
    for each in visit.walk():
        if each.type == "purchase":
            yield OrderRow(visit.visitor_id, visit.start + each.at, each.member["purchase"].amount)
