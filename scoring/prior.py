"""A model of another shop on a site that it was not learned from: its base rate, its money, and what it does not know.

Until a model is learned from the site itself, three things hold (docs/model.md, "The first day"):

1. What holds for the training shop alone is left out: its months, its weekends, who its visitors are. Page statistics
   reach the model free of currency and of order size, relative to the site's own level.
2. The log-odds move from the model's own level to the site's expected conversion: prior correction (King and Zeng 2001;
   Saerens, Latinne and Decaestecker 2002). Of the rest of the model's log-odds only SLOPE counts.
3. What the seventeen features do not know is added as evidence in log-odds: earlier sessions and orders of the visitor,
   the cart and the checkout. The sizes are priors. Of sessions with something in the cart 30 % buy, of those in the
   checkout 55 % (Baymard Institute: the mean of documented cart abandonment is 70 %).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scoring.features import NAMES
from scoring.manifest import Manifest, TrainingShop
from scoring.model import Scores
from scoring.signals import RATES, Signals
from scoring.site_profile import SiteProfile

#: Columns that say something of the training shop alone: SpecialDay and all behind it. A row has the reference's there.
OF_ONE_SHOP = slice(NAMES.index("SpecialDay"), len(NAMES))
#: What the reasons have beside the features, in the order in which it is added.
EVIDENCE = ("previous_sessions", "previous_purchases", "cart_quantity", "checkout_step")
#: Log-odds of a visitor who comes again, and more of one who has bought before.
RETURNING, CUSTOMER = 0.7, 0.7
#: Of sessions with something in the cart, and of those that have begun the checkout, the share that buys.
OF_CARTS, OF_CHECKOUTS = 0.30, 0.55
#: By how much the log-odds of sessions with a cart are above those of any session without this evidence: they are
#: longer, and their visitors come again more often.
CART_HEAD_START = 0.13
#: How much of the model's own log-odds counts: what it learned of another shop holds here in small part.
SLOPE = 0.2
#: By number of events, from the first one of these on: the log-odds of buying of a session that goes on for so long, of
#: a new visitor with nothing in the cart, less those of any session. Fitted on generated shops, seeds 1 and 2 of
#: `opecom simulate shop`; docs/LOG.md has the figures.
EVENTS = (1, 2, 3, 4, 6, 10, 20)
RISE = (-0.45, -0.4, -0.4, -0.35, -0.25, -0.25, -0.5)
#: The first day's bands, in parts of the odds of any session.
BUILDING_ODDS, HIGH_ODDS = 2.0, 5.0
#: A probability is not nearer to 0 and 1 than this.
LEAST = 1e-6


class CorrectedSession(NamedTuple):
    """What a correction takes of a session beside its row."""

    events: int
    is_returning: bool
    signals: Signals | None
    profile: SiteProfile


def transferable(
    rows: NDArray[np.float32], manifest: Manifest, shop: TrainingShop, profiles: Sequence[SiteProfile]
) -> NDArray[np.float32]:
    """The rows, float32[batch, columns], as the training shop would have them, with what holds there alone left out.

    A rate is multiplied by the ratio of the two shops' means. A page value counts as what it is above the site's mean,
    in units of that mean: most sessions of the training shop have none, all of a site with statistics have one.
    """
    made = rows.copy()
    made[:, OF_ONE_SHOP] = np.array(manifest.reference_row[OF_ONE_SHOP], np.float32)
    factors = np.array([_factors(shop, profile) for profile in profiles], np.float64)
    rates = rows[:, RATES].astype(np.float64)
    above_mean = np.maximum(rates[:, 2] * factors[:, 3] - shop.page_value, 0.0)
    by_level = np.column_stack([np.minimum(rates[:, :2] * factors[:, 1:3], 1.0), above_mean])
    made[:, RATES] = np.where(factors[:, :1] > 0, by_level, rates)
    return made


def _factors(shop: TrainingShop, profile: SiteProfile) -> tuple[float, float, float, float]:
    """1 where the site has statistics, else 0; and by what its bounce rate, exit rate and page value are multiplied."""
    levels = profile.levels
    if levels is None:
        return 0.0, 1.0, 1.0, 1.0
    return (
        1.0,
        shop.bounce_rate / levels.bounce_rate if levels.bounce_rate > 0 else 1.0,
        shop.exit_rate / levels.exit_rate if levels.exit_rate > 0 else 1.0,
        shop.page_value / levels.page_value if levels.page_value > 0 else 0.0,
    )


def corrected(scores: Scores, manifest: Manifest, shop: TrainingShop, sessions: Sequence[CorrectedSession]) -> Scores:
    """The scores of a model of another shop as the sites' own.

    probability float64[batch]; reasons float32[batch, columns + EVIDENCE]. The model's reasons are scaled to what is
    left of its distance from the reference; each piece of evidence has the rise of the probability that it makes.
    """
    places = np.searchsorted(EVENTS, [session.events for session in sessions], "right") - 1
    conversion = np.array([session.profile.expected_conversion for session in sessions])
    base = _logit(conversion) + np.array(RISE)[places]
    level = np.array([_level(shop, session.signals) for session in sessions])
    given, reference = _logit(scores.probability), _logit(np.array(manifest.reference_probability))
    alone, start = base + SLOPE * (given - level), _sigmoid(base + SLOPE * (reference - level))
    evidence = np.array([_evidence(session) for session in sessions]) * evidence_weights(conversion)
    steps = _sigmoid(alone[:, None] + np.hstack([np.zeros((len(alone), 1)), np.cumsum(evidence, axis=1)]))
    of_model = scores.reasons * _secant(given, reference, steps[:, 0], start)[:, None]
    reasons = np.hstack([of_model, np.diff(steps, axis=1)])
    return Scores(steps[:, -1], reasons.astype(np.float32))


def evidence_weights(conversion: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-odds of EVIDENCE, float64[batch, 4]: a cart brings any session to OF_CARTS, however many sessions buy."""
    cart = np.maximum(_logit(np.array(OF_CARTS)) - _logit(conversion) - CART_HEAD_START, 0.0)
    checkout = float(_logit(np.array(OF_CHECKOUTS)) - _logit(np.array(OF_CARTS)))
    return np.column_stack(
        [np.full((len(conversion), 2), (RETURNING, CUSTOMER)), cart, np.full(len(conversion), checkout)]
    )


def _level(shop: TrainingShop, signals: Signals | None) -> float:
    """The log-odds that the model gives to a beginning in the mean."""
    is_known = signals is not None and signals.has_page_statistics
    return shop.level_with_statistics if is_known else shop.level


def _evidence(session: CorrectedSession) -> tuple[bool, bool, bool, bool]:
    """Which of EVIDENCE a session has."""
    signals = session.signals
    if signals is None:
        return session.is_returning, False, False, False
    sessions = signals.previous_sessions
    return (
        session.is_returning if sessions is None else sessions > 0,
        bool(signals.previous_purchases),
        signals.cart_quantity != 0,
        signals.checkout_step > 0,
    )


def first_limits(profile: SiteProfile) -> tuple[float, float]:
    """Lower ends of "building" and "high" while a site has none of its own."""
    share = profile.expected_conversion
    odds = share / (1 - share)
    building, high = BUILDING_ODDS * odds, HIGH_ODDS * odds
    # Probabilities count rounded to six digits, so limits do.
    return round(building / (1 + building), 6), round(high / (1 + high), 6)


def _secant(
    given: NDArray[np.float64], reference: NDArray[np.float64], made: NDArray[np.float64], start: NDArray[np.float64]
) -> NDArray[np.float64]:
    """By what a contribution to the model's probability is multiplied to be one to the corrected probability."""
    at = _sigmoid(given)
    before = at - _sigmoid(reference)
    near = np.abs(before) < LEAST
    tangent = SLOPE * start * (1 - start) / (at * (1 - at))
    return np.where(near, tangent, (made - start) / np.where(near, 1.0, before))


def _logit(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    clipped = np.clip(probability, LEAST, 1 - LEAST)
    logits: NDArray[np.float64] = np.log(clipped / (1 - clipped))
    return logits


def _sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = 1 / (1 + np.exp(-logits))
    return shares
