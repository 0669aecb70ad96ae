"""The generated shop: all sessions of a simulation, in order. Pure: (parameters, seed) -> visits."""

from bisect import bisect_right
from itertools import accumulate

import numpy as np
from msgspec import Struct

from deploy.simulate.shop.calibrate import calibrated
from deploy.simulate.shop.chain import Chain
from deploy.simulate.shop.goods import Goods
from deploy.simulate.shop.parameters import ShopFacts
from deploy.simulate.shop.rhythm import before_cut, starts
from deploy.simulate.shop.solve import truth
from deploy.simulate.shop.visit import ShopVisit
from deploy.simulate.shop.visitors import ReturningVisitors, ShopVisitor, history
from deploy.simulate.shop.walk import Walker
from ingest.events import ClockKind
from stream.fold.calendar import Calendar

SITE = "generated"


class ShopParameters(Struct, frozen=True):
    """`amounts` multiplies every sum of money and changes nothing else."""

    sessions: int
    seed: int = 0
    days: int = 14
    amounts: float = 1.0
    facts: ShopFacts = ShopFacts()


def visits(
    wanted: ShopParameters,
    site: str = SITE,
    calendar: Calendar | None = None,
    clock: ClockKind = "replayed",
    chain: Chain | None = None,
) -> list[ShopVisit]:
    """The sessions, numbered from 1 by their beginnings; raises SetupError for facts that no shop has.

    `chain`: how visitors behave, whatever the facts say; None: so that these hold.
    """
    calendar = calendar or Calendar()
    chain = chain or calibrated(wanted.facts)
    walker = Walker(chain, truth(chain), Goods(wanted.seed, wanted.amounts))
    shares = list(accumulate(segment.share for segment in chain.segments))
    returning, made = ReturningVisitors(), []
    for number, start in enumerate(starts(wanted.sessions, wanted.days, wanted.seed, calendar), 1):
        draws = np.random.default_rng((wanted.seed, 2, number)).random
        segment = chain.segments[bisect_right(shares, float(draws()) * shares[-1])]
        visit = ShopVisit(site, number, segment, walker, (wanted.seed, 3, number), clock)
        visit.start = before_cut(start, visit.lasts, calendar)
        visitor = returning.take(segment.visitor, visit.start, f"visitor-{number:06}", lambda: float(draws()))  # noqa: B023
        visit.visitor_id, visit.history = visitor.id, history(visitor, visit.start)
        returning.put(
            ShopVisitor(
                visit.start + visit.lasts, visitor.id, visitor.sessions + 1, visitor.purchases + int(visit.bought)
            )
        )
        made.append(visit)
    return made
