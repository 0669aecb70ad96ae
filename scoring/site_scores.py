"""Scores of sessions on their sites: the model's own, or corrected where it was learned from another shop.

The one place where a model, its feature contract and the profile of a site meet; live scoring and replays come here.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scoring.contracts import Contract, Scorable
from scoring.manifest import Band, Label, band_of, label_of
from scoring.model import Model, contract_of
from scoring.prior import EVIDENCE, CorrectedSession, corrected, first_limits, transferable
from scoring.site_profile import SiteProfile, kept, limits_at


class Classified(NamedTuple):
    """What a probability means. `kept_band`: the band of a session that was in a higher one, or in this, before."""

    label: Label
    band: Band
    kept_band: Band


class SiteScores(NamedTuple):
    """probability: float64[batch]; reasons: float32[batch, columns], each of a name of `names`."""

    probability: NDArray[np.float64]
    reasons: NDArray[np.float32]
    names: tuple[str, ...]


def score_sessions(
    model: Model, sessions: Sequence[Scorable], events: Sequence[int], profiles: Sequence[SiteProfile]
) -> SiteScores:
    """Score sessions, each with its number of events and the profile of its site."""
    made_for, shop = contract_of(model), model.manifest.training_shop
    rows = made_for.rows(sessions)
    foreign = np.array([shop is not None and shop.site != profile.site for profile in profiles], np.bool_)
    if shop is None or not foreign.any():
        scores = model.score(rows)
        return SiteScores(scores.probability, scores.reasons, made_for.names)
    scores = model.score(np.where(foreign[:, None], transferable(rows, model.manifest, shop, profiles), rows))
    contexts = [
        CorrectedSession(count, session.features.VisitorType == "Returning_Visitor", session.signals, profile)
        for count, session, profile in zip(events, sessions, profiles, strict=True)
    ]
    made = corrected(scores, model.manifest, shop, contexts)
    none = np.zeros((len(rows), len(EVIDENCE)), np.float32)
    return SiteScores(
        np.where(foreign, made.probability, scores.probability),
        np.where(foreign[:, None], made.reasons, np.hstack([scores.reasons, none])),
        (*made_for.names, *EVIDENCE),
    )


def values_of(made_for: Contract, session: Scorable) -> Sequence[Any]:
    """What `SiteScores.names` were for a session; None is unknown."""
    signals = session.signals
    if signals is None:
        return (*made_for.values_of(session), *[None] * len(EVIDENCE))
    evidence = [signals.previous_sessions, signals.previous_purchases, signals.cart_quantity, signals.checkout_step]
    return (*made_for.values_of(session), *evidence)


def classify_on_site(probability: float, model: Model, profile: SiteProfile, events: int) -> Classified:
    """Label and bands of a probability, for a session of so many events.

    The bands are the site's own where it has some. Else those of the model hold, and the first day's where it is of
    another shop; its label, too, is that of the first day.
    """
    manifest = model.manifest
    shop = manifest.training_shop
    if shop is None or shop.site == profile.site:
        limits, yes = manifest.bands, manifest.threshold
    else:
        limits = first_limits(profile)
        yes = limits[1]
    limits = limits_at(profile, manifest, events) or limits
    return Classified(label_of(probability, yes), band_of(probability, limits), band_of(probability, kept(limits)))
