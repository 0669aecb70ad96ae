"""Scores of sessions on their sites: the model's own, or corrected where it was learned from another shop.

The one place where a model, its feature contract and the profile of a site meet; live scoring and replays come here.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scoring.contracts import Scorable, ValueGetter
from scoring.model import Model, contract_of
from scoring.prior import EVIDENCE, CorrectedSession, corrected, transferable
from scoring.site_profile import SiteProfile


class SiteScores(NamedTuple):
    """probability: float64[batch]; reasons: float32[batch, columns], each of a name of `names`.

    `getters` give what these were for a session; None is unknown.
    """

    probability: NDArray[np.float64]
    reasons: NDArray[np.float32]
    names: tuple[str, ...]
    getters: tuple[ValueGetter, ...]


def score_sessions(
    model: Model, sessions: Sequence[Scorable], events: Sequence[int], profiles: Sequence[SiteProfile]
) -> SiteScores:
    """Score sessions, each with its number of events and the profile of its site."""
    made_for, shop = contract_of(model), model.manifest.training_shop
    rows = made_for.rows(sessions)
    foreign = np.array([] if shop is None else [shop.site != profile.site for profile in profiles], np.bool_)
    if shop is None or not foreign.any():
        scores = model.score(rows)
        return SiteScores(scores.probability, scores.reasons, made_for.names, made_for.getters)
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
        (*made_for.getters, *map(_evidence_getter, EVIDENCE)),
    )


def _evidence_getter(name: str) -> ValueGetter:
    return lambda session: None if session.signals is None else getattr(session.signals, name)
