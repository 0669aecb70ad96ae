"""When the first and the newest event of each site were received, from the timeline in ClickHouse.

The table is sorted by site, so a site that has yet to send costs nearly nothing. Of one that has sent for years three
narrow columns are read, which may take seconds: an answer is kept for KEPT_FOR times as long as it took.
"""

import time
from collections.abc import Callable, Collection
from threading import Lock
from typing import Any, NamedTuple

from clickhouse_connect.driver.exceptions import Error as ClickHouseError

from storage.database.sites import seen
from storage.http.errors import ReadError
from storage.setup.answers import SiteArrivals

RETRY_SECONDS = 2
#: So asking again and again takes a twentieth of one processor at most.
KEPT_FOR = 20.0
#: Questions whose answers are kept.
MOST_KEPT = 1_000

_Question = tuple[str, frozenset[str] | None]


class _Kept(NamedTuple):
    until: float
    found: list[SiteArrivals]


class Arrivals:
    """`client` is a clickhouse_connect client that serves threads."""

    def __init__(self, client: Any, now: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._now = now
        self._lock = Lock()
        self._kept: dict[_Question, _Kept] = {}

    def of(self, site: str, sites: Collection[str] | None) -> list[SiteArrivals]:
        """One site, or with "" all of `sites` (None: all) but the runs of imports; raises ReadError: unavailable."""
        question = (site, None if sites is None else frozenset(sites))
        with self._lock:
            begun = self._now()
            kept = self._kept.get(question)
            if kept is None or begun >= kept.until:
                found = self._read(site, sites)
                ended = self._now()
                kept = _Kept(ended + KEPT_FOR * (ended - begun), found)
                if len(self._kept) >= MOST_KEPT:
                    self._kept.clear()
                self._kept[question] = kept
            return kept.found

    def _read(self, site: str, sites: Collection[str] | None) -> list[SiteArrivals]:
        condition, given = seen(sites)
        condition += " AND site = {site:String}" if site else " AND position(site, '~') = 0"
        try:
            rows = self._client.query(_ARRIVALS.format(condition=condition), given | {"site": site}).result_rows
        except (ClickHouseError, OSError) as error:
            raise ReadError("unavailable", f"ClickHouse does not answer: {error}", RETRY_SECONDS) from error
        return [SiteArrivals(*row) for row in rows]


#: What is closed is so by a clock, and not by an event.
_ARRIVALS = """
    SELECT site, toUnixTimestamp64Milli(min(updated_at)), toUnixTimestamp64Milli(max(updated_at))
    FROM scored_sessions
    WHERE {condition} AND NOT closed AND NOT void
    GROUP BY site
    ORDER BY site
"""
