"""Pages whose statistics average to a row's rates: which page each view of a session shows. Pure.

A session of two or more views sees pages that differ: a strong and a weak one in turn, and one in between where the
number is odd, so that a wrong mean, a wrong page or swapped columns change the result.
"""

from collections.abc import Iterable

from ingest.events import PageType
from scoring.features import Features
from stream.fold.pages import PageRow

FOLDERS: dict[PageType, str] = {"Administrative": "account", "Informational": "about", "ProductRelated": "products"}

#: Bounce rate, exit rate and page value of a page.
Statistics = tuple[float, float, float]


class Catalogue:
    """The pages of one simulated site; pages of equal kind and statistics are one page."""

    def __init__(self) -> None:
        self._numbers: dict[Statistics, int] = {}
        self._pages: dict[str, Statistics] = {}

    def paths(self, features: Features, kinds: list[PageType]) -> list[str]:
        """The path of each view; `kinds` are the views' types in the order of viewing."""
        return [
            self._path(kind, statistics) for kind, statistics in zip(kinds, _around(features, len(kinds)), strict=True)
        ]

    def rows(self, batch: str, site: str) -> list[PageRow]:
        """One record of page statistics for each page."""
        return [PageRow(batch, site, path, *statistics) for path, statistics in self._pages.items()]

    def _path(self, kind: PageType, statistics: Statistics) -> str:
        number = self._numbers.setdefault(statistics, len(self._numbers) + 1)
        path = f"/{FOLDERS[kind]}/{number}"
        self._pages[path] = statistics
        return path


def _around(features: Features, views: int) -> Iterable[Statistics]:
    """`views` statistics whose means are the row's; none below zero, and no rate above one."""
    bounce, leave, value = features.BounceRates, features.ExitRates, features.PageValues
    bounce_off, leave_off, value_off = min(bounce, 1 - bounce) / 2, min(leave, 1 - leave) / 2, value / 2
    if views % 2:
        yield bounce, leave, value
    for _ in range(views // 2):
        yield bounce + bounce_off, leave - leave_off, value + value_off
        yield bounce - bounce_off, leave + leave_off, value - value_off
