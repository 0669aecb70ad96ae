"""Removes what is past its retention from ClickHouse. Blocking; raises DatabaseUnavailableError.

Events become what an erasure makes of them (storage/write/redaction.py): ticks, so that a fold of the log which is left
comes to the same sessions. The rest is deleted. ClickHouse's own TTL serves none of it: limits are those of sites, a
session goes whole, and a replaced event must keep its place in the log. Repeating any of it is harmless.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from storage.retention.limits import DAY_MS, Cutoffs
from storage.write.clickhouse_sink import change, run_query
from storage.write.redaction import EMPTIED, NULL, REDACT

#: Events that Kafka took later than this before now stay, ms: the writer may not have their sessions yet.
SETTLED_MS = 3_600_000


class _Change(NamedTuple):
    """A mutation: the table, which rows, and the statement for them."""

    table: str
    condition: str
    statement: str


def count_expired(client: Any, cutoffs: Cutoffs, now: int) -> dict[str, int]:
    """How many rows of each table `remove_expired` would remove now; `now` in ms UTC."""
    given = _given(cutoffs, now)
    return {each.table: _count(client, each, given) for each in _CHANGES}


def remove_expired(client: Any, cutoffs: Cutoffs, now: int) -> Iterator[tuple[str, int]]:
    """Remove it; yields each table and the rows of it that were removed, of `events` those that name nobody now."""
    given = _given(cutoffs, now)
    for each in _CHANGES:
        if count := _count(client, each, given):
            change(client, [each.table], [f"{each.statement} WHERE {each.condition}"], given)
        yield each.table, count
    if _count(client, _HIDDEN, given):
        change(client, ["events"], [f"{NULL} WHERE {EMPTIED}"], {})


def _count(client: Any, what: _Change, given: dict[str, Any]) -> int:
    # Without FINAL: a row that was replaced already is still there until parts are merged.
    query = f"SELECT count() FROM {what.table} WHERE {what.condition}"  # noqa: S608  our own names
    return int(run_query(client, query, given).result_rows[0][0])


def _given(cutoffs: Cutoffs, now: int) -> dict[str, Any]:
    return {
        "sites": list(cutoffs.rows),
        "cutoffs": list(cutoffs.rows.values()),
        "others": cutoffs.others,
        "counted": list(cutoffs.aggregates),
        "days": [at // DAY_MS for at in cutoffs.aggregates.values()],
        "settled": now - SETTLED_MS,
    }


def _cutoff(site: str) -> str:
    """The moment (ms) before which rows of a site go, given the expression of its name; its runs are the site's own."""
    place = f"indexOf({{sites:Array(String)}}, splitByChar('~', {site})[1])"
    return f"if({place} = 0, {{others:Int64}}, {{cutoffs:Array(Int64)}}[{place}])"


def _ms(moment: str) -> str:
    return f"toUnixTimestamp64Milli({moment})"


_OF_SITE = _cutoff("ifNull(site, '')")
_IDENTITY = "site, session_id, opened_at"
# Sessions that were under way at the limit are kept whole: those with a later event.
_STRADDLES = (
    f"GROUP BY {_IDENTITY} HAVING {_ms('min(least(started_at, opened_at))')} < {_OF_SITE} "
    f"AND {_ms('argMax(last_event_at, version)')} >= {_OF_SITE}"
)
_STRADDLING = f"SELECT {_IDENTITY} FROM scored_sessions {_STRADDLES}"  # noqa: S608  our own names
_HOUR = "intDiv({}, 3600000)"
# The hours of such a session before the limit: an event of its id in one of them is its own.
_STRADDLING_HOURS = (
    "SELECT toString(site), session_id, arrayJoin(range("  # noqa: S608  our own names
    f"toUInt64({_HOUR.format(_ms('min(least(started_at, opened_at))'))}), toUInt64({_HOUR.format(_OF_SITE)}) + 1)) "
    f"FROM scored_sessions {_STRADDLES}"
)
_OCCURRED = _ms("ifNull(occurred_at, appended_at)")
_KEY_SITE = "splitByChar('/', ifNull(key, ''))[1]"
_EVENTS = (
    f"({_ms('appended_at')} < {{settled:Int64}} AND ("
    f"(kind = 'event' AND {_OCCURRED} < {_OF_SITE} AND (ifNull(toString(site), ''), ifNull(session_id, ''), "
    f"toUInt64({_HOUR.format(_OCCURRED)})) NOT IN ({_STRADDLING_HOURS})) "
    f"OR (kind = 'undecodable' AND notEmpty(raw) AND {_ms('appended_at')} < {_cutoff(_KEY_SITE)})))"
)
# A letter is as old as its event; of one that nobody can read, as its time among the dead.
_LETTER_AT = f"if(JSONExtractInt(raw, 'received_at') > 0, JSONExtractInt(raw, 'received_at'), {_ms('dead_at')})"
_TALLIED = "indexOf({counted:Array(String)}, splitByChar('~', site)[1])"
_DAY_OF_SITE = f"{{days:Array(Int64)}}[{_TALLIED}]"


def _deleted(table: str, condition: str) -> _Change:
    return _Change(table, condition, f"ALTER TABLE {table} DELETE")


_CHANGES = (
    _deleted(
        "page_tally_source",
        f"hour < intDiv({_OF_SITE}, 3600000) AND ({_IDENTITY}) NOT IN ({_STRADDLING})",
    ),
    _deleted("scored_sessions", f"{_ms('last_event_at')} < {_OF_SITE} AND ({_IDENTITY}) NOT IN ({_STRADDLING})"),
    _deleted("dead_letters", f"{_LETTER_AT} < {_OF_SITE}"),
    _Change("events", _EVENTS, REDACT),
    _deleted("page_tallies", f"{_TALLIED} > 0 AND start < if(span = 'day', 1, 24) * {_DAY_OF_SITE}"),
    _deleted("page_tally_changes", f"{_TALLIED} > 0 AND day < {_DAY_OF_SITE}"),
)
_HIDDEN = _Change("events", EMPTIED, NULL)
