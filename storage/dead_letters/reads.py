"""Dead letters as ClickHouse has them: pages of them, counts, one, and whether an event is in the log. Blocking.

Raises DatabaseUnavailableError. Every value that a caller gives is bound.
"""

from collections.abc import Collection
from typing import Any, NamedTuple

from msgspec import Struct

from storage.database.sites import seen
from storage.dead_letters.place import LetterPlace
from storage.write.clickhouse_sink import run_query
from stream.scored import DeadReason

_TIME = "toUnixTimestamp64Milli(dead_at)"
_ORDER = f"({_TIME}, log, topic, partition, offset)"
_SUMMARY = f"log, topic, partition, offset, reason, detail, site, {_TIME} AS at, length(raw) AS bytes"
_IS_IT = "log = {log:String} AND topic = {topic:String} AND partition = {partition:UInt32} AND offset = {offset:UInt64}"


class LetterFilter(Struct, frozen=True, kw_only=True):
    """Which letters. `site` stands for its runs as well; `sites` are those that the caller sees, None for all; `since`
    and `until` in ms UTC; `text` stands in the detail or in the key."""

    site: str | None = None
    reason: DeadReason | None = None
    topic: str | None = None
    since: int | None = None
    until: int | None = None
    text: str = ""
    sites: Collection[str] | None = None


class LetterRow(NamedTuple):
    """A letter without its value; `at` is 0 in rows of old."""

    place: LetterPlace
    reason: DeadReason
    detail: str
    site: str
    at: int
    bytes: int

    @property
    def cursor(self) -> str:
        """What the page after this row begins behind."""
        return f"{self.at}:{self.place}"


class StoredLetter(NamedTuple):
    row: LetterRow
    key: bytes | None
    raw: bytes


class DeadLetterReads:
    """`client` is a clickhouse_connect client that serves threads."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def page(self, chosen: LetterFilter, after: tuple[int, LetterPlace] | None, limit: int) -> list[LetterRow]:
        """At most so many letters behind `after`, the newest first."""
        condition, given = _conditions(chosen)
        if after is not None:
            at, place = after
            condition += (
                f" AND {_ORDER} < ({{at:Int64}}, {{log:String}}, {{topic:String}}, {{partition:UInt32}}, "
                "{offset:UInt64})"
            )
            given |= {"at": at, **place._asdict()}
        query = (
            f"SELECT {_SUMMARY} FROM dead_letters FINAL WHERE {condition} "  # noqa: S608  our names
            f"ORDER BY dead_at DESC, log DESC, topic DESC, partition DESC, offset DESC LIMIT {limit:d}"
        )
        return [_row(row) for row in run_query(self._client, query, given).result_rows]

    def counts(self, chosen: LetterFilter) -> dict[str, int]:
        """How many letters have each reason."""
        condition, given = _conditions(chosen)
        query = f"SELECT reason, count() FROM dead_letters FINAL WHERE {condition} GROUP BY reason ORDER BY reason"  # noqa: S608
        return {str(reason): int(count) for reason, count in run_query(self._client, query, given).result_rows}

    def some(self, places: Collection[LetterPlace], chosen: LetterFilter) -> list[LetterRow]:
        """Those of these places that the filter lets through, in no order."""
        if not places:
            return []
        condition, given = _conditions(chosen)
        given["names"] = [str(place) for place in places]
        # By the parts of the key first, which are read from the index; names are exact.
        given |= {"logs": [place.log for place in places], "offsets": [place.offset for place in places]}
        query = (
            f"SELECT {_SUMMARY} FROM dead_letters FINAL WHERE {condition} AND log IN {{logs:Array(String)}} "  # noqa: S608
            "AND offset IN {offsets:Array(UInt64)} AND concat(log, ':', topic, ':', toString(partition), ':', "
            "toString(offset)) IN {names:Array(String)}"
        )
        return [_row(row) for row in run_query(self._client, query, given).result_rows]

    def one(self, place: LetterPlace) -> StoredLetter | None:
        """The letter with its key and its value."""
        # In hexadecimal: the driver takes a String for text.
        query = f"SELECT {_SUMMARY}, hex(key), hex(raw) FROM dead_letters FINAL WHERE {_IS_IT}"  # noqa: S608
        for *row, key, raw in run_query(self._client, query, place._asdict()).result_rows:
            return StoredLetter(_row(row), None if key is None else bytes.fromhex(key), bytes.fromhex(raw))
        return None

    def is_in_log(self, place: LetterPlace, site: str, session_id: str, event_id: str) -> bool:
        """Whether ClickHouse has this event of the session at another place of the letter's log."""
        query = (
            "SELECT count() FROM events WHERE log = {log:String} AND NOT (partition = {partition:UInt32} AND offset = "
            "{offset:UInt64}) AND site = {site:String} AND session_id = {session:String} AND event_id = {event:String}"
        )
        given = {**place._asdict(), "site": site, "session": session_id, "event": event_id}
        return bool(run_query(self._client, query, given).result_rows[0][0])


def _conditions(chosen: LetterFilter) -> tuple[str, dict[str, Any]]:
    # A letter of no site is of none of the caller's.
    condition, given = seen(chosen.sites)
    conditions = [condition]
    if chosen.site is not None:
        conditions.append("(site = {site:String} OR startsWith(site, {runs:String}))")
        given |= {"site": chosen.site, "runs": f"{chosen.site}~"}
    for name, kind in (("reason", "String"), ("topic", "String")):
        if (value := getattr(chosen, name)) is not None:
            conditions.append(f"{name} = {{of_{name}:{kind}}}")
            given[f"of_{name}"] = value
    if chosen.since is not None:
        conditions.append(f"{_TIME} >= {{since:Int64}}")
        given["since"] = chosen.since
    if chosen.until is not None:
        conditions.append(f"{_TIME} < {{until:Int64}}")
        given["until"] = chosen.until
    if chosen.text:
        conditions.append(
            "(positionCaseInsensitive(detail, {text:String}) > 0 OR positionCaseInsensitive(ifNull(key, ''), "
            "{text:String}) > 0)"
        )
        given["text"] = chosen.text
    return " AND ".join(conditions), given


def _row(row: Any) -> LetterRow:
    log, topic, partition, offset, reason, detail, site, at, size = row
    place = LetterPlace(str(log), str(topic), int(partition), int(offset))
    return LetterRow(place, reason, str(detail), str(site), int(at), int(size))
