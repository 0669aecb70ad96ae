"""Visitors of a generated experiment whose truth is known, as arrays. Pure: (facts, seed) -> visitors.

Each visitor has a propensity of its own, most a very small one, which the score knows with an error; those who are
likelier to buy come more often. An arm multiplies every propensity, so the truth of its conversion is exact.
"""

from typing import NamedTuple

import numpy as np

from scoring.experiments.visitors import ExposedVisitors

#: The greatest propensity, and the sum of the parameters of the beta distribution below it.
_GREATEST, _SPREAD = 0.6, 1.2
#: Standard deviations of the logarithms of the score's error, of orders and of what is in the cart before exposure.
_SCORE_ERROR, _ORDERS, _CARTS = 0.4, 0.8, 0.6
#: The median of orders, and the share of later sessions of a buyer in which it buys as well.
_MEDIAN_ORDER, _AGAIN = 60.0, 0.3


class GeneratedFacts(NamedTuple):
    """`base`: the control's conversion; `uplift`: of it, in the second arm. `second_share`: the share of visitors that
    are in the second arm in truth. `days` over which visitors are counted, as many on each.
    """

    visitors: int = 20_000
    base: float = 0.03
    uplift: float = 0.0
    second_share: float = 0.5
    days: int = 28

    @property
    def difference(self) -> float:
        """Of the two conversions, exact."""
        return self.base * self.uplift


def generated(facts: GeneratedFacts, seed: tuple[int, ...]) -> ExposedVisitors:
    """The visitors; covariates are the score and what was in the cart."""
    chance, number = np.random.default_rng(seed), facts.visitors
    share = facts.base / _GREATEST
    propensity = _GREATEST * chance.beta(share * _SPREAD, (1 - share) * _SPREAD, number)
    arm = (chance.random(number) < facts.second_share).astype(np.int64)
    converted = chance.random(number) < propensity * (1 + facts.uplift * arm)
    sessions = 1 + chance.poisson(0.3 + 4 * propensity)
    again = chance.binomial(sessions - 1, _AGAIN)
    order = _MEDIAN_ORDER * np.exp(_ORDERS * chance.standard_normal(number))
    return ExposedVisitors(
        arm=arm,
        counted_on=chance.integers(0, facts.days, number),
        converted=converted,
        revenue=np.where(converted, order * (1 + again), 0.0),
        sessions=sessions,
        converted_sessions=np.where(converted, 1 + again, 0),
        covariates=np.column_stack(
            [
                propensity * np.exp(_SCORE_ERROR * chance.standard_normal(number)),
                propensity * order * np.exp(_CARTS * chance.standard_normal(number)),
            ]
        ),
    )
