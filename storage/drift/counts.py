"""What is counted of all sessions of windows: volume, programs, late events, what came of the scores. In ClickHouse."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.drift.windows import AT_EVENTS, CELLS, LOWEST, WIDTH, WindowCounts
from storage.drift.grid import IN_GRID, WINDOW, ClickHouseReads, WindowGrid

#: What came of a session is looked at so long after it opened, ms: sessions that are still open have no outcome, and
#: those of the last minutes that have one are the short ones.
MATURE_MS = 2 * 3_600_000


def counts_of(reads: ClickHouseReads, grid: WindowGrid) -> list[WindowCounts]:
    """Of each window; outcomes are those of windows MATURE_MS earlier. Raises what `reads` raise."""
    sessions = np.zeros((grid.windows, 2), np.int64)
    models: list[frozenset[str]] = [frozenset()] * grid.windows
    for window, is_program, count, versions in reads.rows(_SESSIONS, grid.given()).result_rows:
        sessions[window, int(is_program)] = count
        if not is_program:
            models[window] = frozenset(versions)
    senders = np.array(reads.rows(_SENDERS, grid.given()).result_rows, np.int64).reshape(-1, 4)
    outcomes = outcomes_of(reads, grid.earlier(MATURE_MS))
    return [
        WindowCounts(
            int(sessions[window, 0]),
            int(sessions[window, 1]),
            senders[senders[:, 0] == window, 1:],
            outcomes[window],
            models[window],
        )
        for window in range(grid.windows)
    ]


def session_counts(reads: ClickHouseReads, grid: WindowGrid) -> list[int]:
    """Sessions of people of each window."""
    found = {window: count for window, bot, count, _ in reads.rows(_SESSIONS, grid.given()).result_rows if not bot}
    return [int(found.get(window, 0)) for window in range(grid.windows)]


def outcomes_of(reads: ClickHouseReads, grid: WindowGrid) -> NDArray[np.float64]:
    """float64[windows, AT_EVENTS, CELLS, 3], as in WindowCounts.outcomes."""
    given: dict[str, Any] = grid.given() | {
        "events": list(AT_EVENTS),
        "lowest": LOWEST,
        "width": WIDTH,
        "cells": CELLS,
    }
    found = np.zeros((grid.windows, len(AT_EVENTS), CELLS, 3))
    for window, place, cell, others, buyers, predicted in reads.rows(_OUTCOMES, given).result_rows:
        found[window, place - 1, cell] = others, buyers, predicted
    return found


_SESSIONS = (
    f"SELECT {WINDOW} AS window, bot, uniqExact(session_id, opened_at), groupUniqArray(model_version) "
    f"{IN_GRID} AND NOT closed GROUP BY window, bot"
)
# Events count where they reached the log, as who is late is known by that.
_SENDERS = """
SELECT window, sent, late, count() FROM (
    SELECT intDiv(toUnixTimestamp64Milli(appended_at) - {since:Int64}, {length:Int64}) AS window, session_id,
           count() AS sent, countIf((log, partition, offset) IN (
               SELECT log, partition, offset FROM dead_letters WHERE reason = 'late'
           )) AS late
    FROM events FINAL
    WHERE site = {site:String} AND kind = 'event' AND appended_at >= fromUnixTimestamp64Milli({since:Int64})
      AND appended_at < fromUnixTimestamp64Milli({until:Int64})
    GROUP BY window, session_id
)
GROUP BY window, sent, late ORDER BY window, sent, late
"""
_IDENTITY = "session_id, opened_at, log"
_OUTCOMES = f"""
WITH outcomes AS (
    SELECT {_IDENTITY}, argMax(revenue, version) AS bought {IN_GRID} AND closed GROUP BY {_IDENTITY}
)
SELECT window, place, cell, countIf(NOT bought), countIf(bought), sum(probability) FROM (
    SELECT {WINDOW} AS window, {_IDENTITY}, indexOf({{events:Array(UInt32)}}, event_count) AS place, revenue,
           probability, toInt64(least(greatest(floor(
               (log(probability) - log1p(-probability) - {{lowest:Float64}}) / {{width:Float64}}
           ), 0), {{cells:Float64}} - 1)) AS cell
    {IN_GRID} AND NOT closed AND NOT bot AND place > 0
    ORDER BY {_IDENTITY}, place, offset LIMIT 1 BY {_IDENTITY}, place
) AS s INNER JOIN outcomes USING ({_IDENTITY})
WHERE NOT s.revenue
GROUP BY window, place, cell
"""  # noqa: S608  our names
