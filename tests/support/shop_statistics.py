"""Page statistics of a shop in three versions, between which its pages, conversion and bands change."""

from scoring.site_profile import BandLimits
from stream.fold.pages import PageRow, PagesMarker, PageStatistics
from stream.fold.sites import SiteRow

#: Versions of the statistics: without pages; with pages and another conversion; with bands of the site's own.
FIRST, SECOND, THIRD = 1, 4, 6


def statistics() -> PageStatistics:
    known = PageStatistics()
    limits = (BandLimits(1, 0.05, 0.2), BandLimits(4, 0.1, 0.3))
    for offset, record in enumerate(
        [
            SiteRow("a", "default", 0.05),
            PagesMarker("a", 1),
            PageRow("b", "default", "*", 0.3, 0.2, 2.5),
            SiteRow("b", "default", 0.2),
            PagesMarker("b", 2),
            SiteRow("c", "default", 0.2, limits),
            PagesMarker("c", 1),
        ]
    ):
        known.read(offset, record)
    return known
