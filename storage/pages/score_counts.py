"""Counts the scores of a trailing window by number of events, in ClickHouse: what bands by share are made of."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from storage.pages.site_rows import EVENTS, ScoreCount
from storage.write.clickhouse_sink import run_query

#: How far back scores count, by when their session opened; ms.
TRAILING_MS = 7 * 24 * 3_600_000
#: A count reads the whole window, so it is made at most so often; seconds.
EVERY_SECONDS = 3_600.0


class ScoreCounts:
    """`client` is a clickhouse_connect client that serves threads; `now` is monotonic seconds.

    Counts are kept for EVERY_SECONDS, those that are too few for any limits for a tenth of that.
    """

    def __init__(self, client: Any, now: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._now = now
        self._counts: Sequence[ScoreCount] = ()
        self._next = float("-inf")

    def since(self, opened_at: int, sites: Sequence[str], fresh: bool = False) -> Sequence[ScoreCount]:
        """The live scores of these sites by the model that scored them last, of sessions opened since (ms UTC).

        Raises DatabaseUnavailableError.
        """
        now = self._now()
        if sites and (fresh or now >= self._next):
            given = {"since": max(opened_at, 0), "sites": list(sites), "from": list(EVENTS)}
            rows = run_query(self._client, _COUNTS, given).result_rows
            self._counts = [ScoreCount(*row) for row in rows]
            self._next = now + (EVERY_SECONDS if self._counts else EVERY_SECONDS / 10)
        return self._counts


#: A session counts once for each number of events that it had; what a program's session had does not count.
_COUNTS = """
WITH scores AS (
    SELECT site, session_id, opened_at, model_version, updated_at, probability,
           arrayLast(least_events -> least_events <= event_count, {from:Array(UInt32)}) AS least_events
    FROM scored_sessions FINAL
    WHERE opened_at >= fromUnixTimestamp64Milli({since:Int64}) AND has({sites:Array(String)}, site)
      AND backfill = 0 AND NOT closed AND NOT void AND NOT bot
),
newest AS (SELECT site, argMax(model_version, updated_at) AS model FROM scores GROUP BY site)
SELECT site, model_version, least_events, round(probability, 3) AS rounded,
       toInt64(uniqExact(session_id, opened_at))
FROM scores INNER JOIN newest USING (site)
WHERE model_version = newest.model AND least_events > 0
GROUP BY site, model_version, least_events, rounded
"""
