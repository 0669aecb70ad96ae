"""Counts pages over closed sessions in ClickHouse. The definitions are those of Google's Universal Analytics.

An *entrance* is the first page view of a session, an *exit* the last, a *bounce* the only one. A page's value is the
revenue of the sessions in which it was viewed before the purchase, counted once per session.
"""

from typing import Any

from msgspec import Struct

from storage.write.clickhouse_sink import ask


class Tally(Struct, frozen=True):
    """One page of one site over closed sessions; `value` in the site's currency."""

    site: str
    path: str
    views: int
    #: Sessions that viewed it.
    sessions: int
    entrances: int
    exits: int
    bounces: int
    value: float


class Tallies:
    """`client` is a clickhouse_connect client that serves threads."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def since(self, opened_at: int, site: str = "") -> list[Tally]:
        """All pages of live sites (or of one) over the sessions opened since (ms UTC) and closed.

        Runs of replayed sites (`uci~k3f9`) have imported statistics only. Raises UnavailableError.
        """
        found = ask(self._client, _TALLY, {"since": opened_at, "site": site})
        return [Tally(*row) for row in found.result_rows]


_SESSION = "site, session_id, opened_at, log"
_OF_LIVE_SITES = (
    "toUnixTimestamp64Milli(s.opened_at) >= {since:Int64} AND NOT void AND position(site, '~') = 0 "
    "AND ({site:String} = '' OR site = {site:String})"
)
_TALLY = f"""
WITH
closed AS (
    SELECT {_SESSION}, amount FROM scored_sessions AS s FINAL WHERE closed AND {_OF_LIVE_SITES}
),
bought AS (
    SELECT {_SESSION}, max(s.occurred_at) AS bought_at FROM scored_sessions AS s FINAL
    WHERE event_type = 'purchase' AND {_OF_LIVE_SITES} GROUP BY {_SESSION}
),
viewed AS (
    SELECT {_SESSION}, ifNull(path, '') AS page, s.occurred_at AS viewed_at,
        row_number() OVER (PARTITION BY {_SESSION} ORDER BY s.occurred_at, event_id) AS place,
        count() OVER (PARTITION BY {_SESSION}) AS places
    FROM scored_sessions AS s FINAL WHERE event_type = 'page_view' AND NOT closed AND {_OF_LIVE_SITES}
),
visited AS (
    SELECT {_SESSION}, page, count() AS views, min(viewed_at) AS first_at,
        countIf(place = 1) AS entrances, countIf(place = places) AS exits, countIf(places = 1) AS bounces
    FROM viewed GROUP BY {_SESSION}, page
)
SELECT v.site, v.page, toInt64(sum(v.views)), toInt64(count()), toInt64(sum(v.entrances)), toInt64(sum(v.exits)),
    toInt64(sum(v.bounces)), sum(if(b.bought_at >= v.first_at, c.amount, 0))
FROM visited AS v
INNER JOIN closed AS c USING ({_SESSION})
LEFT JOIN bought AS b USING ({_SESSION})
GROUP BY v.site, v.page ORDER BY v.site, v.page
"""  # noqa: S608  our own names
