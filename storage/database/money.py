"""Amounts by currency, and their sum in the one currency in which a site reports. Pure.

Never a sum across currencies: what has no rate stays apart, and then there is no total. An amount without a currency
counts in the site's reporting currency.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from msgspec import Struct

from ingest.events import base_site


class ReportingCurrency(Struct, frozen=True):
    """The currency of a site's reports, "" for none, and what one unit of others is worth in it."""

    currency: str = ""
    rates: Mapping[str, float] = MappingProxyType({})

    def spelled(self, currency: str) -> str:
        """The currency of an amount that may come without one."""
        return currency or self.currency

    def rate(self, currency: str) -> float | None:
        """What one unit is worth in the reporting currency; None where nothing says so."""
        if self.spelled(currency) == self.currency:
            return 1.0
        return self.rates.get(currency) if self.currency else None


#: Reporting currencies by site.
Money = Mapping[str, ReportingCurrency]
NONE = ReportingCurrency()


class Revenue(Struct, frozen=True):
    """Sums by currency, and their total in `currency`; None where not every one has a rate."""

    by_currency: dict[str, float]
    total: float | None
    currency: str


def revenue(amounts: Iterable[tuple[str, str, float]], money: Money) -> Revenue:
    """The revenue of amounts (site, currency, amount). Sites that report in different currencies have no total, and
    without a reporting currency there is one where all is of one currency."""
    sums: dict[str, float] = {}
    total, totals = 0.0, set[str | None]()
    for site, currency, amount in sorted(amounts):
        reporting = money.get(base_site(site), NONE)
        spelled, rate = reporting.spelled(currency), reporting.rate(currency)
        sums[spelled] = sums.get(spelled, 0.0) + amount
        totals.add(reporting.currency if rate is not None else None)
        total += amount * (rate or 0.0)
    if len(sums) <= 1:
        spelled, alone = next(iter(sums.items()), ("", 0.0))
        # One currency alone needs no rate, but where there is one the report is in the site's own.
        known = next(iter(totals), "")
        return Revenue(sums, total, known) if known and len(totals) == 1 else Revenue(sums, alone, spelled)
    converted = next(iter(totals)) if len(totals) == 1 else None
    return Revenue(sums, total, converted) if converted else Revenue(sums, None, "")


def main_currency(found: Iterable[Iterable[str]]) -> str:
    """Of a site without a reporting currency: the currency that most have, of equal ones the first by name."""
    counts = Counter(currency for currencies in found for currency in currencies)
    return min(counts, key=lambda currency: (-counts[currency], currency), default="")
