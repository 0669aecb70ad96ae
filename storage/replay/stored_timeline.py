"""The timeline in ClickHouse as a replay asks for it: updates to compare with, updates that it did not make.

Blocking. Rows are those of one log; they are asked for by ranges of it, so that memory does not grow with the table.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from clickhouse_connect.driver import exceptions

from storage.database.columns import TIMELINE_COLUMNS
from storage.database.errors import DatabaseUnavailableError
from storage.replay.compare import Moment
from storage.write.clickhouse_sink import run_query
from stream.replay import Window
from stream.scored import Identity, version_of

#: Offsets of one look at the timeline.
OFFSETS = 50_000


class StoredTimeline:
    """The table `scored_sessions`; `client` is a clickhouse_connect client that serves threads."""

    def __init__(self, client: Any, log: str) -> None:
        self._client = client
        self._log = log

    def updates(self, partition: int, first: int, end: int) -> dict[Moment, dict[str, Any]]:
        """The rows whose records stand from offset `first` to before `end`."""
        rows = self._run_query(_BETWEEN, partition=partition, first=first, end=end).named_results()
        return {
            ((row["site"], row["session_id"], row["opened_at"]), row["offset"], row["closed"]): row
            for row in rows
            if not row["void"]
        }

    def update_counts(self, partition: int, first: int, cut: int) -> dict[Identity, int]:
        """How many updates are stored of each session, of those from `first` to the cut."""
        rows = self._run_query(_COUNTED, partition=partition, first=first, end=cut + 1).result_rows
        return {(row[0], row[1], row[2]): row[3] for row in rows}

    def session_count(self, window: Window) -> int:
        """How many sessions of the window are stored of this log."""
        return int(self._run_query(_SESSIONS, **_given(window)).result_rows[0][0])

    def earlier_sessions(self, window: Window) -> int:
        """How many are stored of other logs: those of earlier starts of an embedded broker."""
        return int(self._run_query(_OTHER_SESSIONS, **_given(window)).result_rows[0][0])

    def features(
        self, partition: int, first: int, end: int, columns: Sequence[str], window: Window, seed: int, one_in: int
    ) -> dict[tuple[Identity, int], Sequence[Any]]:
        """These columns of the updates whose events stand from offset `first` to before `end`, by identity and offset:
        of the window's sessions, those of which one in so many is chosen by a CRC-32 of seed and key.
        """
        rows = self._run_query(
            f"SELECT site, session_id, {_OPENED}, offset, void, {', '.join(columns)} FROM ({_SAMPLE})",  # noqa: S608
            **_given(window), partition=partition, first=first, end=end, seed=seed, one_in=one_in,
        ).result_rows  # fmt: skip
        return {((row[0], row[1], row[2]), row[3]): row[5:] for row in rows if not row[4]}

    def greatest_number(self) -> int:
        """The greatest number of a replay that wrote updates of this log."""
        return int(
            self._run_query("SELECT max(backfill) FROM scored_sessions WHERE log = {log:String}").result_rows[0][0]
        )

    def stale(
        self, window: Window, number: int, partition: int, cut: int, left: Collection[Identity]
    ) -> Iterator[list[Moment]]:
        """The updates of the window's sessions up to the cut that replay `number` did not write."""
        given = {"partition": partition, "cut": cut, "number": number, "since": window.since, "until": window.until}
        for (piece,) in self._run_query(_STALE_PIECES, **given).result_rows:
            rows = self._run_query(_STALE, **given, first=piece * OFFSETS, end=(piece + 1) * OFFSETS).result_rows
            found = [
                ((site, session_id, opened_at), offset, closed)
                for site, session_id, opened_at, offset, closed in rows
                if (site, session_id, opened_at) not in left and window.holds(site, opened_at)
            ]
            if found:
                yield found

    def voided(self, number: int) -> int:
        """How many updates replay `number` has voided."""
        return int(self._run_query(_VOIDED, number=number).result_rows[0][0])

    def void(self, partition: int, number: int, moments: Sequence[Moment]) -> None:
        """Take updates out of every read."""
        columns: dict[str, list[Any]] = {
            "log": [self._log] * len(moments),
            "partition": [partition] * len(moments),
            "site": [identity[0] for identity, _, _ in moments],
            "session_id": [identity[1] for identity, _, _ in moments],
            "opened_at": [identity[2] for identity, _, _ in moments],
            "offset": [offset for _, offset, _ in moments],
            "closed": [closed for _, _, closed in moments],
            "backfill": [number] * len(moments),
            "version": [version_of(offset, closed, number) for _, offset, closed in moments],
            "void": [True] * len(moments),
        }
        try:
            self._client.insert(
                "scored_sessions", list(columns.values()), column_names=list(columns), column_oriented=True
            )
        except (exceptions.Error, OSError) as error:
            raise DatabaseUnavailableError(str(error).partition("\n")[0][:300]) from error

    def _run_query(self, query: str, **given: int | str) -> Any:
        return run_query(self._client, query, {"log": self._log, "offsets": OFFSETS, **given})


def _given(window: Window) -> dict[str, int | str]:
    return {"since": window.since, "until": window.until, "site": window.site, "runs": f"{window.site}~"}


# What the timeline says of itself, times in ms: compared column by column with what a replay made.
_COLUMNS = ", ".join(
    ["closed", "void"]
    + [f"toUnixTimestamp64Milli(s.{c.name}) AS {c.name}" if c.is_time else f"s.{c.name}" for c in TIMELINE_COLUMNS]
)
_PLACE = "log = {log:String} AND partition = {partition:UInt32}"
_RANGE = "offset >= {first:UInt64} AND offset < {end:UInt64}"
_ONE = "site, session_id, opened_at, log, offset, closed"
# FINAL would merge the whole table for every range; the newest of each row is found among the rows of the range.
_BETWEEN = (
    f"SELECT {_COLUMNS} FROM (SELECT * FROM scored_sessions WHERE {_PLACE} AND {_RANGE} "  # noqa: S608  our names
    f"ORDER BY backfill DESC LIMIT 1 BY {_ONE}) AS s"
)
_COUNTED = (
    "SELECT site, session_id, toUnixTimestamp64Milli(opened_at), uniqExact(offset) "  # noqa: S608
    f"FROM scored_sessions WHERE {_PLACE} AND {_RANGE} AND NOT closed GROUP BY site, session_id, opened_at"
)
_NOT_MADE = (
    f"FROM scored_sessions AS s FINAL WHERE {_PLACE} AND offset <= {{cut:UInt64}} AND NOT void "
    "AND backfill != {number:UInt16} AND toUnixTimestamp64Milli(s.opened_at) >= {since:Int64} "
    "AND toUnixTimestamp64Milli(s.opened_at) < {until:Int64}"
)
_VOIDED = "SELECT count() FROM scored_sessions FINAL WHERE log = {log:String} AND void AND backfill = {number:UInt16}"
_STALE_PIECES = f"SELECT DISTINCT intDiv(offset, {{offsets:UInt64}}) AS piece {_NOT_MADE} ORDER BY piece"
_STALE = f"SELECT site, session_id, toUnixTimestamp64Milli(s.opened_at), offset, closed {_NOT_MADE} AND {_RANGE}"
_OPENED = "toUnixTimestamp64Milli(opened_at)"
_OF_WINDOW = (
    "({site:String} = '' OR site = {site:String} OR startsWith(site, {runs:String})) "
    f"AND {_OPENED} >= {{since:Int64}} AND {_OPENED} < {{until:Int64}}"
)
_COUNT = "SELECT uniqExact(sipHash64(site, session_id, opened_at)) FROM scored_sessions"
_SESSIONS = f"{_COUNT} WHERE log = {{log:String}} AND NOT void AND {_OF_WINDOW}"
_OTHER_SESSIONS = f"{_COUNT} WHERE log != {{log:String}} AND NOT void AND {_OF_WINDOW}"
_SAMPLED = "CRC32(concat(toString({seed:UInt64}), ':', site, '/', session_id)) % {one_in:UInt64} = 0"
_SAMPLE = (
    f"SELECT * FROM scored_sessions WHERE {_PLACE} AND {_RANGE} AND NOT closed AND {_OF_WINDOW} AND {_SAMPLED} "  # noqa: S608
    f"ORDER BY backfill DESC LIMIT 1 BY {_ONE}"
)
