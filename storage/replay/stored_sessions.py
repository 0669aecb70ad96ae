"""The relational tables as a replay asks for them: rows to compare with, rows that it did not make.

Blocking. Rows are those of one log; they are asked for in pieces, so that memory does not grow with the tables.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import Engine, delete, func, select, tuple_, update

from ingest.events import key_of
from ingest.partition import partition_of
from storage.database.engine import reached
from storage.database.rows import Row
from storage.database.tables import page_views, sessions
from storage.write.sink import REPLAY_NUMBER_MASK
from stream.replay import Window
from stream.scored import Identity, version_of

#: Session ids of one statement, and rows of one page.
PIECE = 500
PAGE = 5_000


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
                .where(t.status != "void", t.version.bitwise_and(REPLAY_NUMBER_MASK) != number)
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

    def voided(self, number: int) -> int:
        """How many sessions replay `number` has voided."""
        t = sessions.c
        query = select(func.count()).where(
            t.log == self._log, t.status == "void", t.version.bitwise_and(REPLAY_NUMBER_MASK) == number
        )
        return int(self._rows(query)[0][0])

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
        with reached(), self._engine.connect() as connection:
            return connection.execute(query).fetchall()

    def _change(self, statements: Sequence[Any]) -> None:
        if statements:
            with reached(), self._engine.begin() as connection:
                for statement in statements:
                    connection.execute(statement)


def _row_of(table: Any, identity: Identity) -> tuple[Any, ...]:
    site, session_id, opened_at = identity
    return table.c.site == site, table.c.session_id == session_id, table.c.opened_at == opened_at


def _pieces(ids: Collection[str]) -> Iterator[list[str]]:
    each = iter(sorted(ids))
    while piece := list(islice(each, PIECE)):
        yield piece
