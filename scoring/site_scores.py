"""Scores of sessions on their sites: the model's own, or corrected where it was learned from another shop.

The one place where a model, its feature contract and the profile of a site meet; live scoring and replays come here.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scoring.contracts import Contract, Scorable
from scoring.model import Model, contract_of
from scoring.prior import EVIDENCE, CorrectedSession, corrected, transferable
from scoring.site_profile import SiteProfile


class SiteScores(NamedTuple):
    """probability: float64[batch]; reasons: float32[batch, columns], each of a name of `names`.

    `values_of` gives what these were for a session; None is unknown.
    """

    probability: NDArray[np.float64]
    reasons: NDArray[np.float32]
    names: tuple[str, ...]
    values_of: Callable[[Scorable], Sequence[Any]]


def score_sessions(
    model: Model, sessions: Sequence[Scorable], events: Sequence[int], profiles: Sequence[SiteProfile]
) -> SiteScores:
    """Score sessions, each with its number of events and the profile of its site."""
    made_for, shop = contract_of(model), model.manifest.training_shop
    rows = made_for.rows(sessions)
    foreign = np.array([] if shop is None else [shop.site != profile.site for profile in profiles], np.bool_)
    if shop is None or not foreign.any():
        scores = model.score(rows)
        return SiteScores(scores.probability, scores.reasons, made_for.names, made_for.values_of)
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
        _values_with_evidence(made_for),
    )


def _values_with_evidence(made_for: Contract) -> Callable[[Scorable], Sequence[Any]]:
    def values_of(session: Scorable) -> Sequence[Any]:
        signals = session.signals
        if signals is None:
            return (*made_for.values_of(session), *[None] * len(EVIDENCE))
        evidence = [signals.previous_sessions, signals.previous_purchases, signals.cart_quantity, signals.checkout_step]
        return (*made_for.values_of(session), *evidence)

    return values_of
