"""Page statistics by site, path and version: what a page view is worth, looked up as of a version.

The `page-stats` topic has one partition. A refresh writes the rows that changed and then a marker; the marker's offset
is the version, so versions are unique and grow with the log. Pure: reading the topic is stream/kafka/pages_topic.py.
"""

import logging
from bisect import bisect_right
from operator import itemgetter
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from ingest.events import PageType, Site, Url

log = logging.getLogger(__name__)

#: The path whose row holds for every page of a site that has none of its own.
ANY_PATH = "*"
#: Row of a session's counts for each page type; a page without a type has a row that no feature reads.
ROWS: dict[PageType | None, int] = {"Administrative": 0, "Informational": 1, "ProductRelated": 2, None: 3}
#: Pages remembered as looked up; a cache, which starts again when it is full.
REMEMBERED_PAGES = 200_000

Rate = Annotated[float, Meta(ge=0, le=1)]


class PageRow(Struct, frozen=True, gc=False, tag="row", tag_field="kind"):
    """One page's statistics: rates 0 to 1, page_value in the site's currency."""

    batch: str
    site: Site
    path: Url
    bounce_rate: Rate
    exit_rate: Rate
    page_value: Annotated[float, Meta(ge=0)]


class PagesMarker(Struct, frozen=True, gc=False, tag="marker", tag_field="kind"):
    """Ends a batch of `rows` rows and makes them a version."""

    batch: str
    rows: int


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


class PageStatistics:
    """All versions read so far. `version` is the newest; a page of no known row has statistics of zero."""

    def __init__(self) -> None:
        self.version = 0
        #: Records read; grows while the topic is being read.
        self.records = 0
        self._pending: dict[str, dict[tuple[str, str], PageRow]] = {}
        self._taken: set[str] = set()
        self._rows: dict[tuple[str, str], list[tuple[int, PageRow]]] = {}
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
            return
        rows = self._pending.pop(record.batch, {})
        self.version = offset
        if len(rows) == record.rows:
            self._taken.add(record.batch)
            for key, row in rows.items():
                self._rows.setdefault(key, []).append((offset, row))
        elif record.batch not in self._taken:
            log.error(
                "page statistics version %d has %d of %d rows and is left out: import or refresh them again",
                *(offset, len(rows), record.rows),
            )

    def page(self, site: str, path: str, kind: PageType | None, version: int) -> SeenPage:
        """The page as of `version`: its own row, else the site's default row, else zeros."""
        key = (site, path, kind, version)
        page = self._seen.get(key)
        if page is None:
            if len(self._seen) >= REMEMBERED_PAGES:
                self._seen.clear()
            row = self._as_of(site, path, version) or self._as_of(site, ANY_PATH, version)
            rates = (row.bounce_rate, row.exit_rate, row.page_value) if row else (0.0, 0.0, 0.0)
            page = self._seen[key] = SeenPage(path, kind, *rates, ROWS[kind])
        return page

    def rows(self, version: int, site: str = "") -> dict[tuple[str, str], PageRow]:
        """The rows as of `version`, of one site or of all, by (site, path)."""
        found = ((key, self._as_of(*key, version)) for key in list(self._rows) if site in ("", key[0]))
        return {key: row for key, row in found if row is not None}

    def _as_of(self, site: str, path: str, version: int) -> PageRow | None:
        history = self._rows.get((site, path), [])
        at = bisect_right(history, version, key=itemgetter(0))
        return history[at - 1][1] if at else None
