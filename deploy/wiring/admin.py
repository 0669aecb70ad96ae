"""Builds the admin routes: reads of both databases, and what forgets visitors in them and in the log."""

import contextlib
from collections.abc import Callable, Generator, Mapping, Sequence

from fastapi import APIRouter

from deploy.errors import SetupError
from deploy.log import controls, topics
from deploy.log.client_options import kafka_clients
from deploy.log.group_status import GroupStatus
from deploy.settings.model import Settings
from deploy.wiring.erasure_keys import erasure_keys
from deploy.wiring.storage import DatabaseHandles
from ingest.documented_app import joined
from storage.admin.api import admin_routes
from storage.admin.erase import Eraser, LogAwayError
from storage.admin.forget import VisitorDatabases
from storage.admin.journal import ErasureJournal
from storage.admin.reads import AdminReads
from storage.admin.records import record_routes
from storage.admin.visitor import VisitorReads
from storage.database.money import Money
from storage.drift.report import FittedOn, SiteDrift
from storage.feature_store.api import feature_routes
from storage.feature_store.rows import FeatureRows
from storage.http.access import Access
from storage.query.queries import Waited
from storage.replay.journal import Journal
from stream.kafka.clients import KafkaClients


def eraser(settings: Settings, opened: DatabaseHandles) -> Eraser:
    """What forgets visitors of the log and of these databases."""
    clients = kafka_clients(settings.kafka)
    log = _Log(settings, clients, opened)
    return Eraser(
        ErasureJournal(opened.engine, erasure_keys(settings)),
        VisitorDatabases(*opened),
        log.announce,
        GroupStatus(settings, clients).passed,
        log.held,
    )


def routes(
    opened: DatabaseHandles,
    erasing: Eraser,
    permitted: Access,
    waited: Waited,
    money: Callable[[], Money] = dict,
    fitted_on: FittedOn = lambda _: None,
    drift_checks: Callable[[], list[SiteDrift]] = list,
) -> APIRouter:
    """The routes under /admin."""
    visitors = VisitorReads(*opened, VisitorDatabases(*opened))
    reads = AdminReads(*opened, waited, money=money, fitted_on=fitted_on)
    return joined(
        admin_routes(reads, visitors, erasing, permitted, drift_checks),
        feature_routes(FeatureRows(opened.client, opened.engine), permitted.scoped("export")),
        record_routes(opened.client, permitted.scoped("export")),
    )


class _Log:
    """The log as an erasure sees it; asks for its name when that is needed, so that reads need no Kafka."""

    def __init__(self, settings: Settings, clients: KafkaClients, opened: DatabaseHandles) -> None:
        self._settings = settings
        self._clients = clients
        self._opened = opened
        self._name = ""
        self._key_id = erasure_keys(settings).newest

    async def announce(self, digests: Sequence[str], settled: bool) -> Mapping[int, int]:
        try:
            self._name = await topics.log_id(self._clients)
            return await controls.put_erasures(self._settings.kafka, digests, settled, self._key_id)
        except SetupError as error:
            raise LogAwayError(str(error)) from error

    @contextlib.contextmanager
    def held(self) -> Generator[None, None, None]:
        """The lock that replays take; an announcement comes before, and names the log."""
        with Journal(self._opened.engine, self._name).held():
            yield
