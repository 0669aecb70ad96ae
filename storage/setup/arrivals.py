"""When the first and the newest event of each site were received, from the timeline in ClickHouse.

The table is sorted by site, and one column of it is read, so an answer about one site costs milliseconds.
"""

from collections.abc import Collection
from typing import Any

from clickhouse_connect.driver.exceptions import Error as ClickHouseError

from storage.database.sites import seen
from storage.http.errors import ReadError
from storage.setup.answers import SiteArrivals

RETRY_SECONDS = 2


class Arrivals:
    """`client` is a clickhouse_connect client that serves threads."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def of(self, site: str, sites: Collection[str] | None) -> list[SiteArrivals]:
        """One site, or with "" all of `sites` (None: all) but the runs of imports; raises ReadError: unavailable."""
        condition, given = seen(sites)
        condition += " AND site = {site:String}" if site else " AND position(site, '~') = 0"
        try:
            rows = self._client.query(_ARRIVALS.format(condition=condition), given | {"site": site}).result_rows
        except (ClickHouseError, OSError) as error:
            raise ReadError("unavailable", f"ClickHouse does not answer: {error}", RETRY_SECONDS) from error
        return [SiteArrivals(*row) for row in rows]


_ARRIVALS = """
    SELECT site, toUnixTimestamp64Milli(min(updated_at)), toUnixTimestamp64Milli(max(updated_at))
    FROM scored_sessions
    WHERE {condition} AND event_id IS NOT NULL AND NOT void
    GROUP BY site
    ORDER BY site
"""
