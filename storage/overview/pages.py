"""Pages by their value: what sessions that viewed a page paid afterwards, by session that viewed it. SQL and reading.

As in Google's Universal Analytics and the page statistics (storage/pages/tally.py): a page counts once a session, and
what it led to is what the session paid at a purchase after the page was first viewed. Refunds are not taken off.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from storage.database.money import ReportingCurrency, main_currency
from storage.overview.answers import PageFigures
from storage.overview.shares import share
from storage.overview.timeline import BOUGHT, BY_SESSION, IN_ORDER, UPDATES
from stream.fold.path_patterns import PathPatterns

#: Pages that are read of a period, those of the most buyers and sessions; more than a shop's people look at.
MOST_PAGES = 20_000

_SUMS = "JSONExtract(amounts_text, 'Array(Tuple(currency String, amount Float64))')"
# Sessions that were stored before there were currencies have an amount without one.
_PAID = (
    f"multiIf(NOT bought, CAST(map(), 'Map(String, Float64)'), length(amounts_text) > 2, "
    f"mapFromArrays(arrayMap(e -> e.1, {_SUMS}), arrayMap(e -> e.2, {_SUMS})), map('', total))"
)
_PAGES = f"""
WITH visits AS (
    SELECT {BOUGHT} AS bought, argMax(amounts, version) AS amounts_text, argMax(amount, version) AS total,
           maxIf(occurred_at, event_type = 'purchase') AS bought_at,
           groupArrayIf(({{page}}, occurred_at), NOT closed AND event_type = 'page_view') AS viewed
    {UPDATES} {BY_SESSION}
),
seen AS (
    SELECT bought, amounts_text, total, bought_at, view.1 AS name, count() AS times, min(view.2) AS first_at
    FROM (SELECT *, rowNumberInAllBlocks() AS number FROM visits) ARRAY JOIN viewed AS view
    GROUP BY number, bought, amounts_text, total, bought_at, name
)
SELECT name, toInt64(sum(times)), toInt64(count()) AS sessions,
       toInt64(countIf(bought AND bought_at >= first_at)) AS buyers,
       sumMapIf({_PAID}, bought AND bought_at >= first_at), toInt64(count() OVER ())
FROM seen GROUP BY name ORDER BY buyers DESC, sessions DESC, name LIMIT {MOST_PAGES} {IN_ORDER}
"""  # noqa: S608  our names


class PageCount(NamedTuple):
    """`paid` by currency, "" for amounts that came without one; `pages` is how many there are of all."""

    path: str
    views: int
    sessions: int
    buyers: int
    paid: dict[str, float]
    pages: int


def page_query(patterns: PathPatterns | None) -> tuple[str, dict[str, str]]:
    """The query for the pages, those under a pattern together, and its parameters beside those of the window."""
    cases, given = list[str](), dict[str, str]()
    for number, pattern in enumerate(patterns.longest_first if patterns else ()):
        cases.append(f"match(ifNull(path, ''), {{regex_{number}:String}}), {{name_{number}:String}}")
        given |= {f"regex_{number}": pattern.regex, f"name_{number}": pattern.text}
    page = f"multiIf({', '.join(cases)}, ifNull(path, ''))" if cases else "ifNull(path, '')"
    return _PAGES.replace("{page}", page), given


def top_pages(rows: Iterable[Any], reporting: ReportingCurrency, limit: int) -> tuple[str, int, list[PageFigures]]:
    """The currency of the values, how many pages there are, and the most valuable ones.

    Amounts without a rate are left out; a site without a reporting currency has the one that most pages have sales in.
    """
    counts = [PageCount(*row) for row in rows]
    currency = reporting.currency or main_currency(count.paid for count in counts)
    found = [_figures(count, reporting, currency) for count in counts]
    found.sort(key=lambda page: (-page.value, -page.sessions, page.path))
    return currency, counts[0].pages if counts else 0, found[:limit]


def _figures(count: PageCount, reporting: ReportingCurrency, currency: str) -> PageFigures:
    paid = sum(amount * _rate(each, reporting, currency) for each, amount in sorted(count.paid.items()))
    conversion = share(count.buyers, count.sessions)
    return PageFigures(count.path, count.views, count.sessions, count.buyers, conversion, paid / count.sessions)


def _rate(currency: str, reporting: ReportingCurrency, main: str) -> float:
    if not reporting.currency:
        return float(currency == main)
    return reporting.rate(currency) or 0.0
