"""Builds the ingest API from the settings and runs it."""

import asyncio
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import cast
from urllib.parse import urlsplit

from deploy.errors import SetupError
from deploy.http.serve import serve
from deploy.log.client_options import kafka_clients
from deploy.processes.data_folder import disk_full
from deploy.processes.open_files import most_connections
from deploy.processes.probes import ProbeAddress
from deploy.settings.access_file import LOOK, AccessFile, Reloading, sites_of
from deploy.settings.model import Settings
from deploy.wiring.access import metrics_access
from deploy.wiring.connection_limits import ingest_limits, proxies_of
from deploy.wiring.database_settings import log_folder
from deploy.wiring.documents import add_documents
from deploy.wiring.keys import import_key
from deploy.wiring.process_metrics import add_process_metrics
from deploy.wiring.site_access import site_access
from deploy.wiring.spool import spool_publisher
from ingest.admission.guard import Guard
from ingest.admission.keys import Keys, SiteAccess
from ingest.admission.limits import AddressBuckets, ConcurrencyLimit, TokenBuckets
from ingest.admission.origins import Origins
from ingest.admission.sessions import SessionAdmission
from ingest.api import IngestApp
from ingest.body_reader import BodyReader
from ingest.endpoints import IngestContext
from ingest.errors import REFUSAL_CODES, RefusalCode, RequestRefusedError
from ingest.kafka import KafkaPublisher
from ingest.metrics import IngestMetrics
from ingest.parsing.agents import agent
from ingest.producer import LogProducer
from ingest.proxy.intent import IntentStream, IntentTokenEndpoint
from ingest.proxy.upstream import Upstream
from ingest.publish import Publisher
from ingest.script import read
from ingest.script_routes import add_script
from ingest.spool.metrics import add_spool_metrics
from ingest.spool.publisher import SpoolPublisher
from ingest.tokens import SessionTokens
from storage.http.errors import ReadError
from stream.waiting import wait_for_event

#: Paths that the query API answers.
PASSED = ("/admin",)


def sites(settings: Settings, file: AccessFile) -> list[SiteAccess]:
    """All sites, of the settings and of the file; in the embedded profile those without an import key have one that
    this machine makes for itself, for `opecom import` and `opecom simulate`.

    Raises SetupError when such a key cannot be kept.
    """
    built, embedded = [], settings.profile == "embedded"
    for name, one in sites_of(settings, file).items():
        own = embedded and not one.import_keys
        built.append(site_access(name, one, embedded, (_own_import_key(settings, name),) if own else ()))
    return built


def _own_import_key(settings: Settings, site: str) -> str:
    try:
        return import_key(settings, site)
    except OSError as error:
        raise SetupError(f"data_dir {settings.data_dir} cannot keep the import key: {error.strerror}") from None


class AccessSnapshot:
    """The keys and origins of all sites, renewed when the file of sites and keys changes.

    Raises SetupError, which names the setting, for sites that do not fit together.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.keys, self.origins = Keys(()), Origins(())
        self.renew = Reloading(settings, self._know)

    async def keep(self, stop: asyncio.Event) -> None:
        """Renew until `stop`: so that no request has to look."""
        while not await wait_for_event(stop, LOOK):
            self.renew()

    def _know(self, file: AccessFile) -> None:
        known = sites(self._settings, file)
        try:
            self.keys.replace_all(known)
        except ValueError as error:
            raise SetupError(str(error)) from None
        self.origins.replace_all(known)


def log_producer(settings: Settings) -> LogProducer:
    return LogProducer(
        kafka_clients(settings.kafka),
        settings.kafka.events_topic,
        settings.kafka.partitions,
        timeout_ms=settings.ingest.publish_timeout_ms,
    )


def publisher(settings: Settings) -> KafkaPublisher:
    return KafkaPublisher(
        log_producer(settings), settings.kafka.partitions, max_in_flight=settings.ingest.max_in_flight
    )


def session_tokens(settings: Settings) -> SessionTokens | None:
    """Tokens that the query API of the same settings knows, None where there is no secret to share."""
    secret = settings.api.token_secret.get_secret_value().encode()
    return SessionTokens(secret, settings.api.token_seconds, time.time) if secret else None


def upstream(settings: Settings, reader: BodyReader) -> Upstream:
    """The query API as a server that answers for us; raises SetupError for a text that is no address."""
    api, given = settings.api, settings.ingest.api_url
    url = urlsplit(given or ProbeAddress.reached(api.host, api.port).url)
    if url.scheme not in ("http", "https") or not url.hostname or url.path not in ("", "/") or url.query:
        raise SetupError(f"ingest.api_url: {given!r} is no address of a server; write it as http://host:8000")
    # Each takes two files, there is one for requests and one for streams, and trackers need the most.
    most = min(settings.ingest.max_passed, max(most_connections() // 6, 1))
    public = bool(settings.ingest.public_url or settings.ingest.trusted_proxies)
    return Upstream(f"{url.scheme}://{url.netloc}", "ingest.api_url", reader, most, public)


def reads_metrics(settings: Settings) -> Callable[[Mapping[str, str], str], None]:
    """Raises RequestRefusedError for headers and a peer that may not read the metrics of all sites."""
    permitted = metrics_access(settings)

    def check(headers: Mapping[str, str], peer: str) -> None:
        try:
            permitted.check(headers, peer).require_all_sites("/metrics")
        except ReadError as error:
            code = error.code if error.code in REFUSAL_CODES else "internal"
            raise RequestRefusedError(cast("RefusalCode", code), error.reason, error.retry_after) from None

    return check


def app(
    settings: Settings, publisher: Publisher, known: AccessSnapshot | None = None, stop: asyncio.Event | None = None
) -> IngestApp:
    """The ingest API over `publisher`; `stop` ends its streams.

    Raises SetupError, which names the setting, for what does not fit together.
    """
    ingest, known = settings.ingest, known or AccessSnapshot(settings)
    sessions = SessionAdmission(
        ingest.key_sessions_per_second, ingest.address_sessions_per_second, ingest.max_open_sessions
    )
    guard = Guard(
        known.keys,
        known.origins,
        proxies_of(settings),
        per_key=TokenBuckets(ingest.key_rate_per_second),
        per_address=AddressBuckets(ingest.address_rate_per_second),
        sessions=sessions,
    )
    metrics = IngestMetrics(lambda: publisher.in_flight, lambda: len(sessions), lambda: publisher.clock_ahead_ms)
    if isinstance(publisher, SpoolPublisher):
        add_spool_metrics(metrics.registry, publisher)
    add_process_metrics(metrics.registry, "ingest")
    reader = BodyReader(ingest.max_body_bytes, ingest.max_decompressed_bytes, ingest.max_pending_body_bytes)
    context = IngestContext(
        guard,
        known.origins,
        reader,
        publisher,
        metrics,
        ingest.region_header.lower().encode(),
        degraded=lambda: disk_full(settings.data_dir if settings.ingest.spool else log_folder(settings)),
    )
    tokens, streams = session_tokens(settings), upstream(settings, reader)
    intents = IntentStream(
        context, tokens, streams, stop or asyncio.Event(), ConcurrencyLimit(ingest.max_streams_per_address)
    )
    built = IngestApp(
        context,
        ingest.max_batch_events,
        version("op-ecom"),
        upstream(settings, reader),
        PASSED if ingest.pass_admin else (),
        (IntentTokenEndpoint(context, tokens), intents),
        reads_metrics(settings),
        ingest.prefix,
    )
    add_documents(built)
    add_script(built, read(ingest.script_path))
    return built


async def run(settings: Settings, stop: asyncio.Event) -> int:
    """Serve until `stop`, then finish what was begun; returns 0. Raises SetupError and PortTakenError.

    Kafka away is no reason to end: events are refused with 503 until it is back, or wait in the spool.
    """
    known = AccessSnapshot(settings)
    log = spool_publisher(settings, log_producer(settings)) if settings.ingest.spool else publisher(settings)
    built = app(settings, log, known, stop)
    # The first look at a user agent loads ua-parser's tables, a fifth of a second that no visitor should wait for.
    await asyncio.to_thread(agent, "Mozilla/5.0")
    log.start()
    renewing = asyncio.create_task(known.keep(stop))
    try:
        await serve(built, settings.ingest.host, settings.ingest.port, stop, limits=ingest_limits(settings))
    finally:
        renewing.cancel()
        await built.close()
        await log.stop()
    return 0
