"""What a probability means on a site: its label and its bands, by the site's own limits where it has some."""

from typing import NamedTuple

from scoring.manifest import Band, Label, Manifest, band_of, label_of
from scoring.prior import first_limits
from scoring.site_profile import SiteProfile, kept


class Classified(NamedTuple):
    """What a probability means. `kept_band`: the band of a session that was in a higher one, or in this, before."""

    label: Label
    band: Band
    kept_band: Band


class _Limits(NamedTuple):
    """From how many events on these hold: from where the label is YES, and where the bands begin and are kept."""

    events: int
    yes: float
    bands: tuple[float, float]
    kept_bands: tuple[float, float]


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
        return Classified(
            label_of(probability, limits.yes),
            band_of(probability, limits.bands),
            band_of(probability, limits.kept_bands),
        )

    def _limits_of(self, profile: SiteProfile) -> tuple[SiteProfile, list[_Limits]]:
        manifest = self._manifest
        shop = manifest.training_shop
        if shop is None or shop.site == profile.site:
            bands, yes = manifest.bands, manifest.threshold
        else:
            bands = first_limits(profile)
            yes = bands[1]
        found = [_Limits(0, yes, bands, kept(bands))]
        if profile.limits_of in ("", manifest.version):
            for each in profile.limits:
                own = each.building, each.high
                found.append(_Limits(each.events, yes, own, kept(own)))
        made = self._limits[id(profile)] = profile, found
        return made
