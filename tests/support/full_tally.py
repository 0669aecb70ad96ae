"""Pages counted over everything that is stored, the slow and obvious way, for comparison with counts that are kept."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from storage.database.money import Money
from storage.pages.tally import DAY_MS, HOUR_MS, NETWORK_ENTRANCES, NETWORK_SESSIONS, NETWORK_SHARE, Tally
from stream.fold.path_patterns import PathPatterns

_QUERY = """
SELECT site, session_id, toUnixTimestamp64Milli(s.opened_at) AS opened, log, closed, event_type, ifNull(event_id, ''),
    ifNull(path, ''), toUnixTimestamp64Milli(s.occurred_at) AS occurred, amount, bot, network,
    JSONExtract(amounts, 'Array(Tuple(currency String, amount Float64))') AS sums
FROM scored_sessions AS s FINAL WHERE NOT void AND position(site, '~') = 0
"""
Key = tuple[str, str, int, str]


def full_tally(
    client: Any, since: int, patterns: Mapping[str, PathPatterns] | None = None, money: Money | None = None
) -> list[Tally]:
    """All pages over the closed sessions opened since the day of `since`, ms."""
    closings: dict[Key, tuple[float, str]] = {}
    views: dict[Key, list[tuple[int, str, str]]] = defaultdict(list)
    bought: dict[Key, int] = {}
    spent: dict[Key, dict[str, float]] = {}
    for row in client.query(_QUERY).result_rows:
        site, session_id, opened, log, closed, kind, event_id, path, occurred, amount, bot, network, sums = row
        key = (site, session_id, opened, log)
        if opened < since // DAY_MS * DAY_MS:
            continue
        if closed and not bot:
            closings[key] = (amount, network)
            spent[key] = {each["currency"]: each["amount"] for each in sums} or ({"": amount} if amount else {})
        elif not closed and kind == "page_view":
            of_site = (patterns or {}).get(site)
            views[key].append((occurred, event_id, (of_site.of(path) if of_site else None) or path))
        elif not closed and kind == "purchase":
            bought[key] = max(bought.get(key, 0), occurred)
    counts: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0] * 5)
    worths: dict[tuple[str, str], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    entrances = {key: min(seen)[2] for key, seen in views.items()}
    for key in _trusted(closings, entrances):
        seen = sorted(views[key])
        for path in {page for _, _, page in seen}:
            times = [at for at, _, page in seen if page == path]
            count = counts[key[0], path]
            count[0] += len(times)
            count[1] += 1
            count[2] += seen[0][2] == path
            count[3] += seen[-1][2] == path
            count[4] += len(seen) == 1
            if key in bought and bought[key] >= times[0]:
                for currency, amount in spent[key].items():
                    worths[key[0], path][currency] += amount
    return [Tally(*place, *count, _value(place, worths, money or {})) for place, count in sorted(counts.items())]


def _value(place: tuple[str, str], worths: Mapping[tuple[str, str], dict[str, float]], money: Money) -> float:
    """What a page brought in the reporting currency, without one in the currency of most pages."""
    mine, own = worths.get(place, {}), money.get(place[0])
    if own is not None:
        rates = {**own.rates, own.currency: 1.0, "": 1.0}
        return sum(amount * rates.get(currency, 0.0) for currency, amount in sorted(mine.items()))
    found = Counter(currency for (site, _), sums in worths.items() if site == place[0] for currency in sums)
    return mine.get(min(found, key=lambda each: (-found[each], each)), 0.0) if found else 0.0


def _trusted(closings: Mapping[Key, tuple[float, str]], entrances: Mapping[Key, str]) -> dict[Key, float]:
    """Amounts of the sessions that count, by session: of one network only a share of the hour's, and of those that
    enter at one page."""
    bounds = (lambda key: "", NETWORK_SESSIONS), (lambda key: entrances.get(key, ""), NETWORK_ENTRANCES)
    kept = dict.fromkeys(closings, 0)
    for place_of, least in bounds:
        groups: dict[tuple[str, int, str], list[Key]] = defaultdict(list)
        for key in closings:
            groups[key[0], key[2] // HOUR_MS, place_of(key)].append(key)
        for keys in groups.values():
            networks: dict[str, list[Key]] = defaultdict(list)
            for key in keys:
                networks[closings[key][1]].append(key)
            most = max(least, len(networks.keys() - {""}) // NETWORK_SHARE)
            for network, mine in networks.items():
                mine.sort(key=lambda key: (closings[key][0] == 0, key[2], key[1], key[3]))
                for place, key in enumerate(mine):
                    kept[key] += not network or closings[key][0] > 0 or place < most
    return {key: closings[key][0] for key, times in kept.items() if times == len(bounds)}
