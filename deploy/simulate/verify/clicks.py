"""Compares what the databases have of a replay of the e-shop clicks with a plain recount of the file.

A program of its own, so that it shares no mistake with the system it checks: it imports nothing of it and writes its
own reading of the file and its own computing of the times that were invented for it (docs/operations.md).

    python -m deploy.simulate.verify.clicks --database URL --site clicks~RUN --data FILE --sessions N [--api URL]

Every row of `sessions` and of `page_views` is compared with the first N sessions of the file. With --api, the updates
that ClickHouse has of some of them are compared, too, as the query API tells them; where it needs a key of
scope read, give `-` for the database, and its URL and the key as two lines of standard input. Else as verify/uci.py.
"""

import argparse
import csv
import gzip
import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from . import database, program
from .program import CannotCompareError, print_line

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "June", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
VIEWED = ("session_id", "event_id", "page_type", "page_url", "viewed_at", "duration_seconds", "is_bounce", "is_exit")
#: Timelines that are compared, and for how long they may still be on their way, in seconds.
TIMELINES, ARRIVING = 20, 10.0
TOLERANCE = 1e-6
#: The clicks of each session, by the session's id here: lines of the file by column.
Clicks = dict[str, list[dict[str, str]]]


def read_file(path: str, sessions: int) -> Clicks:
    """The clicks of the file's first sessions, by the session's id here, in the file's order."""
    found: Clicks = {}
    try:
        with Path(path).open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
        with gzip.open(path, "rt") if packed else Path(path).open() as text:
            for click in csv.DictReader(text, delimiter=";"):
                name = f"session-{int(click['session ID']):05}"
                if name in found or len(found) < sessions:
                    found.setdefault(name, []).append(click)
    except (OSError, EOFError, KeyError, ValueError) as error:
        raise CannotCompareError(f"cannot read the file of clicks {path}: {error!r}") from error
    if not found:
        raise CannotCompareError(f"the file of clicks {path} has no session to compare")
    return found


def times_of(clicks: list[dict[str, str]]) -> list[datetime]:
    """The invented time of each click of a session, UTC."""
    first = clicks[0]
    number = int(first["session ID"])
    steps = [(379 * number + 617 * place) % 1000 for place in range(2, len(clicks) + 1)]
    pauses = [3_000 + 480_000 * step**2 // 10**6 for step in steps]
    opens, closes = timedelta(hours=8), timedelta(hours=23, minutes=59)
    room = (closes - opens) // timedelta(milliseconds=1) - sum(pauses)
    begins = timedelta(milliseconds=number * 618_034 % 10**6 * room // 10**6)
    times = [datetime(int(first["year"]), int(first["month"]), int(first["day"])) + opens + begins]
    for pause in pauses:
        times.append(times[-1] + timedelta(milliseconds=pause))
    return times


def session_of(clicks: list[dict[str, str]]) -> dict[str, Any]:
    """The row of `sessions` that these clicks must give."""
    times, many, country = times_of(clicks), len(clicks), int(clicks[0]["country"])
    return {
        "status": "closed",
        "event_count": many,
        "page_view_count": many,
        "product_related_count": many,
        "product_related_duration": (times[-1] - times[0]).total_seconds(),
        "administrative_count": 0,
        "informational_count": 0,
        "purchase_count": 0,
        "revenue": False,
        "region": country,
        "region_name": str(country),
        "month": MONTHS[times[0].month - 1],
        "is_weekend": times[0].isoweekday() >= 6,
        "started_at": times[0],
        "last_event_at": times[-1],
    }


def views_of(clicks: list[dict[str, str]]) -> list[dict[str, Any]]:
    """The rows of `page_views` that these clicks must give, in order."""
    times = times_of(clicks)
    ends = [*times[1:], times[-1]]
    return [
        {
            "page_type": "ProductRelated",
            "page_url": path_of(click),
            "viewed_at": begin,
            "duration_seconds": (end - begin).total_seconds(),
            "is_bounce": len(clicks) == 1,
            "is_exit": place == len(clicks),
        }
        for place, (click, begin, end) in enumerate(zip(clicks, times, ends, strict=True), 1)
    ]


def path_of(click: dict[str, str]) -> str:
    parts = click["page 1 (main category)"], click["page"], click["page 2 (clothing model)"]
    return "/products/" + "/".join(parts)


class Comparison:
    """Counts what was compared by name, and keeps a line for each difference."""

    def __init__(self) -> None:
        self.compared: Counter[str] = Counter()
        self.differing: list[str] = []

    def row(self, where: str, expected: dict[str, Any], found: dict[str, Any]) -> None:
        for name, wanted in expected.items():
            self.value(name, where, wanted, found[name])

    def value(self, name: str, where: str, wanted: Any, found: Any) -> None:
        self.compared[name] += 1
        if isinstance(wanted, datetime) and isinstance(found, str):
            found = datetime.fromisoformat(found)
        equal = abs(wanted - found) <= TOLERANCE if isinstance(wanted, float) else wanted == found
        if not equal:
            self.differing.append(f"{where}: {name} is {found!r}, the file gives {wanted!r}")


def compare_sessions(expected: Clicks, found: list[dict[str, Any]], into: Comparison) -> None:
    """Each session of the file is one row, and there are no others."""
    seen = Counter(row["session_id"] for row in found)
    for name, rows in seen.items():
        if rows > 1:
            into.differing.append(f"{name}: comes back as {rows} sessions")
    into.differing += [f"{name}: is not in the database" for name in expected if name not in seen]
    for row in found:
        clicks = expected.get(row["session_id"])
        if clicks is None:
            into.differing.append(f"{row['session_id']}: is not among the sessions of the file")
        else:
            into.row(row["session_id"], session_of(clicks), row)


def compare_views(expected: Clicks, found: list[dict[str, Any]], into: Comparison) -> None:
    """The page views of each session, in the order of viewing, are its clicks in the order of the file."""
    views: dict[str, list[dict[str, Any]]] = {name: [] for name in expected}
    for row in sorted(found, key=lambda row: (str(row["viewed_at"]), row["event_id"])):
        views.setdefault(row["session_id"], []).append(row)
    for name, rows in views.items():
        wanted = views_of(expected[name]) if name in expected else []
        into.value("page views of a session", name, len(wanted), len(rows))
        for place, (want, row) in enumerate(zip(wanted, rows, strict=False), 1):
            into.row(f"{name}, view {place}", want, row)


def compare_timelines(expected: Clicks, api: str, key: str, site: str, into: Comparison) -> None:
    """Of sessions spread over the file: an update for each click, and the closing."""
    names = list(expected)
    for name in names[:: max(1, len(names) // TIMELINES)][:TIMELINES]:
        wanted: list[str | None] = [*map(path_of, expected[name]), None]
        until = time.monotonic() + ARRIVING
        while True:
            paths = [None if update["closed"] else update["event"]["path"] for update in timeline(api, key, site, name)]
            # The two databases are written side by side, and the other one may be the first.
            if len(paths) >= len(wanted) or time.monotonic() > until:
                break
            time.sleep(0.2)
        into.value("updates of a timeline", name, wanted, paths)


def timeline(api: str, key: str, site: str, name: str) -> list[dict[str, Any]]:
    """The updates of a session, the oldest first; none where ClickHouse has none."""
    query = urllib.parse.urlencode({"site": site})
    request = urllib.request.Request(f"{api}/sessions/{name}/timeline?{query}")  # noqa: S310 - an address of ours
    if key:
        request.add_header("X-OPECOM-Key", key)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - an address of ours
            updates: list[dict[str, Any]] = json.load(answer)["updates"]
            return updates
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return []
        remedy = ": it takes a key of scope read, see api.read_keys" if error.code in (401, 403) else ""
        raise CannotCompareError(f"the query API at {api} answers {error.code} for a timeline{remedy}") from error
    except OSError as error:
        raise CannotCompareError(f"the query API at {api} does not answer, and timelines need it: {error}") from error


def compare_all(given: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    """(figures, lines that say what differs), the former printed."""
    expected, into = read_file(given.data, given.sessions), Comparison()
    columns = ["session_id", *session_of(next(iter(expected.values())))]
    sessions = database.read(given.database, "sessions", columns, given.site)
    views = database.read(given.database, "page_views", list(VIEWED), given.site)
    compare_sessions(expected, sessions, into)
    compare_views(expected, views, into)
    if given.api:
        compare_timelines(expected, given.api, given.key, given.site, into)
    clicks = sum(map(len, expected.values()))
    print_line(f"{'':<26}{'in the file':>14}{'in the database':>17}")
    print_line(f"{'sessions':<26}{len(expected):>14,}{len(sessions):>17,}")
    print_line(f"{'clicks, page views':<26}{clicks:>14,}{len(views):>17,}")
    print_line(f"{'column':<26}{'rows compared':>14}")
    for name, rows in into.compared.items():
        print_line(f"{name:<26}{rows:>14,}")
    if not given.api:
        print_line("updates of a timeline (ClickHouse) were not compared: no --api")
    if not into.differing:
        print_line("every click of the file came back")
    return {"sessions": len(sessions), "page_views": len(views), "compared": into.compared}, into.differing


def main(arguments: list[str] | None = None) -> int:
    options = program.parser("the file of the e-shop clicks", "clicks~k3f9")
    options.add_argument("--api", help="the query API, to compare some timelines, too")
    return program.run(options, arguments, compare_all)


if __name__ == "__main__":
    sys.exit(main())
