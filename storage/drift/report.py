"""The drift of one site: its newest window beside the days before it, and beside those that its model learned from."""

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from scoring.drift.alarms import ALARMS_PER_MONTH, FEWEST_DAYS, FEWEST_SESSIONS, DriftReport, drift
from scoring.drift.bins import SessionSample
from scoring.drift.windows import DriftWindow
from scoring.manifest import FittedWindow
from storage.drift.counts import counts_of, session_counts
from storage.drift.grid import ClickHouseReads, WindowGrid
from storage.drift.samples import COLUMNS, MOST_QUIET, MOST_SESSIONS, samples_of

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
#: Windows before it that a window is compared with.
QUIET_WINDOWS = 28

#: What a model version was fitted on; None where it is not known.
FittedOn = Callable[[str], FittedWindow | None]


class SiteDrift(Struct, frozen=True):
    """The report of the window [since, until), ms UTC, of a site.

    `reference`: what features are compared with: the windows before, or those that `model` learned from.
    """

    site: str
    since: int
    until: int
    report: DriftReport
    model: str = ""
    reference: Literal["before", "training"] = "before"

    @property
    def headline(self) -> str:
        """One line: how many columns moved, and which."""
        moved = self.report.moved
        if not moved:
            return f"site {self.site}: as in the days before"
        more = f" and {len(moved) - _NAMED} more" if len(moved) > _NAMED else ""
        return f"site {self.site}: {len(moved)} not as they were: {', '.join(moved[:_NAMED])}{more}"


class DriftCheckList(Struct, frozen=True):
    """The last daily check of each site that has enough sessions, by name."""

    checks: list[SiteDrift]


#: Alarms that the headline names.
_NAMED = 3


def site_drift(
    reads: ClickHouseReads,
    site: str,
    until: int,
    window: int = DAY_MS,
    quiet_windows: int = QUIET_WINDOWS,
    alarms_per_month: float = ALARMS_PER_MONTH,
    fitted_on: FittedOn = lambda _: None,
) -> SiteDrift:
    """Compare the sessions that opened in the `window` before `until`, ms, with those of as long windows before it.

    Where the one model that scored the window learned from this site, features are compared with the newest windows
    that it learned from. Raises TooFewSessionsError, and what `reads` raise.
    """
    grid = WindowGrid(site, until - (quiet_windows + 1) * window, window, quiet_windows + 1)
    counts = counts_of(reads, grid)
    most = [MOST_QUIET] * quiet_windows + [MOST_SESSIONS]
    samples = samples_of(reads, grid, [each.sessions for each in counts], most)
    *quiet, day = (DriftWindow(*each) for each in zip(samples, counts, strict=True))
    model = next(iter(day.counts.models)) if len(day.counts.models) == 1 else ""
    learned = _learned(reads, grid, fitted_on(model) if model else None)
    report = drift(COLUMNS, quiet, day, learned, alarms_per_month, window / DAY_MS)
    return SiteDrift(site, until - window, until, report, model, "training" if learned else "before")


def _learned(reads: ClickHouseReads, grid: WindowGrid, fitted: FittedWindow | None) -> list[SessionSample]:
    """Samples of the newest windows that a model learned from, at the same time of day; none where they are too few, or
    of another site.
    """
    if fitted is None or fitted.site != grid.site:
        return []
    last = min(fitted.until, grid.until - grid.length)
    back = -(-(grid.until - last) // grid.length)
    count = min((grid.until - back * grid.length - fitted.since) // grid.length, grid.windows - 1)
    if count < FEWEST_DAYS:
        return []
    learned = grid._replace(since=grid.until - (back + count) * grid.length, windows=int(count))
    sessions = session_counts(reads, learned)
    found = samples_of(reads, learned, sessions, [MOST_QUIET] * learned.windows)
    enough = [each for each in found if len(each) >= FEWEST_SESSIONS]
    return enough if len(enough) >= FEWEST_DAYS else []
