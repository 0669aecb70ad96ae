"""All reads: intent, live and lists from the relational database, timelines from ClickHouse.

`sites` are those of which the caller may hear, None: all; what others have is not there. Blocking; every value that a
caller gives is a bound parameter.
"""

import contextlib
import logging
import time
from collections.abc import Callable, Collection, Generator, Sequence
from typing import Any

from clickhouse_connect.driver import exceptions
from sqlalchemy import Engine, Integer, cast, func, select
from sqlalchemy.exc import SQLAlchemyError

from scoring.manifest import Band
from storage.database import detached_parts
from storage.database.engine import snapshot
from storage.database.sites import of_sites, seen
from storage.database.tables import sessions
from storage.http.errors import ReadError
from storage.metrics import CLICKHOUSE, RELATIONAL
from storage.query.intents import (
    UPDATE_COLUMNS,
    Intent,
    SessionFeatures,
    Timeline,
    Update,
    features_of,
    intent_of_row,
    update_of_row,
)
from stream.scored import Identity

log = logging.getLogger(__name__)

#: Sites that are looked at, and named, where one session id stands for sessions of several.
MOST_SITES = 10
#: Updates of a timeline. A session has some 2,000 in one log; the writer may share the ClickHouse client with us, and
#: its next block waits while it answers.
MOST_UPDATES = 10_000
#: No record of the log has a greater one.
MOST_OFFSET = 2**51 - 1
RETRY_SECONDS = 2


#: Gives the rows of a query of SQLAlchemy.
RowReader = Callable[[Any], Sequence[Any]]
#: Called, from any thread, for every query: the database, the seconds that it took, whether it was answered.
Waited = Callable[[str, float, bool], None]


class Queries:
    """`engine` is that of the relational database; `client` a clickhouse_connect client that serves threads.

    `embedded`: beside the embedded broker, whose log a replay does not find whole. `degraded` says why the databases
    cannot be relied on although they answer, or "".
    """

    def __init__(
        self,
        engine: Engine,
        client: Any,
        waited: Waited = lambda *_: None,
        embedded: bool = False,
        degraded: Callable[[], str] = str,
    ) -> None:
        self._engine = engine
        self._client = client
        self._waited = waited
        self._embedded = embedded
        self._degraded = degraded

    def intent(self, session_id: str, site: str | None = None, sites: Collection[str] | None = None) -> Intent:
        """The newest session of this id; raises ReadError: not_found, ambiguous, unavailable."""
        newest = (
            select(sessions.c.site, func.max(sessions.c.opened_at))
            .where(sessions.c.session_id == session_id, sessions.c.status != "void", of_sites(sessions.c.site, sites))
            .group_by(sessions.c.site)
            .order_by(sessions.c.site)
            .limit(MOST_SITES + 1)
        )
        if site is not None:
            newest = newest.where(sessions.c.site == site)
        with self._snapshot() as rows:
            found, opened_at = _only(rows(newest), session_id, site)
            row = select(sessions).where(
                sessions.c.site == found, sessions.c.session_id == session_id, sessions.c.opened_at == opened_at
            )
            return intent_of_row(rows(row)[0]._mapping)

    def live(
        self,
        min_probability: float,
        band: Band | None,
        site: str | None,
        limit: int,
        sites: Collection[str] | None = None,
        bots: bool = False,
        runs: bool = False,
    ) -> list[Intent]:
        """Open sessions of at least this probability, the highest first, those of programs only with `bots`, and
        those of the runs of `site` only with `runs`.

        Raises ReadError: unavailable.
        """
        query = select(sessions).where(sessions.c.status == "open", sessions.c.probability >= min_probability)
        query = query.where(of_sites(sessions.c.site, sites))
        if not bots:
            query = query.where(cast(sessions.c.bot, Integer) == 0)
        if band is not None:
            query = query.where(sessions.c.band == band)
        if site is not None:
            query = query.where(of_sites(sessions.c.site, [site]) if runs else sessions.c.site == site)
        query = query.order_by(sessions.c.probability.desc(), sessions.c.updated_at.desc()).limit(limit)
        return [intent_of_row(row._mapping) for row in self._rows(query)]

    def timeline(
        self,
        session_id: str,
        site: str | None = None,
        sites: Collection[str] | None = None,
        until: int = MOST_OFFSET,
        most: int | None = None,
    ) -> Timeline:
        """The newest `most` updates (else MOST_UPDATES) of the newest session of this id up to an offset, the oldest
        first.

        Raises ReadError: not_found, ambiguous, unavailable.
        """
        condition, given = seen(sites)
        given |= {"session_id": session_id} | ({} if site is None else {"site": site})
        newest = self._run_query(
            _newest(condition if site is None else f"{condition} AND site = {{site:String}}"), given
        )
        found, opened_at = _only(newest.result_rows, session_id, site)
        return Timeline(found, session_id, opened_at, self.updates((found, session_id, opened_at), until, most))

    def features(
        self, session_id: str, site: str | None = None, sites: Collection[str] | None = None, at: int | None = None
    ) -> SessionFeatures:
        """What was known of the newest session of this id at offset `at` of its partition; None: what is known now.

        Raises ReadError: not_found, ambiguous, unavailable.
        """
        found = self.timeline(session_id, site, sites, MOST_OFFSET if at is None else at, 1)
        if not found.updates:
            raise ReadError("not_found", f"session {session_id!r:.80} has no update up to offset {at}")
        return features_of(found)

    def updates(self, identity: Identity, until: int = MOST_OFFSET, most: int | None = None) -> list[Update]:
        """The newest `most` updates (else MOST_UPDATES) of a session up to an offset, the oldest first; raises
        ReadError.
        """
        site, session_id, opened_at = identity
        place = {
            "session_id": session_id,
            "site": site,
            "opened_at": opened_at,
            "most": most or MOST_UPDATES,
            "until": until,
        }
        return [update_of_row(row) for row in self._run_query(_UPDATES, place).named_results()][::-1]

    def check(self) -> str:
        """Raise ReadError(unavailable) unless both databases answer and can be relied on.

        Returns what somebody should look at, or "".
        """
        self._rows(select(1))
        self._run_query("SELECT 1", {})
        if reason := self._degraded():
            raise ReadError("unavailable", reason, RETRY_SECONDS)
        return detached_parts.notice(self._client, self._embedded)

    def _rows(self, query: Any) -> Sequence[Any]:
        """The rows of one query; an answer that takes several is read in a `_snapshot`."""
        with self._snapshot() as rows:
            return rows(query)

    @contextlib.contextmanager
    def _snapshot(self) -> Generator[RowReader, None, None]:
        """Runs queries that all see one state of the relational database; raises ReadError(unavailable)."""
        began = time.perf_counter()

        def rows(query: Any) -> Sequence[Any]:
            nonlocal began
            found = connection.execute(query).fetchall()
            self._waited(RELATIONAL, time.perf_counter() - began, True)
            began = time.perf_counter()
            return found

        try:
            with snapshot(self._engine) as connection:
                yield rows
        except SQLAlchemyError as error:
            self._waited(RELATIONAL, time.perf_counter() - began, False)
            log.warning("%s does not answer: %s", RELATIONAL, str(error).partition("\n")[0])
            raise _away(RELATIONAL, "storage.url") from error

    def _run_query(self, query: str, parameters: dict[str, Any]) -> Any:
        return self._answered(lambda: self._client.query(query, parameters=parameters))

    def _run_raw(self, query: str, parameters: dict[str, Any]) -> bytes:
        answer: bytes = self._answered(lambda: self._client.raw_query(query, parameters=parameters, fmt="RowBinary"))
        return answer

    def _answered(self, query: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        try:
            answer = query()
        except (exceptions.Error, OSError) as error:
            self._waited(CLICKHOUSE, time.perf_counter() - began, False)
            log.warning("%s does not answer: %s", CLICKHOUSE, str(error).partition("\n")[0])
            raise _away(CLICKHOUSE, "storage.clickhouse_host") from error
        self._waited(CLICKHOUSE, time.perf_counter() - began, True)
        return answer


def no_session(session_id: str, site: str | None) -> ReadError:
    where = "" if site is None else f" on site {site}"
    return ReadError("not_found", f"there is no session {session_id!r:.80}{where}")


def _only(found: Sequence[Any], session_id: str, site: str | None) -> tuple[str, int]:
    """The site and the opening time of the newest session, where one site has sessions of this id."""
    if not found:
        raise no_session(session_id, site)
    if len(found) > 1:
        names = ", ".join(str(name) for name, _ in found[:MOST_SITES]) + ("" if len(found) <= MOST_SITES else ", ...")
        raise ReadError("ambiguous", f"several sites have a session of this id: add ?site= with one of {names}")
    return str(found[0][0]), int(found[0][1])


def _away(what: str, setting: str) -> ReadError:
    return ReadError("unavailable", f"{what} does not answer; {setting} says where it is", RETRY_SECONDS)


def _newest(sites: str) -> str:
    """The newest session of an id on each site that fits the condition."""
    return (
        "SELECT site, max(toUnixTimestamp64Milli(opened_at)) FROM scored_sessions FINAL "  # noqa: S608  our conditions
        f"WHERE NOT void AND session_id = {{session_id:String}} AND {sites} "
        f"GROUP BY site ORDER BY site LIMIT {MOST_SITES + 1}"
    )


_SELECTED = ", ".join(
    ["closed"]
    + [f"toUnixTimestamp64Milli(s.{c.name}) AS {c.name}" if c.is_time else f"s.{c.name}" for c in UPDATE_COLUMNS]
)
# Several logs of one session (an embedded broker started again) follow each other in time; offsets order one log.
_UPDATES = (
    f"SELECT {_SELECTED} "  # noqa: S608  our names
    "FROM scored_sessions AS s FINAL WHERE site = {site:String} AND session_id = {session_id:String} "
    "AND opened_at = fromUnixTimestamp64Milli({opened_at:Int64}, 'UTC') AND NOT void AND s.offset <= {until:Int64} "
    "ORDER BY s.updated_at DESC, offset DESC, closed DESC LIMIT {most:UInt32}"
)
