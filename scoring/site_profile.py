"""What a site is to the models that score it: how many of its sessions buy, its level of page statistics, its bands.

A profile is in force from an offset of the log on, so that a replay scores by the same one. Knows no log.
"""

from typing import Annotated

from msgspec import Meta, Struct

#: The share of sessions that buy where nobody says otherwise: of most shops it is 0.02 to 0.04.
EXPECTED_CONVERSION = 0.03
Conversion = Annotated[float, Meta(gt=0, lt=1)]
Share = Annotated[float, Meta(ge=0, le=1)]
#: A session that is in a band stays there down to this part of the band's odds: few cross it twice.
KEPT_ODDS = 0.6


class BandLimits(Struct, frozen=True, gc=False):
    """Lower ends of "building" and "high" for sessions with at least so many events."""

    events: Annotated[int, Meta(ge=1)]
    building: Share
    high: Share


class PageLevels(Struct, frozen=True, gc=False):
    """The means of a site's page statistics: rates of its entrances and views, value of a page per visit."""

    bounce_rate: float
    exit_rate: float
    page_value: float


class SiteProfile(Struct, frozen=True, gc=False):
    """`levels`: None before the site has page statistics.

    `limits`: the site's bands by number of events, ascending; empty: those of the model. They hold for scores of the
    model `limits_of`, or of any model where that is empty.
    """

    site: str = ""
    expected_conversion: Conversion = EXPECTED_CONVERSION
    levels: PageLevels | None = None
    limits: tuple[BandLimits, ...] = ()
    limits_of: str = ""


def kept(limits: tuple[float, float]) -> tuple[float, float]:
    """The limits down to which a session keeps its band."""
    building, high = limits
    return _lowered(building), _lowered(high)


def _lowered(limit: float) -> float:
    odds = KEPT_ODDS * limit
    return odds / (1 - limit + odds)
