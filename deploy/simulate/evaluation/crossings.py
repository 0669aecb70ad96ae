"""How often sessions cross into a band: whoever acts on crossings is to see few of them. Pure."""

from collections import Counter
from typing import get_args

from scoring.manifest import Band
from stream.scored import Identity, ScoredSession, band_after, identity_of

BANDS: tuple[Band, ...] = get_args(Band)


class Crossings:
    """Counts, by band, the sessions that were ever in it or a higher one, and how often they came there."""

    def __init__(self) -> None:
        self._now: dict[Identity, Band] = {}
        self._entered: dict[Band, Counter[Identity]] = {band: Counter() for band in BANDS[1:]}

    def take(self, record: ScoredSession) -> None:
        """Take a score that follows all earlier ones of its session."""
        identity = identity_of(record)
        before = self._now.get(identity, BANDS[0])
        after = band_after(before, record)
        for band, entered in self._entered.items():
            if BANDS.index(before) < BANDS.index(band) <= BANDS.index(after):
                entered[identity] += 1
        if record.status == "closed":
            self._now.pop(identity, None)
        else:
            self._now[identity] = after

    def by_session(self) -> dict[str, float]:
        """Crossings per session that crossed at all, by band; 0 where none did."""
        return {band: entered.total() / len(entered) if entered else 0.0 for band, entered in self._entered.items()}
