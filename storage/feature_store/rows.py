"""The rows of an export, from the timeline in ClickHouse: of all logs, the newest backfill of each record.

Blocking. ClickHouse makes Arrow of them itself, so that the process which holds the databases needs no pyarrow.
"""

from typing import Any

from clickhouse_connect.driver import exceptions
from sqlalchemy import Engine

from scoring.catalogue import catalogue
from scoring.features import NAMES
from scoring.signals import RATES
from storage.database.errors import DatabaseUnavailableError
from storage.feature_store.days import DAY_MS, HOUR_MS, FeatureDays, HourTally, days_of
from storage.http.errors import ReadError
from storage.learning.source import RowSelection
from storage.learning.timeline import repeated_orders
from storage.write.clickhouse_sink import run_query

#: Days of one answer.
MOST_DAYS = 31
#: Rows of one answer: some 50 MB.
MOST_ROWS = 100_000
#: ClickHouse's TOO_MANY_ROWS_OR_BYTES.
_TOO_MANY = "code: 396"

FEATURES = tuple(each.name for each in catalogue().features)


class FeatureRows:
    """The table `scored_sessions`; `client` is a clickhouse_connect client that serves threads."""

    def __init__(self, client: Any, engine: Engine) -> None:
        self._client = client
        self._engine = engine

    def days(self, site: str, since: int | None, until: int) -> FeatureDays:
        """Days of the site from that of `since` on (None: its first one), MOST_DAYS at most.

        Raises DatabaseUnavailableError.
        """
        if since is None:
            first, count = run_query(self._client, _FIRST, {"site": site}).result_rows[0]
            since = int(first) if count else until
        since -= since % DAY_MS
        end = max(min(until, since + MOST_DAYS * DAY_MS), since)
        given = {"site": site, "since": since, "until": end}
        tallies = [HourTally(*map(int, row)) for row in run_query(self._client, _HOURS, given).result_rows]
        repeated = repeated_orders(self._engine, RowSelection(site, since, end)) if tallies else []
        return FeatureDays(site, since, end, end if end < until else None, days_of(tallies, repeated))

    def arrow(self, site: str, since: int, until: int, part: int = 0, parts: int = 1) -> bytes:
        """The rows of the sessions that opened in [since, until), ms UTC, as an Arrow stream: those of one part of
        their ids.

        Raises DatabaseUnavailableError, and ReadError (too_large) beyond MOST_ROWS.
        """
        repeated = repeated_orders(self._engine, RowSelection(site, since, until))
        given = {
            "site": site,
            "since": since,
            "until": until,
            "part": part,
            "parts": parts,
            "repeated": [f"{session_id}/{opened_at}" for _, session_id, opened_at in repeated],
        }
        try:
            found: bytes = self._client.raw_query(_ROWS, parameters=given, fmt="ArrowStream")
        except (exceptions.Error, OSError) as error:
            line = str(error).partition("\n")[0][:300]
            if _TOO_MANY in line.lower():
                raise ReadError(
                    "too_large", f"more than {MOST_ROWS:,} rows: take fewer hours, or more `parts`"
                ) from error
            raise DatabaseUnavailableError(line) from error
        return found


def _feature(name: str) -> str:
    """A column of contract 2, null where it is unknown."""
    return f"if(ifNull(has_page_statistics, false), {name}, NULL) AS {name}" if name in NAMES[RATES] else name


_WINDOW = (
    "FROM scored_sessions FINAL WHERE site = {site:String} AND NOT void "
    "AND opened_at >= fromUnixTimestamp64Milli({since:Int64}) AND opened_at < fromUnixTimestamp64Milli({until:Int64}) "
)
_FIRST = (
    "SELECT toUnixTimestamp64Milli(min(opened_at)), count() FROM scored_sessions "
    "WHERE site = {site:String} AND NOT void"
)
_SESSION = "session_id, opened_at, log"
# All that a row is made of; backfills that change nothing else have other versions, which stay out.
_HASHED = ", ".join(
    (
        *(_SESSION, "partition, offset, closed, updated_at, occurred_at, event_type, event_count, bot, revenue"),
        *("probability, model_version, has_page_statistics", *FEATURES),
    )
)
_HOURS = (
    f"SELECT intDiv(toUnixTimestamp64Milli(opened_at), {HOUR_MS}) AS hour, countIf(NOT closed), "
    f"uniqExact({_SESSION}), uniqExactIf({_SESSION}, closed), sum(sipHash64(formatRow('RowBinary', {_HASHED}))) "
    f"{_WINDOW} GROUP BY hour ORDER BY hour"
)
_PART = "AND cityHash64(session_id) % {parts:UInt32} = {part:UInt32}"
_IN_SESSION = f"OVER (PARTITION BY {_SESSION} ORDER BY offset ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
_REPEATED = "has({repeated:Array(String)}, concat(session_id, '/', toString(toUnixTimestamp64Milli(opened_at))))"
# A row is known from the clock at its update on. Of one millisecond the later row is a microsecond later, so that
# whoever joins by time finds the last: time(n) = max(clock(n), time(n - 1) + 1) = n + max(clock(m) - m, m up to n).
_ROWS = f"""
WITH outcomes AS (
    SELECT {_SESSION}, argMax(revenue, version) AND NOT {_REPEATED} AS bought
    FROM (SELECT {_SESSION}, version, revenue, bot {_WINDOW} {_PART} AND closed)
    GROUP BY {_SESSION}
    HAVING NOT argMax(bot, version)
),
appended AS (
    SELECT log, partition, offset, max(appended_at) AS logged_at
    FROM events
    WHERE (log, partition, offset) IN (SELECT log, partition, offset {_WINDOW} {_PART} AND NOT closed)
    GROUP BY log, partition, offset
),
numbered AS (
    SELECT *, toInt64(row_number() {_IN_SESSION}) AS place
    FROM (SELECT * {_WINDOW} {_PART} AND NOT closed)
),
timed AS (
    SELECT *, place + max(toUnixTimestamp64Milli(updated_at) * 1000 - place) {_IN_SESSION} AS known_at FROM numbered
)
SELECT toString(site) AS site, session_id, opened_at, toString(log) AS log, partition, offset,
       event_count AS event_number, event_type, occurred_at,
       fromUnixTimestamp64Micro(known_at, 'UTC') AS event_timestamp,
       if(toUnixTimestamp64Milli(logged_at) > 0, logged_at, updated_at) AS created_timestamp,
       {", ".join(map(_feature, FEATURES))},
       probability, model_version,
       (revenue AND bought)::Bool AS bought_before,
       if(revenue AND bought, NULL, bought)::Nullable(Bool) AS bought_afterwards
FROM timed INNER JOIN outcomes USING ({_SESSION}) LEFT JOIN appended USING (log, partition, offset)
ORDER BY opened_at, session_id, log, offset
SETTINGS max_result_rows = {MOST_ROWS}, result_overflow_mode = 'throw'
"""  # noqa: S608  our names
