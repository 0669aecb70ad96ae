"""What both databases hold, as a replay asks for it: rows to compare with, rows that it did not make.

Blocking. Rows are those of one log; ranges are asked for in pieces, so that memory does not grow with the tables.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from clickhouse_connect.driver import exceptions
from sqlalchemy import Engine, delete, func, select, tuple_, update
from sqlalchemy.exc import SQLAlchemyError

from ingest.events import key_of
from ingest.partition import partition_of
from scoring.features import NAMES
from storage.block import Identity
from storage.relational import Row
from storage.replay.compare import Moment
from storage.sink import BACKFILL_MASK, UnavailableError
from storage.tables import page_views, sessions
from stream.replay import Window
from stream.scored import version_of

#: Session ids of one statement, and rows of one page.
PIECE = 500
PAGE = 5_000
#: Offsets of one look at the timeline.
OFFSETS = 50_000

Answer = TypeVar("Answer")


class Stale(NamedTuple):
    """A stored session that the replay did not make, and the version that voids it."""

    identity: Identity
    version: int


class StoredSessions:
    """The relational tables."""

    def __init__(self, engine: Engine, log: str) -> None:
        self._engine = engine
        self._log = log

    def sessions(self, identities: Collection[Identity]) -> dict[Identity, Row]:
        """The rows of `sessions` of these identities, voided ones left out."""
        t = sessions.c
        query = select(sessions).where(t.log == self._log, t.status != "void")
        return dict(self._of(query, sessions, identities))

    def views(self, identities: Collection[Identity]) -> dict[Identity, dict[str, Row]]:
        """The rows of `page_views` of these identities, by event id."""
        found: dict[Identity, dict[str, Row]] = {}
        query = select(page_views).where(page_views.c.log == self._log)
        for identity, row in self._of(query, page_views, identities):
            found.setdefault(identity, {})[row[3]] = row
        return found

    def view_counts(self, identities: Collection[Identity]) -> dict[Identity, int]:
        """How many page views are stored of these identities."""
        t = page_views.c
        key = (t.site, t.session_id, t.opened_at)
        query = select(*key, func.count()).where(t.log == self._log).group_by(*key)
        return {identity: row[3] for identity, row in self._of(query, page_views, identities)}

    def stale(
        self, window: Window, number: int, cuts: Mapping[int, int], partitions: int, left: Collection[Identity]
    ) -> Iterator[list[Stale]]:
        """The sessions of the window that replay `number` did not write and nothing moved beyond its cuts since."""
        t = sessions.c
        after: tuple[Any, ...] = (-1, "", "")
        while True:
            query = (
                select(t.opened_at, t.site, t.session_id, t.version)
                .where(t.log == self._log, t.opened_at >= window.since, t.opened_at < window.until)
                .where(t.status != "void", t.version.bitwise_and(BACKFILL_MASK) != number)
                .where(t.opened_at >= after[0], tuple_(t.opened_at, t.site, t.session_id) > after)
                .order_by(t.opened_at, t.site, t.session_id)
                .limit(PAGE)
            )
            rows = self._rows(query)
            if not rows:
                return
            after = tuple(rows[-1][:3])
            found = []
            for opened_at, site, session_id, version in rows:
                identity = (site, session_id, opened_at)
                cut = cuts.get(partition_of(key_of(site, session_id), partitions))
                if cut is None or identity in left or not window.holds(site, opened_at):
                    continue
                voiding = version_of(cut, True, number)
                if version <= voiding:
                    found.append(Stale(identity, voiding))
            if found:
                yield found

    def void(self, stale: Sequence[Stale]) -> None:
        """Take sessions out of every read; the rows stay, so that no older update brings them back."""
        self._change(
            [
                update(sessions)
                .where(
                    *_row_of(sessions, each.identity), sessions.c.log == self._log, sessions.c.version <= each.version
                )
                .values(status="void", version=each.version)
                for each in stale
            ]
        )
        self.drop_views({each.identity: each.version for each in stale})

    def drop_views(self, versions: Mapping[Identity, int]) -> None:
        """Delete the page views of these sessions that are older than the given version."""
        self._change(
            [
                delete(page_views)
                .where(*_row_of(page_views, identity))
                .where(page_views.c.log == self._log, page_views.c.version < version)
                for identity, version in versions.items()
            ]
        )

    def _of(self, query: Any, table: Any, identities: Collection[Identity]) -> Iterator[tuple[Identity, Row]]:
        """The rows of these identities, whose columns come first. By site and session id, which both databases look up
        by the primary key; SQLite would read the whole table for a list of identities."""
        wanted, by_site = set(identities), defaultdict[str, set[str]](set)
        for site, session_id, _ in wanted:
            by_site[site].add(session_id)
        for site, ids in by_site.items():
            for piece in _pieces(ids):
                for row in self._rows(query.where(table.c.site == site, table.c.session_id.in_(piece))):
                    if (row[0], row[1], row[2]) in wanted:
                        yield (row[0], row[1], row[2]), tuple(row)

    def _rows(self, query: Any) -> Sequence[Any]:
        return _reached(lambda: self._ask(query))

    def _ask(self, query: Any) -> Sequence[Any]:
        with self._engine.connect() as connection:
            return connection.execute(query).fetchall()

    def _change(self, statements: Sequence[Any]) -> None:
        if not statements:
            return

        def change() -> None:
            with self._engine.begin() as connection:
                for statement in statements:
                    connection.execute(statement)

        _reached(change)


class StoredTimeline:
    """The table `scored_sessions`; `client` is a clickhouse_connect client that serves threads."""

    def __init__(self, client: Any, log: str) -> None:
        self._client = client
        self._log = log

    def updates(self, partition: int, first: int, end: int) -> dict[Moment, dict[str, Any]]:
        """The rows whose records stand from offset `first` to before `end`."""
        rows = self._ask(_BETWEEN, partition=partition, first=first, end=end).named_results()
        return {
            ((row["site"], row["session_id"], row["opened_at"]), row["offset"], row["closed"]): row
            for row in rows
            if not row["void"]
        }

    def update_counts(self, partition: int, first: int, cut: int) -> dict[Identity, int]:
        """How many updates are stored of each session, of those from `first` to the cut."""
        rows = self._ask(_COUNTED, partition=partition, first=first, end=cut + 1).result_rows
        return {(row[0], row[1], row[2]): row[3] for row in rows}

    def greatest_number(self) -> int:
        """The greatest number of a replay that wrote updates of this log."""
        return int(self._ask("SELECT max(backfill) FROM scored_sessions WHERE log = {log:String}").result_rows[0][0])

    def stale(
        self, window: Window, number: int, partition: int, cut: int, left: Collection[Identity]
    ) -> Iterator[list[Moment]]:
        """The updates of the window's sessions up to the cut that replay `number` did not write."""
        given = {"partition": partition, "cut": cut, "number": number, "since": window.since, "until": window.until}
        for (piece,) in self._ask(_STALE_PIECES, **given).result_rows:
            rows = self._ask(_STALE, **given, first=piece * OFFSETS, end=(piece + 1) * OFFSETS).result_rows
            found = [
                ((site, session_id, opened_at), offset, closed)
                for site, session_id, opened_at, offset, closed in rows
                if (site, session_id, opened_at) not in left and window.holds(site, opened_at)
            ]
            if found:
                yield found

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
        _reached(
            lambda: self._client.insert(
                "scored_sessions", list(columns.values()), column_names=list(columns), column_oriented=True
            )
        )

    def _ask(self, query: str, **given: int) -> Any:
        return _reached(lambda: self._client.query(query, parameters={"log": self._log, "offsets": OFFSETS, **given}))


def _reached(ask: Callable[[], Answer]) -> Answer:
    """What a database answers; raises UnavailableError where it does not."""
    try:
        return ask()
    except (SQLAlchemyError, exceptions.Error, OSError) as error:
        raise UnavailableError(str(getattr(error, "orig", None) or error).partition("\n")[0][:300]) from error


def _row_of(table: Any, identity: Identity) -> tuple[Any, ...]:
    site, session_id, opened_at = identity
    return table.c.site == site, table.c.session_id == session_id, table.c.opened_at == opened_at


def _pieces(ids: Collection[str]) -> Iterator[list[str]]:
    each = iter(sorted(ids))
    while piece := list(islice(each, PIECE)):
        yield piece


# What the timeline says of itself, times in ms: compared column by column with what a replay made.
_MILLIS = ("opened_at", "occurred_at", "started_at", "last_event_at", "updated_at")
_PLAIN = (
    *("site", "session_id", "offset", "closed", "void", "visitor_id", "event_id", "event_type", "page_type", "path"),
    *("status", "event_count", "page_view_count", "ping_count", "custom_count", "purchase_count", "revenue", "amount"),
    *("unverified_purchases", "probability", "label", "band", "reasons", "model_version", "pages_version"),
    *NAMES,
)
_COLUMNS = ", ".join((*_PLAIN, *(f"toUnixTimestamp64Milli(s.{name}) AS {name}" for name in _MILLIS)))
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
_STALE_PIECES = f"SELECT DISTINCT intDiv(offset, {{offsets:UInt64}}) AS piece {_NOT_MADE} ORDER BY piece"
_STALE = f"SELECT site, session_id, toUnixTimestamp64Milli(s.opened_at), offset, closed {_NOT_MADE} AND {_RANGE}"
