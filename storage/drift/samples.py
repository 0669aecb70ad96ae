"""The sessions of a window as drift compares them: one row each, what was known at the 1st, 3rd, 5th and 10th event."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from scoring.catalogue import FeatureDescription, catalogue
from scoring.drift.alarms import SCORE, ColumnPlace
from scoring.drift.bins import SessionSample
from scoring.signals import RATES, SESSION_NAMES
from storage.query.model_fit import RunQuery

#: Numbers of events at which sessions are compared.
AT_EVENTS = (1, 3, 5, 10)
#: Sessions of a window that are compared; of more, those whose ids have a hash that one in so many has.
MOST_SESSIONS = 5_000
#: What the calendar says is no news, and a session's number of events is given here.
LEFT_OUT = ("SpecialDay", "Month", "Weekend", "events")
FEATURES = tuple(each for each in catalogue().features if each.name not in LEFT_OUT)
COLUMNS = tuple(ColumnPlace(events, name) for events in AT_EVENTS for name in (*(f.name for f in FEATURES), SCORE))


def sample_of(run: RunQuery, site: str, since: int, until: int) -> SessionSample:
    """The live sessions of people that opened in [since, until), ms UTC; raises what `run` raises."""
    given: dict[str, Any] = {"site": site, "since": since, "until": until}
    sessions = int(run(_COUNT, given).result_rows[0][0])
    given |= {"one_in": -(-sessions // MOST_SESSIONS) or 1, "events": list(AT_EVENTS)}
    return _sample(run(_ROWS, given).result_rows)


def _sample(rows: Sequence[Sequence[Any]]) -> SessionSample:
    """Of rows (session, place among AT_EVENTS from 1 on, values...)."""
    width = len(COLUMNS) // len(AT_EVENTS)
    places: dict[tuple[str, int], int] = {}
    for row in rows:
        places.setdefault((row[0], row[1]), len(places))
    values = np.full((len(places), len(COLUMNS)), np.nan, np.float32)
    present = np.zeros(values.shape, np.bool_)
    for row in rows:
        session, begin = places[row[0], row[1]], (row[2] - 1) * width
        values[session, begin : begin + width] = [np.nan if value is None else value for value in row[3:]]
        present[session, begin : begin + width] = True
    return SessionSample(values, present)


def _selected(feature: FeatureDescription) -> str:
    if feature.values:
        names = ", ".join(f"'{value}'" for value in feature.values)
        return f"nullIf(toFloat64(indexOf([{names}], ifNull({feature.name}, ''))), 0)"
    if feature.name in SESSION_NAMES[RATES]:
        return f"if(ifNull(has_page_statistics, true), {feature.name}, NULL)"
    return f"toFloat64({feature.name})"


_LIVE = (
    "FROM scored_sessions FINAL WHERE site = {site:String} AND NOT closed AND NOT void AND NOT bot "
    "AND opened_at >= fromUnixTimestamp64Milli({since:Int64}) AND opened_at < fromUnixTimestamp64Milli({until:Int64}) "
)
_COUNT = f"SELECT uniqExact(session_id, opened_at) {_LIVE}"
_PLACE = "indexOf({events:Array(UInt32)}, event_count) AS place"
_ROWS = (
    f"SELECT session_id, toUnixTimestamp64Milli(opened_at) AS opened, {_PLACE}, "
    f"{', '.join(map(_selected, FEATURES))}, {SCORE} {_LIVE}"
    "AND has({events:Array(UInt32)}, event_count) AND cityHash64(session_id) % {one_in:UInt64} = 0 "
    "ORDER BY session_id, opened, place, offset LIMIT 1 BY session_id, opened, place"
)
