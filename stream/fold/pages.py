"""Page statistics by site, path and version: what a page view is worth, looked up as of a version.

The `page-stats` topic has one partition. A refresh writes the rows that changed and then a marker; the marker's offset
is the version, so versions are unique and grow with the log. Pure: reading the topic is stream/kafka/pages_topic.py.

Anybody who may write events can make up paths. So a site has a bounded number of pages with statistics of their own;
the others share those of a pattern that they fall under, or of the site.
"""

import logging
from array import array
from bisect import bisect_right
from collections.abc import Collection, Iterator
from sys import intern
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from ingest.events import PageType, Site, Url
from stream.fold.path_patterns import PathPattern

log = logging.getLogger(__name__)

#: The path whose row holds for every page of a site that has none of its own.
ANY_PATH = "*"
#: Pages of a site that have statistics of their own at a time, patterns included.
MOST_PAGES = 10_000
#: Row of a session's counts for each page type; a page without a type has a row that no feature reads.
ROWS: dict[PageType | None, int] = {"Administrative": 0, "Informational": 1, "ProductRelated": 2, None: 3}
#: Pages remembered as looked up; a cache, which starts again when it is full.
REMEMBERED_PAGES = 20_000
#: Batches without a marker that are remembered, and markers.
MOST_PENDING, MOST_TAKEN = 16, 1_000

Rate = Annotated[float, Meta(ge=0, le=1)]


class PageRow(Struct, frozen=True, gc=False, omit_defaults=True, tag="row", tag_field="kind"):
    """One page's statistics: rates 0 to 1, page_value in the site's currency.

    The row of a `pattern` holds for every path that falls under it and has no row of its own. A `shared` row ends the
    page's own statistics: from its version on it shares those of its pattern or its site.
    """

    batch: str
    site: Site
    path: Url
    bounce_rate: Rate
    exit_rate: Rate
    page_value: Annotated[float, Meta(ge=0)]
    pattern: bool = False
    shared: bool = False


class PagesMarker(Struct, frozen=True, gc=False, omit_defaults=True, tag="marker", tag_field="kind"):
    """Ends a batch of `rows` rows and makes them a version; a `pinned` one stays until somebody releases it."""

    batch: str
    rows: int
    pinned: bool = False


class SeenPage(Struct, frozen=True, gc=False):
    """A page as one version of the statistics sees it; shared by all views of it."""

    path: str
    type: PageType | None
    bounce_rate: float
    exit_rate: float
    page_value: float
    #: See ROWS.
    row: int


_decoder = msgspec.json.Decoder(PageRow | PagesMarker)
_encoder = msgspec.json.Encoder()


def decode(value: bytes) -> PageRow | PagesMarker:
    """Read one record of `page-stats`; raises msgspec.DecodeError."""
    record: PageRow | PagesMarker = _decoder.decode(value)
    return record


def encode(record: PageRow | PagesMarker) -> bytes:
    return _encoder.encode(record)


#: What an entry of a history is: a page's own row, a pattern's row, the end of either.
OWN, PATTERN, SHARED = 0.0, 1.0, 2.0
#: Numbers of an entry: version, bounce rate, exit rate, page value, and which of these it is.
_ENTRY = 5


class PageHistory:
    """The rows of one page by version, as an array of numbers: an installation has many."""

    __slots__ = ("_numbers",)

    def __init__(self) -> None:
        self._numbers = array("d")

    def add(self, version: int, row: PageRow) -> None:
        kind = SHARED if row.shared else PATTERN if row.pattern else OWN
        self._numbers.extend((version, row.bounce_rate, row.exit_rate, row.page_value, kind))

    def as_of(self, version: int) -> tuple[float, float, float, float] | None:
        """Bounce rate, exit rate, page value and kind; None where the page shares its statistics with others."""
        numbers = self._numbers
        if numbers[-_ENTRY] <= version:
            at = len(numbers) // _ENTRY
        else:
            at = bisect_right(range(len(numbers) // _ENTRY), float(version), key=lambda entry: numbers[entry * _ENTRY])
        if not at or numbers[at * _ENTRY - 1] == SHARED:
            return None
        _, bounce, leave, value, kind = numbers[(at - 1) * _ENTRY : at * _ENTRY]
        return bounce, leave, value, kind


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

    def rates(self, path: str, version: int) -> tuple[float, float, float]:
        """Bounce rate, exit rate and page value as of a version: the page's own, else its pattern's, else the site's,
        else zeros."""
        for found in self._candidates(path, version):
            if found is not None:
                return found[:3]
        return 0.0, 0.0, 0.0

    def _candidates(self, path: str, version: int) -> Iterator[tuple[float, float, float, float] | None]:
        yield self._as_of(path, version)
        for pattern in self.patterns:
            row = self._as_of(pattern.text, version)
            if row is not None and row[3] == PATTERN and pattern.matches(path):
                yield row
        yield self._as_of(ANY_PATH, version)

    def _as_of(self, path: str, version: int) -> tuple[float, float, float, float] | None:
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
        self._pending: dict[str, dict[tuple[str, str], PageRow]] = {}
        self._taken: dict[str, None] = {}
        self._sites: dict[str, SitePages] = {}
        self._seen: dict[tuple[str, str, PageType | None, int], SeenPage] = {}

    def take(self, offset: int, value: bytes) -> None:
        """`read` of an encoded record; raises msgspec.DecodeError."""
        self.read(offset, decode(value))

    def read(self, offset: int, record: PageRow | PagesMarker) -> None:
        """Take the record at `offset` of the topic; a marker makes its batch the version `offset`.

        A batch with rows missing changes nothing, for everybody who reads the topic; a marker that was sent twice is
        the same version under another number.
        """
        self.records += 1
        if isinstance(record, PageRow):
            self._pending.setdefault(record.batch, {})[record.site, record.path] = record
            if len(self._pending) > MOST_PENDING:
                # Whoever wrote it has crashed: it will have no marker.
                del self._pending[next(iter(self._pending))]
            return
        rows = self._pending.pop(record.batch, {})
        self.version = offset
        if len(rows) == record.rows:
            self._taken[record.batch] = None
            self.pinned = record.pinned
            if len(self._taken) > MOST_TAKEN:
                del self._taken[next(iter(self._taken))]
            self._add(offset, rows.values())
        elif record.batch not in self._taken:
            log.error(
                "page statistics version %d has %d of %d rows and is left out: import or refresh them again",
                *(offset, len(rows), record.rows),
            )

    def page(self, site: str, path: str, kind: PageType | None, version: int) -> SeenPage:
        """The page as of `version`: its own row, else its pattern's, else the site's default row, else zeros."""
        key = (site, path, kind, version)
        page = self._seen.get(key)
        if page is None:
            if len(self._seen) >= REMEMBERED_PAGES:
                self._seen.clear()
            pages = self._sites.get(site)
            rates = pages.rates(path, version) if pages is not None else (0.0, 0.0, 0.0)
            page = self._seen[key] = SeenPage(path, kind, *rates, ROWS[kind])
        return page

    def rows(self, version: int, site: str = "") -> dict[tuple[str, str], PageRow]:
        """The rows as of `version`, of one site or of all, by (site, path)."""
        found = {}
        for name, pages in self._sites.items():
            if site in ("", name):
                for path, history in list(pages.histories.items()):
                    row = history.as_of(version)
                    if row is not None:
                        found[name, path] = PageRow("", name, path, *row[:3], pattern=row[3] == PATTERN)
        return found

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
