"""What a probability means on a site: its label and its bands, by the site's own limits where it has some."""

from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from math import inf
from typing import NamedTuple

from scoring.manifest import Band, Label, Manifest, band_of_rounded
from scoring.prior import first_limits
from scoring.site_profile import SiteProfile, kept


class Classified(NamedTuple):
    """What a probability means. `kept_band`: the band of a session that was in a higher one, or in this, before."""

    label: Label
    band: Band
    kept_band: Band


class _Limits(NamedTuple):
    """What probabilities mean from so many events on: `answers` has one for those below the first of the ascending
    `steps`, and one for those from each step on.
    """

    events: int
    steps: Sequence[float]
    answers: Sequence[Classified]


@lru_cache(maxsize=4_096)
def _limits(events: int, yes: float, bands: tuple[float, float]) -> _Limits:
    """`yes`: from where the label is YES; `bands`: where "building" and "high" begin.

    Kept, since a classifier is made for each batch, and the next batch has the same sites.
    """
    kept_bands = kept(bands)
    steps = sorted({yes, *bands, *kept_bands})
    answers = [
        Classified("YES" if at >= yes else "NO", band_of_rounded(at, bands), band_of_rounded(at, kept_bands))
        for at in (-inf, *steps)
    ]
    return _Limits(events, steps, answers)


class SiteClassifier:
    """Classifies the scores of one model, each by the profile of its site; for one batch of sessions.

    The bands are the site's own where it has some. Else those of the model hold, and the first day's where it is of
    another shop; its label, too, is that of the first day.
    """

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        #: By the identity of a profile, which is kept so that no other one gets it.
        self._limits: dict[int, tuple[SiteProfile, list[_Limits]]] = {}

    def classify(self, probability: float, profile: SiteProfile, events: int) -> Classified:
        """Label and bands of a probability, for a session of so many events."""
        _, (limits, *by_events) = self._limits.get(id(profile)) or self._limits_of(profile)
        for each in by_events:
            if each.events > events:
                break
            limits = each
        # Rounded as label_of and band_of do it. What is no number is below all limits.
        rounded = round(probability, 6)
        return limits.answers[bisect_right(limits.steps, rounded) if rounded >= 0 else 0]

    def _limits_of(self, profile: SiteProfile) -> tuple[SiteProfile, list[_Limits]]:
        manifest = self._manifest
        shop = manifest.training_shop
        if shop is None or shop.site == profile.site:
            bands, yes = manifest.bands, manifest.threshold
        else:
            bands = first_limits(profile)
            yes = bands[1]
        found = [_limits(0, yes, bands)]
        if profile.limits_of in ("", manifest.version):
            for each in profile.limits:
                found.append(_limits(each.events, yes, (each.building, each.high)))
        made = self._limits[id(profile)] = profile, found
        return made
