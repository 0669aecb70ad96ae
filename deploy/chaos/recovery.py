"""When the system is whole again: events sent now, one for each partition, are accepted and in both databases."""

import time
from collections.abc import Iterator
from uuid import UUID

import httpx
import uuid_utils
from clickhouse_connect.driver.exceptions import Error as ClickHouseError
from sqlalchemy import bindparam, exc, text

from deploy.chaos.installation import SITE, Installation
from deploy.chaos.ledger import BROWSER, LedgerFile, send_batch
from ingest.events import key_of
from ingest.partition import partition_of
from storage.database.engine import engine_of
from storage.write.clickhouse_sink import server_client

_STORED = text("SELECT COUNT(*) FROM page_views WHERE site = :site AND session_id IN :sessions AND event_id IN :events")
_IN_TIMELINE = (
    "SELECT uniqExact(event_id) FROM scored_sessions WHERE site = {site:String} AND has({sessions:Array(String)}, "
    "session_id) AND has({events:Array(String)}, ifNull(event_id, ''))"
)
#: Events that a probe's session takes before another one stands in its place; a session has 2,000 at most.
SESSION_EVENTS = 1_000


class RecoveryProbe:
    """Sends through the parts, looks past the proxies."""

    def __init__(self, installation: Installation, ledger: LedgerFile) -> None:
        self._installation = installation
        self._ledger = ledger
        self._engine = engine_of(installation.direct.storage.url.get_secret_value())
        self._http = httpx.Client(timeout=5, headers=BROWSER, trust_env=False)
        self._sent = 0

    def close(self) -> None:
        self._http.close()
        self._engine.dispose()

    def until_whole(self, seconds: float) -> bool:
        """Whether events of now came through, to all partitions and into both databases, within `seconds`."""
        deadline = time.monotonic() + seconds
        sessions = list(self._sessions())
        events: list[dict[str, object]] = [
            {
                "event_id": str(uuid_utils.uuid7()),
                "type": "page_view",
                "session_id": session,
                "visitor_id": "probe",
                "occurred_at": int(time.time() * 1000),
                "page": {"url": "https://shop.example/probe", "type": "Informational"},
            }
            for session in sessions
        ]
        if not self._installation.until(lambda: self._accepted(events), seconds):
            return False
        self._ledger.add(events)
        self._sent += 1
        ids = [str(event["event_id"]) for event in events]
        left = max(deadline - time.monotonic(), 0.0)
        return self._installation.until(lambda: self._in_both(sessions, ids), left, 0.1)

    def _accepted(self, events: list[dict[str, object]]) -> bool:
        answer = send_batch(self._http, self._installation.ingest_url, events)
        return answer is not None and answer.status_code == 202 and answer.json()["accepted"] == len(events)

    def _sessions(self) -> Iterator[str]:
        """A session of each partition."""
        partitions = self._installation.settings.kafka.partitions
        wanted, number = set(range(partitions)), self._sent // SESSION_EVENTS << 64
        while wanted:
            number += 1
            session = str(UUID(int=number | 1 << 120))
            place = partition_of(key_of(SITE, session), partitions)
            if place in wanted:
                wanted.remove(place)
                yield session

    def _in_both(self, sessions: list[str], events: list[str]) -> bool:
        given = {"site": SITE, "sessions": sessions, "events": events}
        expanding = _STORED.bindparams(bindparam("sessions", expanding=True), bindparam("events", expanding=True))
        storage = self._installation.direct.storage
        try:
            with self._engine.connect() as connection:
                if connection.execute(expanding, given).scalar_one() < len(events):
                    return False
            client = server_client(
                storage.clickhouse_host, storage.clickhouse_port, "default", "", storage.clickhouse_database
            )
            try:
                return bool(client.query(_IN_TIMELINE, parameters=given).result_rows[0][0] == len(events))
            finally:
                client.close()
        except (exc.SQLAlchemyError, ClickHouseError, OSError):
            return False
