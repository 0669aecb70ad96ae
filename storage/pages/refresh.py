"""Keeps page statistics fresh: counts, smooths, and writes what changed as a new version.

First written and acknowledged, then announced to every partition: what does both is given.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec
from msgspec import Struct

from storage.errors import StorageError
from storage.pages.check import held_back
from storage.pages.score_counts import TRAILING_MS as SCORES_MS
from storage.pages.score_counts import ScoreCounts
from storage.pages.site_rows import SiteRules, site_rows
from storage.pages.smooth import WEIGHT, Means, Place, changed, means, rows, smoothed
from storage.pages.tally import Tallies, Tally
from stream.fold.pages import ANY_PATH, BY_HAND, HeldPages, PageRow, PagesMarker, PageStatistics, Row
from stream.fold.sites import SiteRow

log = logging.getLogger(__name__)

#: How far back sessions count.
TRAILING_MS = 30 * 24 * 3_600_000

#: Writes rows as a version with such a marker, and announces it; returns the version.
Put = Callable[[Sequence[Row], PagesMarker], Awaitable[int]]
#: How far a rate may move within a day, where the settings do not say.
MOST_MOVED = 0.3


class VersionError(StorageError, ValueError):
    """There is no such version of page statistics; the message says what to do."""


class Refreshed(Struct, frozen=True):
    """What a refresh did: the version now in force, pages counted, rows of pages and of sites written (none: nothing
    moved).

    A `pinned` version was put back by somebody, and refreshes leave it until it is released. Of the sites that are
    `held` nothing was written, as a page moves too far.
    """

    version: int
    pages: int
    written: int
    pinned: bool = False
    held: tuple[HeldPages, ...] = ()


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
    #: Sites whose statistics stay as they are until somebody looks, in the newest version.
    held: tuple[HeldPages, ...] = ()


class Explained(Struct, frozen=True):
    """How a page's statistics come about: its counts, the site's means, both together; and what is in force."""

    tally: Tally
    site_means: Means
    weight: int
    computed: PageInForce
    in_force: PageInForce | None
    version: int


class Refresher:
    """`statistics` follow the topic; `caught_up` waits until they have all of it; `now` is ms UTC; `most_moved` is
    how far a refresh may move a rate within a day."""

    def __init__(
        self,
        tallies: Tallies,
        statistics: PageStatistics,
        caught_up: Callable[[], Awaitable[None]],
        put: Put,
        now: Callable[[], int] = lambda: int(time.time() * 1000),
        most_moved: float = MOST_MOVED,
        scores: ScoreCounts | None = None,
        rules: Callable[[], Mapping[str, SiteRules]] = dict,
    ) -> None:
        self._tallies = tallies
        self._statistics = statistics
        self._caught_up = caught_up
        self._put = put
        self._now = now
        self._most_moved = most_moved
        self._scores = scores
        self._rules = rules
        #: The counts and the version at which there was nothing to write.
        self._pinned = -1
        self._last: tuple[list[Tally], int] | None = None

    async def refresh(self, whole: bool = False, release: bool = False, site: str = "") -> Refreshed:
        """Write the statistics that changed, or, with `whole`, all of them, also of pages that nobody visits any more.

        A version that somebody put back stays, and what moves too far is held, unless it is to be released: with
        `site`, what is held of that one.

        Raises DatabaseUnavailableError, TopicMissingError and whatever `put` raises; then the old version stays.
        """
        await self._caught_up()
        statistics = self._statistics
        if statistics.pinned and (site or not release):
            if self._pinned != statistics.version:
                log.info("page statistics stay at version %d until `opecom pages release`", statistics.version)
            self._pinned = statistics.version
            return Refreshed(statistics.version, 0, 0, pinned=True)
        since = self._now() - TRAILING_MS
        if whole:
            await asyncio.to_thread(self._tallies.recount, since)
        tallies = await asyncio.to_thread(self._tallies.since, since)
        of_sites = await asyncio.to_thread(self._site_rows, whole)
        if not whole and not statistics.held and not of_sites and (tallies, statistics.version) == self._last:
            return Refreshed(statistics.version, len(tallies), 0)
        known = statistics.rows(statistics.version)
        made = rows(tallies, known, self._tallies.patterns(), whole)
        moved = made if whole else changed(made, known)
        held = self._held([row for row in moved if not (release and site in ("", row.site))], known)
        sites = {each.site for each in held}
        written: list[Row] = [row for row in moved if row.site not in sites]
        written += of_sites
        version = statistics.version
        if written or statistics.pinned or sites != {each.site for each in statistics.held}:
            version = await self._put(written, PagesMarker("", 0, at=0 if release else self._now(), held=held))
            log.info("page statistics version %d: %d of %d pages", version, len(written), len(made))
        self._last = None if written else (tallies, version)
        return Refreshed(version, len(tallies), len(written), held=held)

    def _site_rows(self, fresh: bool) -> list[SiteRow]:
        """The rows of sites that are to be written."""
        rules, known = self._rules(), self._statistics.site_rows
        by_share = [site for site, rule in rules.items() if rule.bands is None]
        counts = self._scores.since(self._now() - SCORES_MS, by_share, fresh) if self._scores is not None else ()
        in_force = {site: known.as_of(site, self._statistics.version) for site in rules}
        return site_rows(rules, counts, {site: row for site, row in in_force.items() if row is not None})

    def _held(self, moved: Sequence[PageRow], known: Mapping[Place, PageRow]) -> tuple[HeldPages, ...]:
        """The sites that are held, those that were so already as they were; logs the others."""
        found = held_back(moved, self._statistics.compared_with(self._now()), known, self._most_moved)
        before = {each.site: each for each in self._statistics.held}
        for each in found:
            if each.site not in before:
                log.warning("%s", describe(each))
        return tuple(before.get(each.site, each) for each in found)

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
        made = await self._put(written, msgspec.structs.replace(BY_HAND, pinned=True))
        log.warning("page statistics version %d: as of version %d, by request; pinned", made, version)
        return Refreshed(made, len(wanted), len(written), pinned=True)

    async def show(self, site: str, version: int | None) -> PagesInForce:
        """The statistics as of a version, the newest unless one is named."""
        await self._caught_up()
        version_wanted = self._statistics.version if version is None else version
        found = [_in_force(row) for row in self._statistics.rows(version_wanted, site).values()]
        ordered = sorted(found, key=lambda page: (-page.page_value, page.site, page.path))
        held = tuple(each for each in self._statistics.held if site in ("", each.site))
        return PagesInForce(version_wanted, ordered, held)

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


def describe(held: HeldPages) -> str:
    """One line for people: which statistics are held, why, and what to do."""
    return (
        f"page statistics of {held.site} are held: the {held.rate.replace('_', ' ')} of {held.path} would go from "
        f"{held.before:.4g} to {held.counted:.4g}, its sessions from {held.sessions_before:,} to {held.sessions:,}: if "
        f"they are genuine, `opecom pages release --site {held.site}` puts them in force"
    )
