"""From when on rows of each site are kept. Pure: days of the settings and the time in, moments out."""

from collections.abc import Collection, Mapping

from msgspec import Struct

DAY_MS = 24 * 3_600_000


class SiteRetention(Struct, frozen=True):
    """The settings of a site: days that rows and aggregates are kept; None: for ever."""

    rows_days: int | None = None
    aggregates_days: int | None = None


class Cutoffs(Struct, frozen=True):
    """What is removed: everything before these moments (ms UTC, begins of UTC days), by site with its runs.

    `others` is the moment for rows of sites that no setting names any more, and of records whose site nobody can tell;
    0: they stay.
    """

    rows: dict[str, int] = {}
    aggregates: dict[str, int] = {}
    others: int = 0


def cutoffs(retention: Mapping[str, SiteRetention], now: int, only: Collection[str] = ()) -> Cutoffs:
    """The moments for `now`, ms UTC; `only` of these sites, none: of all.

    Days are those of UTC, and the present one is the first: with 30 days what is before the 29th day before today is
    removed. What no setting names goes by the longest limit, where every site has one.
    """
    wanted = {name: each for name, each in retention.items() if not only or name in only}
    rows = {name: _begin(now, each.rows_days) for name, each in wanted.items() if each.rows_days is not None}
    counted = {
        name: _begin(now, each.aggregates_days) for name, each in wanted.items() if each.aggregates_days is not None
    }
    whole = bool(rows) and len(rows) == len(retention)
    return Cutoffs(rows, counted, min(rows.values()) if whole else 0)


def _begin(now: int, days: int) -> int:
    return max(now // DAY_MS - days + 1, 0) * DAY_MS
