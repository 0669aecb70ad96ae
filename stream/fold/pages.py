"""Page statistics by site, path and version: what a page view is worth, looked up as of a version.

The `page-stats` topic has one partition. A refresh writes the rows that changed and then a marker; the marker's offset
is the version, so versions are unique and grow with the log. Pure: reading the topic is stream/kafka/pages_topic.py.

Anybody who may write events can make up paths. So a site has a bounded number of pages with statistics of their own;
the others share those of a pattern that they fall under, or of the site.
"""

import logging
from array import array
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Collection, Iterator
from sys import intern
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta, Struct

from ingest.events import PageType, Site, Url
from scoring.site_profile import PageLevels, SiteProfile
from stream.fold.path_patterns import PathPattern
from stream.fold.sites import SiteRow, SiteRows

log = logging.getLogger(__name__)

#: The path whose row holds for every page of a site that has none of its own.
ANY_PATH = "*"
#: Pages of a site that have statistics of their own at a time, patterns included.
MOST_PAGES = 10_000
#: Where a session counts the views of each page type; no feature reads those without a type.
TYPE_INDEXES: dict[PageType | None, int] = {"Administrative": 0, "Informational": 1, "ProductRelated": 2, None: 3}
#: The longest that one page view can count, in ms.
VIEW_CAP = 30 * 60 * 1000
#: Pages remembered as looked up; a cache, which starts again when it is full.
REMEMBERED_PAGES = 20_000
#: Batches without a marker that are remembered, and markers.
MOST_PENDING, MOST_TAKEN = 16, 1_000
#: How long the versions of refreshes are remembered by their time, in ms: what a refresh writes is compared with them.
COMPARED_MS = 24 * 3_600_000

Rate = Annotated[float, Meta(ge=0, le=1)]


class PageRow(Struct, frozen=True, gc=False, omit_defaults=True, tag="row", tag_field="kind"):
    """One page's statistics: rates 0 to 1, page_value in the site's currency.

    The row of a `pattern` holds for every path that falls under it and has no row of its own. A `shared` row ends the
    page's own statistics: from its version on it shares those of its pattern or its site. `sessions` are those that
    it was counted from, 0 where nobody counted.
    """

    batch: str
    site: Site
    path: Url
    bounce_rate: Rate
    exit_rate: Rate
    page_value: Annotated[float, Meta(ge=0)]
    pattern: bool = False
    shared: bool = False
    sessions: Annotated[int, Meta(ge=0)] = 0


class HeldPages(Struct, frozen=True, gc=False):
    """A site whose statistics a refresh did not put in force, and the page that would move too far: the rate that
    moves (a name of PageRow) and the sessions of the page, as in a version of before and as counted."""

    site: str
    path: str
    rate: str
    before: float
    counted: float
    sessions_before: int
    sessions: int


class PagesMarker(Struct, frozen=True, gc=False, omit_defaults=True, tag="marker", tag_field="kind"):
    """Ends a batch of `rows` rows and makes them a version; a `pinned` one stays until somebody releases it.

    `at` is when a refresh wrote it, in ms UTC; 0: somebody put it in force. `held` are the sites of which it has no
    rows though they moved; naming them changes no answer.
    """

    batch: str
    rows: int
    pinned: bool = False
    at: int = 0
    held: tuple[HeldPages, ...] = ()


#: The marker of what somebody puts in force.
BY_HAND = PagesMarker("", 0)


class PageAtVersion(Struct, frozen=True, gc=False):
    """A page as one version of the statistics sees it; shared by all views of it."""

    path: str
    type: PageType | None
    bounce_rate: float
    exit_rate: float
    page_value: float
    #: See TYPE_INDEXES.
    type_index: int
    #: Whether the version has numbers for it, of its own, its pattern's or its site's.
    has_statistics: bool


#: A record of the topic that a marker makes part of a version.
Row = PageRow | SiteRow
_decoder = msgspec.json.Decoder(PageRow | SiteRow | PagesMarker)
_encoder = msgspec.json.Encoder()


def decode(value: bytes) -> Row | PagesMarker:
    """Read one record of `page-stats`; raises msgspec.DecodeError."""
    record: Row | PagesMarker = _decoder.decode(value)
    return record


def place_of(row: Row) -> tuple[str, str]:
    """Whose row it is within a batch: of a site and a path, which a site's own row has not."""
    return (row.site, row.path) if isinstance(row, PageRow) else (row.site, "")


def encode(record: Row | PagesMarker) -> bytes:
    return _encoder.encode(record)


#: What an entry of a history is: a page's own row, a pattern's row, the end of either.
OWN, PATTERN, SHARED = 0.0, 1.0, 2.0
#: Numbers of an entry: version, bounce rate, exit rate, page value, which of these it is, and its sessions.
_NUMBERS_PER_ENTRY = 6


class PageEntry(NamedTuple):
    """A page's numbers in one version; `kind` is OWN or PATTERN."""

    bounce_rate: float
    exit_rate: float
    page_value: float
    kind: float
    sessions: float


class PageHistory:
    """The rows of one page by version, as an array of numbers: an installation has many."""

    __slots__ = ("_numbers",)

    def __init__(self) -> None:
        self._numbers = array("d")

    def add(self, version: int, row: PageRow) -> None:
        kind = SHARED if row.shared else PATTERN if row.pattern else OWN
        self._numbers.extend((version, row.bounce_rate, row.exit_rate, row.page_value, kind, row.sessions))

    def as_of(self, version: int) -> PageEntry | None:
        """The entry in force; None where the page shares its statistics with others."""
        at = self._count(version)
        return self._entry(at - 1) if at else None

    def since(self, version: int) -> Iterator[PageEntry]:
        """The entry that was in force at this version, and all after it, but for those that are shared."""
        for at in range(max(self._count(version) - 1, 0), len(self._numbers) // _NUMBERS_PER_ENTRY):
            entry = self._entry(at)
            if entry is not None:
                yield entry

    def _count(self, version: int) -> int:
        """How many entries there were as of this version."""
        numbers = self._numbers
        if numbers[-_NUMBERS_PER_ENTRY] <= version:
            return len(numbers) // _NUMBERS_PER_ENTRY
        return bisect_right(
            range(len(numbers) // _NUMBERS_PER_ENTRY),
            float(version),
            key=lambda entry: numbers[entry * _NUMBERS_PER_ENTRY],
        )

    def _entry(self, at: int) -> PageEntry | None:
        numbers = self._numbers[at * _NUMBERS_PER_ENTRY + 1 : (at + 1) * _NUMBERS_PER_ENTRY]
        return PageEntry(*numbers) if numbers[3] != SHARED else None


class SitePages:
    """The pages of one site that have or had statistics of their own."""

    __slots__ = ("histories", "in_force", "patterns")

    def __init__(self) -> None:
        self.histories: dict[str, PageHistory] = {}
        #: Pages with a row of their own as of the newest version, but ANY_PATH.
        self.in_force: set[str] = set()
        #: Every pattern that there ever was, the longest first.
        self.patterns: list[PathPattern] = []

    def add(self, version: int, row: PageRow) -> bool:
        """Take a row; False where the site has as many pages as it may."""
        path = row.path
        if row.shared:
            if path in self.in_force:
                self.in_force.remove(path)
                self.histories[path].add(version, row)
            return True
        if path != ANY_PATH and path not in self.in_force:
            if len(self.in_force) >= MOST_PAGES:
                return False
            self.in_force.add(path)
        self.histories.setdefault(path, PageHistory()).add(version, row)
        if row.pattern and all(known.text != path for known in self.patterns):
            self.patterns.append(PathPattern(path))
            self.patterns.sort(key=lambda known: (-len(known.text), known.text))
        return True

    def rates(self, path: str, version: int) -> tuple[float, float, float] | None:
        """Bounce rate, exit rate and page value as of a version: the page's own, else its pattern's, else the site's.

        None where the site has none.
        """
        for found in self._candidates(path, version):
            if found is not None:
                return found[:3]
        return None

    def _candidates(self, path: str, version: int) -> Iterator[PageEntry | None]:
        yield self._as_of(path, version)
        for pattern in self.patterns:
            row = self._as_of(pattern.text, version)
            if row is not None and row.kind == PATTERN and pattern.matches(path):
                yield row
        yield self._as_of(ANY_PATH, version)

    def _as_of(self, path: str, version: int) -> PageEntry | None:
        history = self.histories.get(path)
        return history.as_of(version) if history is not None else None


class PageStatistics:
    """All versions read so far. `version` is the newest; a page of no known row has statistics of zero."""

    def __init__(self) -> None:
        self.version = 0
        #: Records read; grows while the topic is being read.
        self.records = 0
        #: Whether refreshes leave the newest version as it is.
        self.pinned = False
        #: Sites whose statistics the newest refresh did not put in force.
        self.held: tuple[HeldPages, ...] = ()
        #: Versions since somebody last put one in force, with the time of their refresh: those of COMPARED_MS.
        self._refreshes: deque[tuple[int, int]] = deque()
        self._pending: dict[str, dict[tuple[str, str], Row]] = {}
        self._taken: dict[str, None] = {}
        self._sites: dict[str, SitePages] = {}
        self.site_rows = SiteRows()
        self._profiles: dict[tuple[str, int], SiteProfile] = {}
        self._seen: dict[tuple[str, str, PageType | None, int], PageAtVersion] = {}

    def take(self, offset: int, value: bytes) -> None:
        """`read` of an encoded record; raises msgspec.DecodeError."""
        self.read(offset, decode(value))

    def read(self, offset: int, record: Row | PagesMarker) -> None:
        """Take the record at `offset` of the topic; a marker makes its batch the version `offset`.

        A batch with rows missing changes nothing, for everybody who reads the topic; a marker that was sent twice is
        the same version under another number.
        """
        self.records += 1
        if not isinstance(record, PagesMarker):
            self._pending.setdefault(record.batch, {})[place_of(record)] = record
            if len(self._pending) > MOST_PENDING:
                # Whoever wrote it has crashed: it will have no marker.
                del self._pending[next(iter(self._pending))]
            return
        rows = self._pending.pop(record.batch, {})
        self.version = offset
        if len(rows) == record.rows:
            self._taken[record.batch] = None
            self.pinned, self.held = record.pinned, record.held
            self._remember(offset, record.at)
            if len(self._taken) > MOST_TAKEN:
                del self._taken[next(iter(self._taken))]
            self._add(offset, [row for row in rows.values() if isinstance(row, PageRow)])
            for row in rows.values():
                if isinstance(row, SiteRow):
                    self.site_rows.add(offset, row)
        elif record.batch not in self._taken:
            log.error(
                "page statistics version %d has %d of %d rows and is left out: import or refresh them again",
                *(offset, len(rows), record.rows),
            )

    def page(self, site: str, path: str, kind: PageType | None, version: int) -> PageAtVersion:
        """The page as of `version`: its own row, else its pattern's, else the site's default row, else zeros."""
        key = (site, path, kind, version)
        page = self._seen.get(key)
        if page is None:
            if len(self._seen) >= REMEMBERED_PAGES:
                self._seen.clear()
            pages = self._sites.get(site)
            rates = pages.rates(path, version) if pages is not None else None
            page = self._seen[key] = PageAtVersion(
                path, kind, *(rates or (0.0, 0.0, 0.0)), TYPE_INDEXES[kind], rates is not None
            )
        return page

    def profile(self, site: str, version: int) -> SiteProfile:
        """The site's profile as of `version`; the same object for all who ask."""
        profile = self._profiles.get((site, version))
        if profile is None:
            if len(self._profiles) >= REMEMBERED_PAGES:
                self._profiles.clear()
            pages = self._sites.get(site)
            rates = pages.rates(ANY_PATH, version) if pages is not None else None
            levels = PageLevels(*rates) if rates is not None else None
            profile = self._profiles[site, version] = self.site_rows.profile(site, version, levels)
        return profile

    def rows(self, version: int, site: str = "") -> dict[tuple[str, str], PageRow]:
        """The rows as of `version`, of one site or of all, by (site, path)."""
        found = {}
        for name, pages in self._sites.items():
            if site in ("", name):
                for path, history in list(pages.histories.items()):
                    row = history.as_of(version)
                    if row is not None:
                        found[name, path] = _row_of(name, path, row)
        return found

    def compared_with(self, at: int) -> Callable[[PageRow], Iterator[PageRow]]:
        """Gives the rows of a page in the versions of COMPARED_MS before `at`, none older than the last set by hand."""
        before = [version for version, written in self._refreshes if written <= at - COMPARED_MS]
        first = before[-1] if before else self._refreshes[0][0] if self._refreshes else None

        def rows_of(row: PageRow) -> Iterator[PageRow]:
            pages = self._sites.get(row.site)
            history = pages.histories.get(row.path) if pages is not None else None
            if history is not None and first is not None:
                yield from (_row_of(row.site, row.path, entry) for entry in history.since(first))

        return rows_of

    def _remember(self, version: int, at: int) -> None:
        if not at:
            self._refreshes.clear()
        self._refreshes.append((version, at))
        while len(self._refreshes) > 1 and self._refreshes[1][1] <= at - COMPARED_MS:
            self._refreshes.popleft()

    def _add(self, version: int, rows: Collection[PageRow]) -> None:
        """Take a version's rows: those that end a page's own statistics first, which makes room for others."""
        left_out: dict[str, int] = {}
        for row in sorted(rows, key=lambda row: not row.shared):
            pages = self._sites.setdefault(intern(row.site), SitePages())
            if not pages.add(version, row):
                left_out[row.site] = left_out.get(row.site, 0) + 1
        for site, count in left_out.items():
            log.warning(
                "%d pages of %s share the site's statistics: a site has %d with their own; put families of paths into "
                "sites.%s.path_patterns",
                *(count, site, MOST_PAGES, site),
            )


def _row_of(site: str, path: str, entry: PageEntry) -> PageRow:
    pattern = entry.kind == PATTERN
    return PageRow("", site, path, *entry[:3], pattern=pattern, sessions=int(entry.sessions))
