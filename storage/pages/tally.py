"""Counts pages over closed sessions in ClickHouse. The definitions are those of Google's Universal Analytics.

An *entrance* is the first page view of a session, an *exit* the last, a *bounce* the only one. A page's value is the
revenue of the sessions in which it was viewed before the purchase, counted once per session. Sessions of programs do
not count, and of one network only a share.

What is counted is kept, by the hour and the day (UTC) in which sessions opened. ClickHouse notes for each hour how
often its closings have changed: by live scoring, a replay, or an erasure. Only hours that changed since they were
counted, or whose rules did, are counted again, so the cost of a count grows with what is new.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby, islice
from operator import itemgetter
from typing import Any, NamedTuple

from msgspec import Struct

from storage.database.money import NONE, Money, main_currency
from storage.write.clickhouse_sink import command, run_query
from stream.fold.pages import ANY_PATH, MOST_PAGES
from stream.fold.path_patterns import PathPatterns

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
#: Pages of a site that are counted by themselves in an hour, a day, and all of the time.
MOST_COUNTED = 2 * MOST_PAGES
#: Sessions of one network that count in an hour of a site, and of these those that enter at one page: so many, or the
#: networks that were there (that entered there) divided by so many, and beside them all that bought. By networks, as
#: a visitor has one, and nobody has many who wants to move a shop's statistics; sessions cost nothing.
NETWORK_SESSIONS, NETWORK_ENTRANCES, NETWORK_SHARE = 5, 2, 10
#: Marks the rules by which hours are counted now: what was counted by older ones is counted again.
COUNTING_RULES = 2 << 40
#: Hours of sites that one statement counts: parameters travel in its address.
HOURS_AT_ONCE = 500


class Tally(Struct, frozen=True):
    """One page of one site over closed sessions; `value` in the site's reporting currency.

    A site without one has the value in the currency that most of its pages have sales in. Amounts without a rate are
    left out.
    """

    site: str
    path: str
    views: int
    #: Sessions that viewed it.
    sessions: int
    entrances: int
    exits: int
    bounces: int
    value: float


class TallySpan(NamedTuple):
    """An hour or a day of a site, as its number since 1970."""

    start: int
    site: str


class TallyState(NamedTuple):
    """How many changes of a span a count has seen, and by which rules it was made."""

    changes: int
    rules: int


class Tallies:
    """`client` is a clickhouse_connect client that serves threads; `patterns` and `money` are those of the sites as
    they stand."""

    def __init__(
        self,
        client: Any,
        patterns: Callable[[], Mapping[str, PathPatterns]] = dict,
        money: Callable[[], Money] = dict,
    ) -> None:
        self._client = client
        self._money = money
        #: The path patterns of the sites, as they now stand.
        self.patterns = patterns
        #: What was asked last, and its answer, which holds while nothing has changed.
        self._last_request: tuple[int, str] | None = None
        self._answer: Sequence[Any] = ()

    def since(self, opened_at: int, site: str = "") -> list[Tally]:
        """All pages of live sites (or of one) over the closed sessions opened since the day (UTC) of `opened_at`, ms.

        A site's pages beyond the MOST_COUNTED most visited ones of an hour or a day are counted together, as ANY_PATH.
        Runs of imports (`uci~k3f9`) have imported statistics only. Raises DatabaseUnavailableError.
        """
        day = max(opened_at, 0) // DAY_MS
        if self._count(day, site) or self._last_request != (day, site):
            given = {"day": day, "site": site, "most": MOST_COUNTED}
            self._last_request, self._answer = (day, site), run_query(self._client, _TOTAL, given).result_rows
        return _valued(self._answer, self._money())

    def recount(self, opened_at: int) -> None:
        """Count everything since the day of `opened_at` again, and drop what is kept of the time before."""
        day = max(opened_at, 0) // DAY_MS
        self._count(day, "", everything=True)
        for statement in _DROP:
            command(self._client, statement, {"day": day})

    def _count(self, day: int, site: str, everything: bool = False) -> bool:
        """Bring the counts up to date; returns whether anything was to be counted.

        Changes are read before the rows that they announce, so that what is written meanwhile is counted next time.
        """
        patterns = self.patterns()
        changes = self._countable(self._changes(_CHANGED_DAYS, day=day, site=site))
        stale = self._stale("day", changes, patterns, everything, day=day)
        for start, sites in _by_start(stale).items():
            hours = self._changes(_CHANGED_HOURS, day=start, sites=sites)
            old = self._stale("hour", hours, patterns, everything, day=start * 24)
            pending = iter(sorted(old.items()))
            while piece := dict(islice(pending, HOURS_AT_ONCE)):
                self._count_hours(piece, patterns)
            command(self._client, _COUNT_DAY, {"day": start, "sites": sites, "most": MOST_COUNTED})
        return bool(stale)

    def _changes(self, query: str, **given: Any) -> dict[TallySpan, int]:
        return {
            TallySpan(start, site): changes
            for start, site, changes in run_query(self._client, query, given).result_rows
        }

    def _countable(self, days: Mapping[TallySpan, int]) -> dict[TallySpan, int]:
        """Those whose sessions are still there: what retention (storage/retention) took stays as it was counted."""
        kept: dict[str, int] = dict(run_query(self._client, _KEPT, {}).result_rows)
        return {each: changes for each, changes in days.items() if each.start >= kept.get(each.site, 0)}

    def _stale(
        self,
        span: str,
        changes: Mapping[TallySpan, int],
        patterns: Mapping[str, PathPatterns],
        everything: bool,
        day: int,
    ) -> dict[TallySpan, int]:
        """The spans that are not counted as they stand now, with their changes."""
        rows = run_query(self._client, _COUNTED, {"span": span, "start": day}).result_rows if changes else ()
        counted = {TallySpan(start, site): TallyState(seen, rules) for start, site, seen, rules in rows}
        return {
            each: now
            for each, now in changes.items()
            if everything or counted.get(each) != TallyState(now, _rules(patterns, each.site))
        }

    def _count_hours(self, hours: Mapping[TallySpan, int], patterns: Mapping[str, PathPatterns]) -> None:
        sites = sorted({each.site for each in hours})
        page, named = _page_of({site: patterns[site] for site in sites if site in patterns})
        given = {
            "hours": [each.start for each in hours],
            "of": [each.site for each in hours],
            "changes": list(hours.values()),
            "rules": [_rules(patterns, each.site) for each in hours],
            "sites": sites,
            "most": MOST_COUNTED,
        }
        command(self._client, _COUNT_HOURS.replace("{page}", page), {**given, **named})


def _valued(rows: Sequence[Any], money: Money) -> list[Tally]:
    """The rows of the total, by site and page, with what their sales are worth in one currency."""
    found = []
    for site, of_site in groupby(rows, key=itemgetter(0)):
        pages, reporting = list(of_site), money.get(site, NONE)
        alone = "" if reporting.currency else main_currency(row[-1] for row in pages)
        for page in pages:
            worths: dict[str, float] = page[-1]
            if reporting.currency:
                value = sum((reporting.rate(each) or 0.0) * amount for each, amount in sorted(worths.items()))
            else:
                value = worths.get(alone, 0.0)
            found.append(Tally(*(*page[:-1], float(value))))
    return found


def _by_start(spans: Iterable[TallySpan]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = defaultdict(list)
    for start, site in sorted(spans):
        found[start].append(site)
    return dict(found)


def _rules(patterns: Mapping[str, PathPatterns], site: str) -> int:
    found = patterns.get(site)
    return (found.digest if found is not None else 0) ^ COUNTING_RULES


def _page_of(patterns: Mapping[str, PathPatterns]) -> tuple[str, dict[str, str]]:
    """A page's name as an expression, the pattern that it falls under or its path, and the expression's parameters."""
    cases, given = list[str](), dict[str, str]()
    for site, of_site in patterns.items():
        for pattern in of_site.longest_first:
            number = len(cases)
            cases.append(
                f"site = {{site_{number}:String}} AND match(path, {{regex_{number}:String}}), {{name_{number}:String}}"
            )
            given |= {f"site_{number}": site, f"regex_{number}": pattern.regex, f"name_{number}": pattern.text}
    return (f"multiIf({', '.join(cases)}, path)" if cases else "path"), given


_ARRAYS = ("views", "sessions", "entrances", "exits", "bounces", "worths")


def _sum(name: str) -> str:
    """Sums numbers, and sales by their currencies."""
    return f"sumMap({name})" if name.endswith("worths") else f"sum({name})"


def _folded(of: str, pages: str) -> str:
    """The rows of `pages` by `of`, with those beyond the most visited ones as one page."""
    sums = ", ".join(f"{_sum(name)} AS all_{name}" for name in _ARRAYS)
    names = ", ".join(f"all_{name} AS {name}" for name in _ARRAYS)
    return (
        f"SELECT {of}, page, {names} FROM (SELECT {of}, if(place <= {{most:UInt32}}, path, '{ANY_PATH}') AS page, "  # noqa: S608  our own names
        f"{sums} FROM (SELECT *, row_number() OVER "
        f"(PARTITION BY {of} ORDER BY path = '{ANY_PATH}', sessions DESC, path) AS place "
        f"FROM ({pages})) GROUP BY {of}, page)"
    )


def _packed(of: str, pages: str) -> str:
    """The rows of `pages` as one row with arrays by `of`."""
    packed = ", ".join(f"groupArray({name}) AS all_{name}" for name in ("page", *_ARRAYS))
    return f"SELECT {of}, {packed} FROM (SELECT * FROM ({pages}) ORDER BY {of}, page) GROUP BY {of}"  # noqa: S608


_ALL_ARRAYS = ", ".join(f"p.all_{name}" for name in ("page", *_ARRAYS))
_CHANGED_DAYS = """
SELECT day, site, sum(changes) FROM page_tally_changes
WHERE day >= {day:UInt32} AND ({site:String} = '' OR site = {site:String}) GROUP BY day, site
"""
_CHANGED_HOURS = """
SELECT hour, site, sum(changes) FROM page_tally_changes
WHERE day = {day:UInt32} AND has({sites:Array(String)}, site) GROUP BY hour, site
"""
_KEPT = "SELECT site, max(day) FROM page_tally_kept GROUP BY site"
_COUNTED = """
SELECT start, site, changes, rules FROM page_tallies FINAL WHERE span = {span:String} AND start >= {start:UInt32}
"""
_SESSION = "site, session_id, opened_at, log, hour"
_OF_HOURS = "hour IN {hours:Array(UInt32)} AND has({sites:Array(String)}, site) AND NOT void"
# Sessions that were stored before there were currencies have an amount without one.
_SUMS = "JSONExtract(amounts, 'Array(Tuple(currency String, amount Float64))')"
_BY_CURRENCY = (
    f"multiIf(length(amounts) > 2, mapFromArrays(arrayMap(e -> e.1, {_SUMS}), arrayMap(e -> e.2, {_SUMS})), "
    "amount > 0, map('', amount), CAST(map(), 'Map(String, Float64)'))"
)


def _networks(of: str) -> str:
    """How many networks there are in a group, beside each of its sessions."""
    return f"uniqExactIf(network, network != '') OVER (PARTITION BY {of})"


def _rank(of: str) -> str:
    """A session's place in a group: those that bought first, then the earliest."""
    return f"row_number() OVER (PARTITION BY {of} ORDER BY amount > 0 DESC, opened_at, session_id, log)"


_COUNT_HOURS = f"""
INSERT INTO page_tallies (span, start, site, changes, rules, paths, {", ".join(_ARRAYS)})
WITH
source AS (SELECT * FROM page_tally_source FINAL WHERE {_OF_HOURS}),
viewed AS (
    SELECT {_SESSION}, {{page}} AS name, occurred_at AS viewed_at,
        row_number() OVER (PARTITION BY {_SESSION} ORDER BY occurred_at, event_id) AS place,
        count() OVER (PARTITION BY {_SESSION}) AS places
    FROM source WHERE kind = 'page_view' AND NOT closed
),
entered AS (SELECT {_SESSION}, name AS entrance FROM viewed WHERE place = 1),
ranked AS (
    SELECT {_SESSION}, amount, amounts, network,
        {_networks("site, hour")} AS networks, {_rank("site, hour, network")} AS rank,
        {_networks("site, hour, entrance")} AS entered_by, {_rank("site, hour, network, entrance")} AS entrance_rank
    FROM source AS s LEFT JOIN entered AS e USING ({_SESSION}) WHERE closed AND NOT bot
),
closings AS (
    SELECT {_SESSION}, {_BY_CURRENCY} AS bought_for FROM ranked
    WHERE network = '' OR amount > 0 OR (
        rank <= greatest({NETWORK_SESSIONS}, intDiv(networks, {NETWORK_SHARE}))
        AND entrance_rank <= greatest({NETWORK_ENTRANCES}, intDiv(entered_by, {NETWORK_SHARE}))
    )
),
bought AS (
    SELECT {_SESSION}, max(occurred_at) AS bought_at FROM source WHERE kind = 'purchase' GROUP BY {_SESSION}
),
visited AS (
    SELECT {_SESSION}, name, count() AS times, min(viewed_at) AS first_at,
        countIf(place = 1) AS first, countIf(place = places) AS last, countIf(places = 1) AS only
    FROM viewed GROUP BY {_SESSION}, name
),
counted AS (
    SELECT v.hour AS hour, v.site AS site, v.name AS path, sum(v.times) AS views, count() AS sessions,
        sum(v.first) AS entrances, sum(v.last) AS exits, sum(v.only) AS bounces,
        sumMapIf(c.bought_for, b.bought_at >= v.first_at) AS worths
    FROM visited AS v
    INNER JOIN closings AS c USING ({_SESSION})
    LEFT JOIN bought AS b USING ({_SESSION})
    GROUP BY v.hour, v.site, v.name
)
SELECT 'hour', s.start, s.site, s.changes, s.rules, {_ALL_ARRAYS}
FROM (
    SELECT each.1 AS start, each.2 AS site, each.3 AS changes, each.4 AS rules FROM (
        SELECT arrayJoin(arrayZip({{hours:Array(UInt32)}}, {{of:Array(String)}}, {{changes:Array(UInt64)}},
            {{rules:Array(UInt64)}})) AS each
    )
) AS s
LEFT JOIN ({_packed("hour, site", _folded("hour, site", "SELECT * FROM counted"))}) AS p
ON p.hour = s.start AND p.site = s.site
"""  # noqa: S608  our own names


def _pages(where: str) -> str:
    """Pages summed over the spans that `where` names."""
    parts = ", ".join(("paths AS path", *(f"{name} AS one_{name}" for name in _ARRAYS)))
    sums = ", ".join(f"{_sum(f'one_{name}')} AS {name}" for name in _ARRAYS)
    ones = ", ".join(f"one_{name}" for name in _ARRAYS)
    return (
        f"SELECT site, path, {sums} FROM (SELECT site, path, {ones} FROM "  # noqa: S608  our own names
        f"(SELECT * FROM page_tallies FINAL WHERE {where}) AS t ARRAY JOIN {parts}) GROUP BY site, path"
    )


_HOURS_OF_DAY = (
    "span = 'hour' AND start >= {day:UInt32} * 24 AND start < ({day:UInt32} + 1) * 24 "
    "AND has({sites:Array(String)}, site)"
)
# Hours that were counted by different rules, by processes whose settings differ, leave a day that is counted again.
_COUNT_DAY = f"""
INSERT INTO page_tallies (span, start, site, changes, rules, paths, {", ".join(_ARRAYS)})
SELECT 'day', {{day:UInt32}}, s.site, s.all_changes, s.one_rules, {_ALL_ARRAYS}
FROM (
    SELECT site, sum(changes) AS all_changes, if(min(rules) = max(rules), min(rules), 1) AS one_rules
    FROM page_tallies FINAL WHERE {_HOURS_OF_DAY} GROUP BY site
) AS s
LEFT JOIN ({_packed("site", _folded("site", _pages(_HOURS_OF_DAY)))}) AS p ON p.site = s.site
"""  # noqa: S608  our own names
_OF_DAYS = "span = 'day' AND start >= {day:UInt32} AND ({site:String} = '' OR site = {site:String})"
_TOTAL = f"""
SELECT site, page, toInt64(views), toInt64(sessions), toInt64(entrances), toInt64(exits), toInt64(bounces), worths
FROM ({_folded("site", _pages(_OF_DAYS))}) ORDER BY site, page
"""  # noqa: S608  our own names
_DROP = (
    "ALTER TABLE page_tally_source DELETE WHERE hour < {day:UInt32} * 24",
    "ALTER TABLE page_tally_changes DELETE WHERE day < {day:UInt32}",
    "ALTER TABLE page_tallies DELETE WHERE start < if(span = 'day', 1, 24) * {day:UInt32}",
)
