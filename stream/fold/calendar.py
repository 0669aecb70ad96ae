"""A site's calendar: its day, its month, its weekends, its special days and the daily cut. Pure; times in ms UTC."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ingest.events import base_site
from scoring.features import MONTHS, Month

#: A session that was opened before this local hour is cut by its first event after it.
CUT_HOUR = 4
#: Delivery takes time: interest peaks this many days before a special day and fades within five (Sakar et al. 2019).
PEAK_BEFORE_DAYS = 6
FADES_WITHIN_DAYS = 5


class Day(NamedTuple):
    """What the features take from the local day on which a session starts."""

    special_day: float
    month: Month
    weekend: bool


class Calendar:
    """One site's calendar.

    timezone is an IANA name, holidays a country code of the `holidays` library or empty, special_days a list of MM-DD.
    Raises ValueError or KeyError for a name that does not exist.
    """

    def __init__(self, timezone: str = "UTC", country: str = "", special_days: tuple[str, ...] = ()) -> None:
        self._zone = ZoneInfo(timezone)
        self._country = country
        self._special = tuple(_month_and_day(text) for text in special_days)
        self._days: dict[date, Day] = {}
        self._cuts = (0, 0)
        if country:
            _holidays(country, (2025,))

    def day(self, at: int) -> Day:
        """The local day of `at`."""
        local = datetime.fromtimestamp(at / 1000, self._zone).date()
        known = self._days.get(local)
        if known is None:
            known = Day(self._special_day(local), MONTHS[local.month - 1], local.weekday() >= 5)
            self._days[local] = known
        return known

    def hour(self, at: int) -> int:
        """The local hour of `at`, 0 to 23."""
        return datetime.fromtimestamp(at / 1000, self._zone).hour

    def latest_cut(self, at: int) -> int:
        """The latest cut that is not after `at`."""
        since, until = self._cuts
        if not since <= at < until:
            local = datetime.fromtimestamp(at / 1000, self._zone)
            day = local.date() if local.hour >= CUT_HOUR else local.date() - timedelta(days=1)
            since, until = self._cut_of(day), self._cut_of(day + timedelta(days=1))
            self._cuts = since, until
        return since

    def _cut_of(self, day: date) -> int:
        cut = datetime(day.year, day.month, day.day, CUT_HOUR, tzinfo=self._zone)
        return int(cut.timestamp() * 1000)

    @property
    def timezone(self) -> str:
        """The IANA name."""
        return self._zone.key

    def peaks(self, day: date) -> list[date]:
        """When interest in a special day peaks: of those of the year of `day`, the one before and the one after."""
        return [special - timedelta(days=PEAK_BEFORE_DAYS) for special in self._around(day)]

    def _special_day(self, day: date) -> float:
        nearest = min((abs((day - peak).days) for peak in self.peaks(day)), default=FADES_WITHIN_DAYS)
        return max(0.0, (FADES_WITHIN_DAYS - nearest) / FADES_WITHIN_DAYS)

    def _around(self, day: date) -> list[date]:
        years = (day.year - 1, day.year, day.year + 1)
        own = [
            date(year, month, number)
            for year in years
            for month, number in self._special
            if _exists(year, month, number)
        ]
        return own + (_holidays(self._country, years) if self._country else [])


class Calendars:
    """Calendars by site; a run of a site ("uci~k3f9") has its site's calendar, an unknown site the default one.

    `find` looks for the calendar of a site that was made known since; one that was found stays.
    """

    def __init__(
        self,
        sites: Mapping[str, Calendar],
        default: Callable[[], Calendar] = Calendar,
        find: Callable[[str], Calendar | None] = lambda _: None,
    ) -> None:
        self._sites = dict(sites)
        self._default = default()
        self._find = find

    def of(self, site: str) -> Calendar:
        calendar = self._sites.get(site)
        if calendar is None:
            base = base_site(site)
            calendar = self._sites.get(base) or self._find(base)
            if calendar is None:
                return self._default
            self._sites[site] = calendar
        return calendar


def _holidays(country: str, years: tuple[int, ...]) -> list[date]:
    """Raises NotImplementedError for a country that the library does not know."""
    # Here, as most sites name no country, and every part that folds would load the library.
    import holidays

    return list(holidays.country_holidays(country, years=years))


def _month_and_day(text: str) -> tuple[int, int]:
    try:
        at = datetime.strptime(f"2024-{text}", "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise ValueError(f"special day {text!r} is not MM-DD: fix sites.NAME.special_days") from None
    return at.month, at.day


def _exists(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True
