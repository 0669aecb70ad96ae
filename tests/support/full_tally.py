"""Pages counted over everything that is stored, the slow and obvious way, for comparison with counts that are kept."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from storage.pages.tally import DAY_MS, Tally
from stream.fold.path_patterns import PathPatterns

_QUERY = """
SELECT site, session_id, toUnixTimestamp64Milli(s.opened_at) AS opened, log, closed, event_type, ifNull(event_id, ''),
    ifNull(path, ''), toUnixTimestamp64Milli(s.occurred_at) AS occurred, amount
FROM scored_sessions AS s FINAL WHERE NOT void AND position(site, '~') = 0
"""


def full_tally(client: Any, since: int, patterns: Mapping[str, PathPatterns] | None = None) -> list[Tally]:
    """All pages over the closed sessions opened since the day of `since`, ms."""
    closings: dict[Any, float] = {}
    views: dict[Any, list[tuple[int, str, str]]] = defaultdict(list)
    bought: dict[Any, int] = {}
    for site, session_id, opened, log, closed, kind, event_id, path, occurred, amount in client.query(
        _QUERY
    ).result_rows:
        key = (site, session_id, opened, log)
        if opened < since // DAY_MS * DAY_MS:
            continue
        if closed:
            closings[key] = amount
        elif kind == "page_view":
            of_site = (patterns or {}).get(site)
            views[key].append((occurred, event_id, (of_site.of(path) if of_site else None) or path))
        elif kind == "purchase":
            bought[key] = max(bought.get(key, 0), occurred)
    counts: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0] * 6)
    for key, amount in closings.items():
        seen = sorted(views[key])
        for path in {page for _, _, page in seen}:
            times = [at for at, _, page in seen if page == path]
            row = counts[key[0], path]
            row[0] += len(times)
            row[1] += 1
            row[2] += seen[0][2] == path
            row[3] += seen[-1][2] == path
            row[4] += len(seen) == 1
            row[5] += amount if key in bought and bought[key] >= times[0] else 0.0
    return [Tally(*place, *map(int, row[:5]), row[5]) for place, row in sorted(counts.items())]
