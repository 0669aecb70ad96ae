"""A model of another shop on a site that it was not learned from: its base rate, its money, and what it does not know.

Until a model is learned from the site itself, three things hold (docs/model.md, "The first day"):

1. Page statistics reach the model free of currency and of order size, relative to the site's own level.
2. The log-odds move from the base rate of the training shop to the site's expected conversion: prior correction (King
   and Zeng 2001; Saerens, Latinne and Decaestecker 2002), here with the base rate of a session of so many events.
3. Cart and checkout, of which the seventeen features know nothing, are added as evidence in log-odds. Its size is a
   prior: of sessions with something in the cart 30 % buy, of those in the checkout 55 % (Baymard Institute: the mean of
   documented cart abandonment is 70 %).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scoring.manifest import Manifest, TrainingShop
from scoring.model import Scores
from scoring.signals import RATES, Signals
from scoring.site_profile import SiteProfile

#: What the reasons have beside the seventeen features.
EVIDENCE = ("cart_quantity", "checkout_step")
#: How much of the model's own log-odds counts. What it learned of another shop holds here in part.
SLOPE = 0.3
#: By number of events, from the first one of these on: by how much the log-odds of buying of a session that goes on for
#: so long with nothing in the cart differ from those of any session.
EVENTS = (1, 2, 3, 4, 6, 10, 20)
RISE = (-0.9, -0.9, -0.9, -0.9, -0.9, -0.9, -0.9)
#: The first day's bands, in parts of the odds of any session.
BUILDING_ODDS, HIGH_ODDS = 2.0, 6.0
#: Log-odds of something in the cart, and beyond that of a begun checkout.
CART, CHECKOUT = 2.6, 1.1
#: A probability is not nearer to 0 and 1 than this.
LEAST = 1e-6


class CorrectedSession(NamedTuple):
    """What a correction takes of a session beside its row."""

    events: int
    signals: Signals | None
    profile: SiteProfile


def relative(rows: NDArray[np.float32], shop: TrainingShop, profiles: Sequence[SiteProfile]) -> NDArray[np.float32]:
    """The rows, float32[batch, columns], with page statistics as the training shop would have them.

    A rate is multiplied by the ratio of the two shops' means. A page value counts as what it is above the site's mean,
    in units of that mean: most sessions of the training shop have none, all of a site with statistics have one.
    Without statistics a row stays as it is.
    """
    factors = np.array([_factors(shop, profile) for profile in profiles], np.float64)
    rates = rows[:, RATES].astype(np.float64)
    made = rows.copy()
    made[:, RATES] = np.where(
        factors[:, :1] > 0,
        np.column_stack(
            [
                np.minimum(rates[:, 0] * factors[:, 1], 1.0),
                np.minimum(rates[:, 1] * factors[:, 2], 1.0),
                np.maximum(rates[:, 2] * factors[:, 3] - shop.page_value, 0.0),
            ]
        ),
        rates,
    )
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
    """The scores of a model of another shop as the sites' own: probability float64[batch], reasons float32[batch, 19].

    The model's reasons are scaled to what is left of its distance from the reference; each piece of evidence has the
    rise of the probability that it makes, the cart before the checkout.
    """
    places = np.searchsorted(EVENTS, [session.events for session in sessions], "right") - 1
    base = _logit(np.array([session.profile.expected_conversion for session in sessions]))
    base += np.array(RISE)[places]
    given, reference = _logit(scores.probability), _logit(np.array(manifest.reference_probability))
    training = _logit(np.array(shop.base_rate))
    alone, start = base + SLOPE * (given - training), base + SLOPE * (reference - training)
    cart = np.array([CART * has_cart(session.signals) for session in sessions])
    checkout = np.array([CHECKOUT * in_checkout(session.signals) for session in sessions])
    without, with_cart, probability = (_sigmoid(logits) for logits in (alone, alone + cart, alone + cart + checkout))
    reasons = np.column_stack(
        [
            scores.reasons * _secant(given, reference, without, _sigmoid(start))[:, None],
            with_cart - without,
            probability - with_cart,
        ]
    )
    return Scores(probability, reasons.astype(np.float32))


def first_limits(profile: SiteProfile) -> tuple[float, float]:
    """Lower ends of "building" and "high" while a site has none of its own."""
    share = profile.expected_conversion
    odds = share / (1 - share)
    building, high = BUILDING_ODDS * odds, HIGH_ODDS * odds
    # Probabilities count rounded to six digits, so limits do.
    return round(building / (1 + building), 6), round(high / (1 + high), 6)


def has_cart(signals: Signals | None) -> bool:
    """Whether something is in the cart, as far as the page says."""
    return signals is not None and signals.cart_quantity != 0


def in_checkout(signals: Signals | None) -> bool:
    return signals is not None and signals.checkout_step > 0


def _secant(
    given: NDArray[np.float64], reference: NDArray[np.float64], made: NDArray[np.float64], start: NDArray[np.float64]
) -> NDArray[np.float64]:
    """By what a contribution to the model's probability is multiplied to be one to the corrected probability."""
    before = _sigmoid(given) - _sigmoid(reference)
    near = np.abs(before) < LEAST
    at = _sigmoid(given)
    tangent = SLOPE * start * (1 - start) / (at * (1 - at))
    return np.where(near, tangent, (made - start) / np.where(near, 1.0, before))


def _logit(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    clipped = np.clip(probability, LEAST, 1 - LEAST)
    logits: NDArray[np.float64] = np.log(clipped / (1 - clipped))
    return logits


def _sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = 1 / (1 + np.exp(-logits))
    return shares
