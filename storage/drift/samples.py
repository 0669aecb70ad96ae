"""Sessions of windows as drift compares them: one row each, what was known at the 1st, 3rd, 5th and 10th event."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.catalogue import FeatureDescription, catalogue
from scoring.drift.alarms import UNKNOWN_RATE, ColumnPlace
from scoring.drift.bins import SessionSample
from scoring.drift.causes import SCORE
from scoring.drift.windows import AT_EVENTS
from scoring.signals import RATES, SESSION_NAMES
from storage.drift.grid import IN_GRID, WINDOW, ClickHouseReads, WindowGrid

#: Sessions that are compared of the window, and of each one before it; of more, those whose ids have a hash that one in
#: so many has.
MOST_SESSIONS, MOST_QUIET = 3_000, 1_500
#: What the calendar says is no news, and a session's number of events is given here.
LEFT_OUT = ("SpecialDay", "Month", "Weekend", "events")
FEATURES = tuple(each for each in catalogue().features if each.name not in LEFT_OUT)
COLUMNS = (
    *(ColumnPlace(events, name) for events in AT_EVENTS for name in (*(f.name for f in FEATURES), SCORE)),
    *(ColumnPlace(UNKNOWN_RATE, feature.name) for feature in FEATURES),
)


def samples_of(
    reads: ClickHouseReads, grid: WindowGrid, sessions: Sequence[int], most: Sequence[int]
) -> list[SessionSample]:
    """About `most` of the live sessions of people of each window, of which there are so many.

    Raises what `reads` raise.
    """
    one_in = [-(-count // limit) or 1 for count, limit in zip(sessions, most, strict=True)]
    given = grid.given() | {"one_in": one_in, "events": list(AT_EVENTS)}
    rows: NDArray[Any] = np.frombuffer(reads.raw(_ROWS, given), _ROW)
    ends = np.searchsorted(rows["window"], np.arange(grid.windows + 1))
    return [_sample(rows[begin:end]) for begin, end in pairwise(ends.tolist())]


def _sample(rows: NDArray[Any]) -> SessionSample:
    """Of the rows of one window, by session and place."""
    _, session = np.unique(rows["session"], return_inverse=True)
    sessions, width, known = int(session.max(initial=-1)) + 1, len(FEATURES) + 1, len(AT_EVENTS)
    values = np.full((sessions, known + 1, width), np.nan, np.float32)
    present = np.zeros(values.shape, np.bool_)
    place = rows["place"].astype(np.intp) - 1
    values[session, place], present[session, place] = rows["values"], True
    last = np.zeros(sessions, np.intp)
    np.maximum.at(last, session, place)
    values[:, known] = np.isnan(values[np.arange(sessions), last])
    present[:, known] = True
    # The score is never unknown.
    flat = (sessions, (known + 1) * width)
    return SessionSample(values.reshape(flat)[:, :-1], present.reshape(flat)[:, :-1])


def _selected(feature: FeatureDescription) -> str:
    value = f"toFloat64({feature.name})"
    if feature.values:
        names = ", ".join(f"'{value}'" for value in feature.values)
        value = f"nullIf(toFloat64(indexOf([{names}], ifNull({feature.name}, ''))), 0)"
    elif feature.name in SESSION_NAMES[RATES]:
        value = f"if(ifNull(has_page_statistics, true), toFloat64({feature.name}), NULL)"
    return f"toFloat32(ifNull({value}, nan))"


_ROWS = (
    f"SELECT toUInt16({WINDOW}) AS window, cityHash64(session_id, opened_at) AS session, "
    "toUInt8(indexOf({events:Array(UInt32)}, event_count)) AS place, "
    f"{', '.join(f'{_selected(feature)} AS v{n}' for n, feature in enumerate(FEATURES))}, toFloat32({SCORE}) AS score "
    f"{IN_GRID} AND NOT closed AND NOT bot AND place > 0 "
    "AND cityHash64(session_id) % arrayElement({one_in:Array(UInt64)}, window + 1) = 0 "
    "ORDER BY window, session, place, offset LIMIT 1 BY window, session, place"
)
_ROW = np.dtype([("window", "<u2"), ("session", "<u8"), ("place", "u1"), ("values", "<f4", (len(FEATURES) + 1,))])
