"""Windows one after the other, and how the queries of drift number them."""

from collections.abc import Callable
from typing import Any, NamedTuple


class ClickHouseReads(NamedTuple):
    """Reads with bound parameters: `rows` has the answer's `result_rows`; `raw` its bytes in the format RowBinary."""

    rows: Callable[[str, dict[str, Any]], Any]
    raw: Callable[[str, dict[str, Any]], bytes]


class WindowGrid(NamedTuple):
    """So many `windows` of `length` ms from `since`, ms UTC, on."""

    site: str
    since: int
    length: int
    windows: int

    @property
    def until(self) -> int:
        return self.since + self.length * self.windows

    def given(self) -> dict[str, Any]:
        """The parameters of a query that has IN_GRID or WINDOW."""
        return {"site": self.site, "since": self.since, "until": self.until, "length": self.length}

    def earlier(self, by: int) -> "WindowGrid":
        return self._replace(since=self.since - by)


#: Live updates of the site's sessions that opened in the grid, and the number of their window.
IN_GRID = (
    "FROM scored_sessions FINAL WHERE site = {site:String} AND NOT void "
    "AND opened_at >= fromUnixTimestamp64Milli({since:Int64}) AND opened_at < fromUnixTimestamp64Milli({until:Int64}) "
)
WINDOW = "intDiv(toUnixTimestamp64Milli(opened_at) - {since:Int64}, {length:Int64})"
