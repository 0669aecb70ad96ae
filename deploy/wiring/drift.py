"""Builds the daily check for drift, and runs it beside the query API."""

import asyncio
import logging
import time
from functools import partial

from prometheus_client import CollectorRegistry

from deploy.settings.model import ScoringSettings, Settings
from deploy.wiring.models import registry
from deploy.wiring.storage import DatabaseHandles
from scoring.folder import RegistryError
from scoring.manifest import FittedWindow
from scoring.registry import manifest
from storage.drift.checks import DriftChecks
from storage.drift.grid import ClickHouseReads
from storage.drift.report import SiteDrift, site_drift
from storage.metrics import DriftMetrics
from storage.write.clickhouse_sink import run_query, run_raw
from stream.waiting import wait_for_event

log = logging.getLogger(__name__)

#: Seconds until the first check, when a start is over, and between two.
FIRST_SECONDS, EVERY_SECONDS = 300.0, 24 * 3_600.0


def check_drift(settings: Settings, opened: DatabaseHandles, site: str, now: int) -> SiteDrift:
    """Compare the day before `now`, ms UTC, of a site with the 28 days before it.

    Blocking. Raises TooFewSessionsError and DatabaseUnavailableError.
    """
    fitted = partial(fitted_on, settings.scoring)
    alarms = settings.storage.drift_alarms_per_month
    return site_drift(_reads(opened), site, now, alarms_per_month=alarms, fitted_on=fitted)


def drift_checks(settings: Settings, opened: DatabaseHandles, prometheus: CollectorRegistry) -> DriftChecks:
    """Checks that have not run."""
    return DriftChecks(_reads(opened), partial(check_drift, settings, opened), DriftMetrics(prometheus))


async def keep_checked(settings: Settings, checks: DriftChecks, stop: asyncio.Event) -> None:
    """Check once a day until `stop`; a check that fails is logged, and the next one is due as usual."""
    seconds = FIRST_SECONDS
    while settings.storage.drift_alarms_per_month and not await wait_for_event(stop, seconds):
        seconds = EVERY_SECONDS
        try:
            await asyncio.to_thread(checks.run, int(time.time() * 1000))
        except Exception:  # what we did not foresee must not end the API
            log.exception("the check for drift failed; the next one is due in a day")


def fitted_on(scoring: ScoringSettings, version: str) -> FittedWindow | None:
    """What a model version learned from; None where its registry does not say."""
    try:
        return manifest(registry(scoring), version).fitted_on
    except RegistryError:
        return None


def _reads(opened: DatabaseHandles) -> ClickHouseReads:
    return ClickHouseReads(partial(run_query, opened.client), partial(run_raw, opened.client))
