"""The last daily check of each site for drift: computed once a day in a thread, kept for metrics and for who asks."""

import logging
from collections.abc import Callable

from scoring.drift.alarms import TooFewSessionsError
from storage.database.errors import DatabaseUnavailableError
from storage.drift.grid import ClickHouseReads
from storage.drift.report import DAY_MS, QUIET_WINDOWS, SiteDrift
from storage.metrics import DriftMetrics

log = logging.getLogger(__name__)

#: Compares the day before a time, ms UTC, of a site; raises TooFewSessionsError and DatabaseUnavailableError.
CheckSite = Callable[[str, int], SiteDrift]


class DriftChecks:
    """Checks of all sites."""

    def __init__(self, reads: ClickHouseReads, check: CheckSite, metrics: DriftMetrics) -> None:
        self._reads = reads
        self._check = check
        self._metrics = metrics
        self._found: dict[str, SiteDrift] = {}

    def found(self) -> list[SiteDrift]:
        return sorted(self._found.values(), key=lambda each: each.site)

    def run(self, now: int) -> None:
        """Check every site that had sessions in the windows; blocking. What a database does not answer is logged."""
        try:
            for site in sites_between(self._reads, now - (QUIET_WINDOWS + 1) * DAY_MS, now):
                self._run_site(site, now)
        except DatabaseUnavailableError as error:
            log.warning("drift is not checked, the checks of before stand: %s", error)

    def _run_site(self, site: str, now: int) -> None:
        try:
            found = self._check(site, now)
        except TooFewSessionsError:
            self._found.pop(site, None)
            self._metrics.forget(site)
            return
        self._found[site] = found
        self._metrics.checked(site, len(found.report.moved), now)
        if found.report.moved:
            log.warning("drift: %s; `opecom drift --site %s` shows them", found.headline, site)


def sites_between(reads: ClickHouseReads, since: int, until: int) -> list[str]:
    """Sites, no runs, with sessions that opened in [since, until), ms UTC; raises what `reads` raise."""
    return [site for (site,) in reads.rows(_SITES, {"since": since, "until": until}).result_rows]


_SITES = (
    "SELECT DISTINCT site FROM scored_sessions WHERE opened_at >= fromUnixTimestamp64Milli({since:Int64}) "
    "AND opened_at < fromUnixTimestamp64Milli({until:Int64}) AND position(site, '~') = 0 ORDER BY site"
)
