"""The sessions of a site and period in the timeline of ClickHouse, as the queries of the overview begin.

A session is its site (or run of the site), id and opening, as in the relational database. Sessions of programs and what
a replay voided are left out.
"""

from collections.abc import Collection
from typing import Any, NamedTuple

from storage.overview.periods import Period


class TimelineWindow(NamedTuple):
    """`repeated` are the sessions whose orders all count in other ones: they have not bought."""

    site: str
    period: Period
    repeated: Collection[tuple[str, str, int]] = ()

    def given(self) -> dict[str, Any]:
        """The parameters of a query that has UPDATES or BOUGHT."""
        return {
            "site": self.site,
            "prefix": f"{self.site}~",
            "since": self.period.since,
            "until": self.period.until,
            "repeated": [f"{site}/{session_id}/{opened_at}" for site, session_id, opened_at in self.repeated],
        }


def updates_between(since: str, until: str) -> str:
    """Updates of the site's sessions that opened between two expressions, ms UTC."""
    return (
        "FROM scored_sessions FINAL WHERE (site = {site:String} OR startsWith(site, {prefix:String})) AND NOT void "
        f"AND opened_at >= fromUnixTimestamp64Milli({since}) AND opened_at < fromUnixTimestamp64Milli({until})"
    )


UPDATES = updates_between("{since:Int64}", "{until:Int64}")
SESSION = "site, session_id, opened_at"
IDENTITY = "concat(site, '/', session_id, '/', toString(toUnixTimestamp64Milli(opened_at)))"
#: Of a session, where its updates are grouped by SESSION.
BOUGHT = f"(argMax(revenue, version) AND {IDENTITY} NOT IN (SELECT arrayJoin({{repeated:Array(String)}})))"
#: The table is sorted by SESSION: sessions are grouped one after the other, and memory does not grow with them.
BY_SESSION = f"GROUP BY {SESSION} HAVING NOT argMax(bot, version)"
IN_ORDER = "SETTINGS optimize_aggregation_in_order = 1"
