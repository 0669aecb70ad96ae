"""What a page needs of its site to fold a visit by itself: one public file, read by ingest/static/site.mjs.

It has the page statistics in force, how addresses become pages, the calendar, and by what scores are corrected. Nothing
in it is of a visitor: a page has statistics of its own from five sessions on.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Literal

from msgspec import Struct

from ingest.enrich import UrlRules
from ingest.events import PageType
from scoring.site_profile import BandLimits
from stream.fold.calendar import Calendar
from stream.fold.pages import ANY_PATH, PageRow, PageStatistics

#: Pages with statistics of their own in a file; its visitors load all of them.
MOST_PAGES = 2_000
#: Special days are those of a year from the export on.
DAYS_AHEAD = 366


class BrowserFile(Struct, frozen=True):
    """`pages`: bounce rate, exit rate and page value by path, pattern or ANY_PATH; `patterns` are those of its keys
    that are patterns, in the order in which they are tried. `peaks`: see Calendar.peaks; ISO 8601.
    """

    site: str
    version: int
    timezone: str
    peaks: tuple[str, ...]
    path_rules: tuple[tuple[str, PageType], ...]
    allowed_query: tuple[str, ...]
    pages: Mapping[str, tuple[float, float, float]]
    patterns: tuple[str, ...]
    expected_conversion: float
    limits: tuple[BandLimits, ...]
    limits_of: str
    format: Literal[1] = 1


def browser_file(
    site: str, rules: UrlRules, calendar: Calendar, statistics: PageStatistics, today: date, most: int = MOST_PAGES
) -> BrowserFile:
    """The file of a site as of the newest version, with at most `most` pages of their own: those of most sessions.

    A page that is left out shares the statistics of its pattern or its site, in the browser alone.
    """
    version = statistics.version
    rows = {path: row for (_, path), row in statistics.rows(version, site).items()}
    patterns = sorted((path for path, row in rows.items() if row.pattern), key=lambda path: (-len(path), path))
    shared = {ANY_PATH, *patterns}
    own = sorted(rows.keys() - shared, key=lambda path: (-rows[path].sessions, path))[:most]
    profile = statistics.profile(site, version)
    return BrowserFile(
        site,
        version,
        calendar.timezone,
        tuple(sorted({each.isoformat() for day in (0, DAYS_AHEAD) for each in calendar.peaks(_after(today, day))})),
        rules.path_types,
        tuple(sorted(rules.allowed_query)),
        {path: _rates(rows[path]) for path in [*sorted(shared & rows.keys()), *sorted(own)]},
        tuple(patterns),
        profile.expected_conversion,
        profile.limits,
        profile.limits_of,
    )


def _after(day: date, days: int) -> date:
    return day + timedelta(days=days)


def _rates(row: PageRow) -> tuple[float, float, float]:
    return row.bounce_rate, row.exit_rate, row.page_value
