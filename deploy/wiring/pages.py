"""Builds what keeps page statistics fresh, and runs it beside the writer."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

from aiokafka.errors import KafkaError

from deploy.errors import SetupError
from deploy.log import controls
from deploy.settings.access_file import sites_of
from deploy.settings.model import Settings
from deploy.wiring.followed_erasures import PATIENCE
from ingest.outage import KAFKA_AWAY
from storage.database.errors import DatabaseUnavailableError
from storage.database.money import Money, ReportingCurrency
from storage.metrics import WriterMetrics
from storage.pages.refresh import Refresher
from storage.pages.score_counts import ScoreCounts
from storage.pages.site_rows import SiteRules
from storage.pages.tally import Tallies
from storage.query.model_fit import model_fits
from storage.write.clickhouse_sink import run_query
from stream.fold.path_patterns import PathPatterns
from stream.kafka.clients import KafkaClients
from stream.kafka.pages_topic import PagesReader
from stream.kafka.topic_follower import TopicMissingError
from stream.waiting import wait_for_event

log = logging.getLogger(__name__)

#: Seconds between two refreshes, where the settings do not say.
EMBEDDED_SECONDS, SERVICES_SECONDS = 60, 3_600
DAY = 24 * 3_600.0
#: Seconds between two looks at whether the model fits: they read all scores of a month.
FIT_SECONDS = 3_600.0


def refresher(settings: Settings, clients: KafkaClients, client: Any) -> Refresher:
    """A refresher that counts by this ClickHouse client; it connects to Kafka whenever it is used."""
    reader = PagesReader(clients, settings.kafka.pages_topic, PATIENCE)
    tallies = Tallies(client, partial(path_patterns, settings), partial(money, settings))
    return Refresher(
        tallies,
        reader.statistics,
        reader.caught_up,
        partial(controls.put_pages, settings.kafka),
        most_moved=settings.storage.pages_most_moved,
        scores=ScoreCounts(client),
        rules=partial(site_rules, settings),
    )


@contextlib.asynccontextmanager
async def opened_refresher(settings: Settings, clients: KafkaClients, client: Any) -> AsyncIterator[Refresher]:
    """A refresher for one request."""
    yield refresher(settings, clients, client)


def path_patterns(settings: Settings) -> dict[str, PathPatterns]:
    """The path patterns of the sites that have some, as settings and file of sites say now; raises SetupError."""
    return {name: PathPatterns(site.path_patterns) for name, site in sites_of(settings).items() if site.path_patterns}


def site_rules(settings: Settings) -> dict[str, SiteRules]:
    """What refreshes put in force of each site, as settings and file of sites say now; raises SetupError."""
    return {
        name: SiteRules(site.expected_conversion, None if site.bands == "share" else site.bands)
        for name, site in sites_of(settings).items()
    }


def money(settings: Settings) -> Money:
    """The reporting currencies of the sites that have one, as settings and file of sites say now; raises SetupError."""
    sites = sites_of(settings).items()
    return {name: ReportingCurrency(site.currency, dict(site.rates)) for name, site in sites if site.currency}


async def keep_fresh(
    settings: Settings, clients: KafkaClients, client: Any, metrics: WriterMetrics, stop: asyncio.Event
) -> None:
    """Refresh until `stop`, all pages once a day; a refresh that fails is logged, and the next one is due as usual."""
    seconds, whole_at = interval(settings), time.monotonic()
    pages, fit_at = refresher(settings, clients, client), None
    while seconds and not await wait_for_event(stop, seconds):
        whole = time.monotonic() - whole_at >= DAY
        try:
            found = await pages.refresh(whole)
            metrics.held_sites.set(len(found.held))
        except (DatabaseUnavailableError, TopicMissingError, SetupError, KafkaError, TimeoutError) as error:
            mark = KAFKA_AWAY if isinstance(error, KafkaError) else None
            log.warning("page statistics are not refreshed, the old ones stay in force: %s", error, extra=mark)
            # What was read of the topic may be of one that is gone.
            pages = refresher(settings, clients, client)
        else:
            whole_at = time.monotonic() if whole else whole_at
        if fit_at is None or time.monotonic() - fit_at >= FIT_SECONDS:
            fit_at = time.monotonic()
            await asyncio.to_thread(_report_fit, client, metrics)


def _report_fit(client: Any, metrics: WriterMetrics) -> None:
    """Set the metrics of how well scores rank the buyers of each site, and log where they mislead."""
    try:
        fits = model_fits(partial(run_query, client), int(time.time() * 1000))
    except DatabaseUnavailableError as error:
        log.warning("how well the model ranks buyers cannot be counted: %s", error)
        return
    for fit in fits:
        for end, value in (("low", fit.low), ("auc", fit.auc), ("high", fit.high)):
            metrics.model_auc.labels(fit.site, end).set(value)
        if fit.verdict == "misleads":
            log.warning("%s", fit.text)


def interval(settings: Settings) -> int:
    """Seconds between two refreshes; 0: never."""
    given = settings.storage.pages_refresh_seconds
    if given is not None:
        return given
    return EMBEDDED_SECONDS if settings.profile == "embedded" else SERVICES_SECONDS
