"""Keeps page statistics fresh: counts, smooths, and writes what changed as a new version.

First written and acknowledged, then announced to every partition: what does both is given.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence

import msgspec
from msgspec import Struct

from storage.errors import StorageError
from storage.pages.smooth import WEIGHT, Means, changed, means, rows, smoothed
from storage.pages.tally import Tallies, Tally
from stream.fold.pages import ANY_PATH, PageRow, PageStatistics

log = logging.getLogger(__name__)

#: How far back sessions count.
TRAILING_MS = 30 * 24 * 3_600_000

#: Writes rows as a version, pinned or not, and announces it; returns the version.
Put = Callable[[Sequence[PageRow], bool], Awaitable[int]]


class VersionError(StorageError, ValueError):
    """There is no such version of page statistics; the message says what to do."""


class Refreshed(Struct, frozen=True):
    """What a refresh did: the version now in force, pages counted, rows written (none: nothing moved).

    A `pinned` version was put back by somebody, and refreshes leave it until it is released.
    """

    version: int
    pages: int
    written: int
    pinned: bool = False


class PageInForce(Struct, frozen=True):
    site: str
    path: str
    bounce_rate: float
    exit_rate: float
    page_value: float


class PagesInForce(Struct, frozen=True):
    """Statistics as of `version`, the most valuable page first."""

    version: int
    pages: list[PageInForce]


class Explained(Struct, frozen=True):
    """How a page's statistics come about: its counts, the site's means, both together; and what is in force."""

    tally: Tally
    site_means: Means
    weight: int
    computed: PageInForce
    in_force: PageInForce | None
    version: int


class Refresher:
    """`statistics` follow the topic; `caught_up` waits until they have all of it; `now` is ms UTC."""

    def __init__(
        self,
        tallies: Tallies,
        statistics: PageStatistics,
        caught_up: Callable[[], Awaitable[None]],
        put: Put,
        now: Callable[[], int] = lambda: int(time.time() * 1000),
    ) -> None:
        self._tallies = tallies
        self._statistics = statistics
        self._caught_up = caught_up
        self._put = put
        self._now = now
        #: The counts and the version at which there was nothing to write.
        self._pinned = -1
        self._last: tuple[list[Tally], int] | None = None

    async def refresh(self, whole: bool = False, release: bool = False) -> Refreshed:
        """Write the statistics that changed, or, with `whole`, all of them, also of pages that nobody visits any more.

        A version that somebody put back stays, unless it is to be released.

        Raises DatabaseUnavailableError, TopicMissingError and whatever `put` raises; then the old version stays.
        """
        await self._caught_up()
        statistics = self._statistics
        if statistics.pinned and not release:
            if self._pinned != statistics.version:
                log.info("page statistics stay at version %d until `opecom pages release`", statistics.version)
            self._pinned = statistics.version
            return Refreshed(statistics.version, 0, 0, pinned=True)
        since = self._now() - TRAILING_MS
        if whole:
            await asyncio.to_thread(self._tallies.recount, since)
        tallies = await asyncio.to_thread(self._tallies.since, since)
        if not whole and (tallies, statistics.version) == self._last:
            return Refreshed(statistics.version, len(tallies), 0)
        known = statistics.rows(statistics.version)
        made = rows(tallies, known, self._tallies.patterns(), whole)
        written = made if whole else changed(made, known)
        version = statistics.version
        if written or statistics.pinned:
            version = await self._put(written, False)
            log.info("page statistics version %d: %d of %d pages", version, len(written), len(made))
        self._last = None if written else (tallies, version)
        return Refreshed(version, len(tallies), len(written))

    async def restore(self, version: int) -> Refreshed:
        """Put the statistics as of an earlier version in force again, as a new version that refreshes leave alone.

        Raises VersionError where there is no such version, and what `refresh` raises.
        """
        await self._caught_up()
        statistics = self._statistics
        if not 0 < version <= statistics.version:
            raise VersionError(f"there is no version {version} of page statistics: they are 1 to {statistics.version}")
        wanted, known = statistics.rows(version), statistics.rows(statistics.version)
        ended = [msgspec.structs.replace(row, shared=True) for place, row in known.items() if place not in wanted]
        written = [row for place, row in wanted.items() if row != known.get(place)] + ended
        made = await self._put(written, True)
        log.warning("page statistics version %d: as of version %d, by request; pinned", made, version)
        return Refreshed(made, len(wanted), len(written), pinned=True)

    async def show(self, site: str, version: int | None) -> PagesInForce:
        """The statistics as of a version, the newest unless one is named."""
        await self._caught_up()
        version_wanted = self._statistics.version if version is None else version
        found = [_in_force(row) for row in self._statistics.rows(version_wanted, site).values()]
        return PagesInForce(version_wanted, sorted(found, key=lambda page: (-page.page_value, page.site, page.path)))

    async def explain(self, site: str, path: str) -> Explained:
        """How the statistics of a page come about, of one that nobody visited those of any page."""
        await self._caught_up()
        tallies = await asyncio.to_thread(self._tallies.since, self._now() - TRAILING_MS, site)
        mean = means(tallies)
        patterns = self._tallies.patterns().get(site)
        name = (patterns.of(path) if patterns is not None else None) or path
        tally = next((each for each in tallies if each.path == name), Tally(site, name, 0, 0, 0, 0, 0, 0.0))
        version = self._statistics.version
        known = self._statistics.rows(version, site)
        row = known.get((site, path)) or known.get((site, name)) or known.get((site, ANY_PATH))
        computed = _in_force(smoothed(tally, mean))
        return Explained(tally, mean, WEIGHT, computed, _in_force(row) if row else None, version)


def _in_force(row: PageRow) -> PageInForce:
    return PageInForce(row.site, row.path, row.bounce_rate, row.exit_rate, row.page_value)
