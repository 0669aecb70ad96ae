"""The drift of one site: its newest window beside the days before it."""

from msgspec import Struct

from scoring.drift.alarms import DriftReport, drift
from storage.drift.samples import COLUMNS, sample_of
from storage.query.model_fit import RunQuery

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


class SiteDrift(Struct, frozen=True):
    """The report of the window [since, until), ms UTC, of a site."""

    site: str
    since: int
    until: int
    report: DriftReport


def site_drift(
    run: RunQuery, site: str, until: int, window: int = DAY_MS, quiet_days: int = 28, alarms_per_month: float = 1.0
) -> SiteDrift:
    """Compare the sessions that opened in the `window` before `until`, ms, with those of as long windows before it.

    Raises TooFewSessionsError, and what `run` raises.
    """
    day = sample_of(run, site, until - window, until)
    ends = [until - back * window for back in range(1, quiet_days + 1)]
    quiet = [sample_of(run, site, end - window, end) for end in ends]
    return SiteDrift(site, until - window, until, drift(COLUMNS, quiet, day, alarms_per_month))
