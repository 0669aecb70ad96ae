"""What a refresh puts in force of each site beside its pages: its expected conversion, and its bands by share. Pure.

Bands by share come from the site's own scores: of the sessions with as many events, the top tenth is high, the next
fifth building. So they are the same for a shop where nearly everybody buys and one where nearly nobody does.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct

from scoring.site_profile import EXPECTED_CONVERSION, BandLimits
from stream.fold.sites import SiteRow

#: Shares of the scores that are high, and that are high or building.
HIGH_SHARE, BUILDING_SHARE = 0.10, 0.30
#: Scores that a number of events needs before it has limits of its own.
FEWEST_SCORES = 200
#: Numbers of events that have limits of their own, from each of these on.
EVENTS = (1, 2, 3, 4, 6, 8, 11, 16, 26)
#: A limit is written again when it moved by this part of its odds.
MOVED = 0.05
#: No session has such a probability: nobody is in the band.
NOBODY = 1.0


class SiteRules(Struct, frozen=True):
    """What the settings say of a site. `bands`: its fixed limits, or None for bands by share."""

    expected_conversion: float = EXPECTED_CONVERSION
    bands: tuple[float, float] | None = None


class ScoreCount(NamedTuple):
    """How many sessions had this probability, rounded, when they had at least `events` events and fewer than the next
    number of EVENTS."""

    site: str
    model: str
    events: int
    probability: float
    sessions: int


def site_rows(
    rules: Mapping[str, SiteRules], counts: Iterable[ScoreCount], in_force: Mapping[str, SiteRow]
) -> list[SiteRow]:
    """The rows that differ from those in force, of sites with rules.

    Of bands by share: while a site has too few scores, its limits stay as they are.
    """
    by_site: dict[str, list[ScoreCount]] = {}
    for count in counts:
        by_site.setdefault(count.site, []).append(count)
    made = []
    for site, rule in rules.items():
        known = in_force.get(site)
        row = _row(site, rule, by_site.get(site, ()), known)
        if known is None:
            # What holds without a row needs none.
            if row != SiteRow("", site):
                made.append(row)
        elif _differs(row, known):
            made.append(row)
    return made


def limits(counts: Sequence[ScoreCount]) -> tuple[BandLimits, ...]:
    """Limits by number of events, for one site and model."""
    by_events: dict[int, list[ScoreCount]] = {}
    for count in counts:
        by_events.setdefault(count.events, []).append(count)
    made = []
    for events, of_number in sorted(by_events.items()):
        if sum(count.sessions for count in of_number) >= FEWEST_SCORES:
            high = _limit(of_number, HIGH_SHARE)
            made.append(BandLimits(events, min(_limit(of_number, BUILDING_SHARE), high), high))
    return tuple(made)


def _row(site: str, rule: SiteRules, counts: Sequence[ScoreCount], known: SiteRow | None) -> SiteRow:
    if rule.bands is not None:
        return SiteRow("", site, rule.expected_conversion, (BandLimits(1, *rule.bands),))
    newest = counts[0].model if counts else ""
    found = limits(counts)
    if found:
        return SiteRow("", site, rule.expected_conversion, found, newest)
    if known is None or not known.limits_of:
        return SiteRow("", site, rule.expected_conversion)
    return SiteRow("", site, rule.expected_conversion, known.limits, known.limits_of)


def _limit(counts: Sequence[ScoreCount], share: float) -> float:
    """The probability from which on the share of the sessions is nearest to `share`, so at most twice as great.

    Sessions of one score are in one band, and early in a session many have the same.
    """
    wanted = share * sum(count.sessions for count in counts)
    limit, nearest, sessions = NOBODY, wanted, 0
    for count in sorted(counts, key=lambda each: -each.probability):
        sessions += count.sessions
        if abs(sessions - wanted) < nearest:
            limit, nearest = count.probability, abs(sessions - wanted)
    return limit


def _differs(row: SiteRow, known: SiteRow) -> bool:
    if (row.expected_conversion, row.limits_of) != (known.expected_conversion, known.limits_of):
        return True
    if [each.events for each in row.limits] != [each.events for each in known.limits]:
        return True
    return any(
        _moved(one.building, other.building) or _moved(one.high, other.high)
        for one, other in zip(row.limits, known.limits, strict=True)
    )


def _moved(limit: float, known: float) -> bool:
    return abs(limit * (1 - known) - known * (1 - limit)) > MOVED * known * (1 - limit)
