"""A site that learns its page statistics and its bands as a running system does, by the real refresh, in memory."""

import asyncio
from collections.abc import Sequence
from typing import Self

import msgspec

from deploy.simulate.evaluation.counts import CountedPages, CountedScores
from storage.pages.refresh import Refreshed, Refresher
from storage.pages.site_rows import SiteRules
from stream.fold.pages import PagesMarker, PageStatistics, Row
from stream.scored import ScoredSession


class RefreshedSite:
    """`statistics` are what a fold reads; each refresh that writes something makes them a new version.

    A context manager, as refreshes share an event loop.
    """

    def __init__(self, site: str, conversion: float) -> None:
        """`conversion`: what the settings expect of the site (sites.NAME.expected_conversion)."""
        self.statistics = PageStatistics()
        self._site = site
        self._rules = {site: SiteRules(expected_conversion=conversion)}
        self._pages = CountedPages(site)
        self._scores = CountedScores()
        self._runner = asyncio.Runner()
        self._now = 0
        self._offset = 0
        self._refresher = Refresher(
            self._pages,
            self.statistics,
            self._caught_up,
            self._put,
            now=lambda: self._now,
            scores=self._scores,
            rules=lambda: self._rules,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.close()

    def take(self, records: Sequence[ScoredSession]) -> None:
        """Count scored updates, which follow all earlier ones."""
        self._pages.take(records)
        self._scores.take(records)

    def refresh(self, at: int) -> Refreshed:
        """Refresh at this time, ms UTC."""
        self._now = at
        return self._runner.run(self._refresher.refresh())

    def rows(self) -> list[Row]:
        """What is in force of the site: its pages, and its own row where it has one."""
        version = self.statistics.version
        own = self.statistics.site_rows.as_of(self._site, version)
        return [*self.statistics.rows(version).values(), *([own] if own is not None else [])]

    async def _caught_up(self) -> None:
        """The statistics are here as soon as they are written."""

    async def _put(self, rows: Sequence[Row], marker: PagesMarker) -> int:
        return self._write(rows, marker)

    def _write(self, rows: Sequence[Row], marker: PagesMarker) -> int:
        batch = str(self._offset)
        for row in rows:
            self._offset += 1
            self.statistics.read(self._offset, msgspec.structs.replace(row, batch=batch))
        self._offset += 1
        self.statistics.read(self._offset, msgspec.structs.replace(marker, batch=batch, rows=len(rows)))
        return self._offset


def frozen(rows: Sequence[Row]) -> PageStatistics:
    """Statistics that have these rows from their first version on."""
    statistics = PageStatistics()
    for offset, row in enumerate(rows, 1):
        statistics.read(offset, msgspec.structs.replace(row, batch="0"))
    statistics.read(len(rows) + 1, PagesMarker("0", len(rows)))
    return statistics
