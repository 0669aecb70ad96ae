"""Random visits as a page makes them, what Python's fold makes of them, and Node that folds them by the page's modules.

A visit is the bodies of events in the order in which they are made, each with the time at which it is.
"""

import base64
import json
import subprocess
from collections.abc import Sequence
from datetime import date
from math import isnan
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import msgspec

from ingest.admission.keys import Grant, SiteAccess
from ingest.collect import SenderContext, event_of
from ingest.commerce import ACTION_NAMES
from ingest.enrich import UrlRules, checked_url_rules
from ingest.events import Context, UsePages, encode, key_of
from ingest.parsing.agents import agent
from ingest.schemas import SentEvent
from scoring.browser.export import BrowserModel
from scoring.contracts import CONTRACTS
from scoring.site_profile import BandLimits
from storage.pages.browser_file import BrowserFile, browser_file
from stream.experiments.history import Experiments
from stream.fold.calendar import Calendar, Calendars
from stream.fold.mark import Mark
from stream.fold.pages import PageRow, PagesMarker, PageStatistics, Row
from stream.fold.partition import Partition
from stream.fold.result import FoldResult
from stream.fold.sites import SiteRow
from stream.scored import SessionUpdate
from tests.support.browser_models import node
from tests.support.events import event_id
from tests.support.log import LogRecord

SITE, VERSION = "shop", 9
STATIC = Path(__file__).parents[2] / "ingest" / "static"
SCRIPT = Path(__file__).with_name("fold_visits.mjs")
CALENDAR = Calendar("Europe/Berlin", "DE", ("11-28", "02-29"))
RULES = checked_url_rules(
    ("q", "utm_source", "utm_medium"), [("/cart", "Administrative"), ("/b", "Informational"), ("/bü", "ProductRelated")]
)
GRANT = Grant(SiteAccess(SITE, url_rules=RULES), "write", "key")
#: The end of summer time in Berlin, and the day before Christmas' peak.
STARTS = (1_761_436_800_000, 1_766_016_000_000)
MINUTE = 60_000
#: Paths with a row of their own, of a pattern, of neither; and spellings that are one page.
PATHS = (
    *("/", "/p/1", "/p/2", "/P/2", "//p//2", "/p/./1", "/p/x/../1", "/order/1001", "/order/", "/search/a/b", "/cart"),
    *("/b%C3%BCcher/1", "/bücher/1", "/bu\u0308cher/1", "/a%2fb", "/a%zz", "/%ff%fe", "/p/1;jsessionid=12", "/cart/.."),
    *(
        "/(S(abc))/p/1",
        "/p/1%20x",
        "/p/1\u00a0x",
        "/x|y",
        "/" + "long%20" * 90,
        "/%E2%82%AC/%e2%82",
        "/p/1;a=b",
        "/%41",
    ),
)
QUERIES = ("", "", "", "?q=a+b", "?q=&x=1", "?utm_source=news~1&q=%C3%BC*", "?x=1&q=2&q=3", "?q=1#top")
PAGE_TYPES = ("Administrative", "Informational", "ProductRelated", None, None)
AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18 Safari/605.1",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604",
    "Mozilla/5.0 (iPad; CPU OS 12_5 like Mac OS X) AppleWebKit/605.1.15 Version/12.1 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Linux; Android 13; SM-X200) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    "Mozilla/5.0 (SMART-TV; Linux; Tizen 5.0) AppleWebKit/537.36 SamsungBrowser/2.2 Chrome/63 TV Safari/537.36",
    "Mozilla/5.0 (PlayStation; PlayStation 5/6.50) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/13.0 Safari/605",
    "something of nobody",
)


class TimedStep(NamedTuple):
    """A step, and when the page makes it, in ms UTC."""

    at: int
    body: dict[str, Any]


class Visit(NamedTuple):
    user_agent: str
    steps: list[TimedStep]


class PageRows(NamedTuple):
    """What a fold says of the session that is open at the end: its number of events, a row of each contract, and its
    score where there is a model.
    """

    events: int
    rows: list[list[float | None]]
    score: dict[str, Any] | None = None


def statistics() -> PageStatistics:
    """Version VERSION: three pages, two patterns, the site's own row, its profile."""
    rates = {"/p/1": (0.2, 0.1, 12.5), "/p/2": (0.3, 0.4, 0.0), "/bücher/1?q=a+b": (0.5, 0.25, 1.75)}
    shared = {"/order/*": (0.0, 0.05, 80.125), "/*/a/*": (0.11, 0.13, 3.0)}
    rows: list[Row] = [PageRow("b", SITE, path, *numbers, sessions=9) for path, numbers in rates.items()]
    rows += [PageRow("b", SITE, path, *numbers, pattern=True) for path, numbers in shared.items()]
    rows += [PageRow("b", SITE, "*", 0.31, 0.07, 2.1), SiteRow("b", SITE, 0.04, (BandLimits(3, 0.03, 0.1),), "")]
    known = PageStatistics()
    for row in rows:
        known.read(1, row)
    known.read(VERSION, PagesMarker("b", len(rows)))
    return known


def site_file(known: PageStatistics, rules: UrlRules = RULES) -> BrowserFile:
    return browser_file(SITE, rules, CALENDAR, known, date(2025, 11, 1))


def random_visit(seed: int) -> Visit:
    """A visit of up to 40 steps, some of them at once, late, ahead or sent again; a pause begins another session."""
    random = Random(seed)
    now = random.choice(STARTS) + random.randrange(3 * 24 * 60 * MINUTE)
    number, session, made = seed % 1000 * 100, 1, []
    for _ in range(random.randint(1, 40)):
        pause = random.choice([0, 0, 1, 900, 15_000, 90_000, 4 * MINUTE, random.randrange(30 * MINUTE)])
        if random.random() < 0.04:
            pause, session = random.randrange(30 * MINUTE, 30 * 60 * MINUTE), session + 1
        now += pause
        own = [each.body for each in made if each.body["session_id"] == f"s{session}"]
        if own and random.random() < 0.05:
            made.append(TimedStep(now, random.choice(own)))
            continue
        number += 1
        back = random.choice([0] * 12 + [1, 5_000, 9 * MINUTE, 11 * MINUTE, -4 * MINUTE, -6 * MINUTE])
        body = {
            "session_id": f"s{session}",
            "visitor_id": "v1",
            "event_id": event_id(number),
            "occurred_at": now - back,
        }
        made.append(TimedStep(now, body | _member(random)))
    return Visit(random.choice(AGENTS), made)


def _member(random: Random) -> dict[str, Any]:
    often = ["page_view", "commerce"] * 3 + ["page_ping"] * 2
    kind = random.choice([*often, "session_start", "custom", "purchase", "session_end"])
    body: dict[str, Any] = {"type": kind}
    if random.random() < 0.7:
        body["visitor_type"] = random.choice(["New_Visitor", "Returning_Visitor", "Other"])
    if kind == "session_start" and random.random() < 0.8:
        body["history"] = {"previous_sessions": random.randrange(5), "previous_purchases": random.randrange(3)}
        if random.random() < 0.5:
            body["history"]["days_since_previous_session"] = random.random() * 30
    elif kind == "page_view":
        origin = random.choice(["https://shop.example", "https://shop.example", "http://127.0.0.1:8080"])
        url = origin + random.choice(PATHS) + random.choice(QUERIES)
        body["page"] = {"url": url, "type": random.choice(PAGE_TYPES)}
    elif kind == "page_ping":
        engaged = random.choice([random.randrange(60_000), random.randrange(40 * MINUTE)])
        body["ping"] = {"engaged_ms": engaged, "scroll_depth": random.choice([random.randrange(101), random.random()])}
    elif kind == "custom":
        texts = ["click", *ACTION_NAMES]
        body["custom"] = {"category": "c", "action": random.choice(texts)}
        if random.random() < 0.5:
            body["custom"]["label"] = random.choice(texts)
    elif kind == "purchase":
        body["purchase"] = {"amount": random.randrange(10_000) / 100}
    elif kind == "commerce":
        body["commerce"] = _commerce(random)
    return body


def _commerce(random: Random) -> dict[str, Any]:
    carts = ["add_to_cart"] * 4 + ["remove_from_cart"] * 2 + ["view_cart", "begin_checkout", "add_shipping_info"]
    action = random.choice([*carts, *ACTION_NAMES])
    said: dict[str, Any] = {"action": action}
    if action == "refund":
        said["order_id"] = "o1"
    if random.random() < 0.5:
        said["value"] = random.choice([0, 5, 70.55, random.randrange(100_000) / 100])
    if random.random() < 0.7:
        said["currency"] = random.choice(["EUR", "EUR", "EUR", "JPY"])
    said["items"] = [_item(random) for _ in range(random.choice([0, 1, 1, 2, 3]))]
    return said


def _item(random: Random) -> dict[str, Any]:
    item: dict[str, Any] = {"id": random.choice(["p1", "p2", "p3"])}
    if random.random() < 0.6:
        item["quantity"] = random.choice([0, 1, 2, 1.5, 0.1])
    if random.random() < 0.6:
        item["price"] = random.choice([0, 10, 19.99, random.randrange(10_000) / 100])
    return item


def folded_in_python(visit: Visit, known: PageStatistics) -> SessionUpdate | None:
    """The session that began last, as the log has the visit, codes that no page knows left out; None: all was late."""
    state = Partition("log", 0, Calendars({SITE: CALENDAR}), known, Mark(0, {}), None, Experiments())
    result = FoldResult()
    state.fold(LogRecord(0, -1, None, encode(UsePages(VERSION))), result)
    who = agent(visit.user_agent)
    for offset, (now, body) in enumerate(visit.steps, 1):
        sender = SenderContext(GRANT, now, agent=who)
        # As sent by a page whose clock is right.
        event = event_of(msgspec.convert(body, SentEvent), SITE, now, sender)
        context = Context(visitor_type=event.context.visitor_type, device_class=event.context.device_class)
        event = msgspec.structs.replace(event, context=context, flags=())
        state.fold(LogRecord(offset, -1, key_of(SITE, event.session_id), encode(event)), result)
    updates = [update for update in result.sessions if update.status != "closed"]
    return updates[-1] if updates else None


def rows_of(update: SessionUpdate | None) -> PageRows:
    if update is None:
        return PageRows(0, [])
    rows = [[None if isnan(each) else float(each) for each in made.input_of(update)] for made in CONTRACTS.values()]
    return PageRows(update.counts.events, rows)


def folded_in_node(
    folder: Path, visits: Sequence[Visit], file: BrowserFile, model: BrowserModel | None = None
) -> list[PageRows]:
    """The same by the modules that pages get, all in one run of Node; scored if there is a model."""
    columns = [{"number": each.number, "columns": each.names} for each in CONTRACTS.values()]
    content = {"file": msgspec.to_builtins(file), "contracts": columns, "visits": [list(visit) for visit in visits]}
    if model is not None:
        content["model"] = {"head": json.loads(model.head), "weights": base64.b64encode(model.weights).decode()}
    (folder / "visits.json").write_text(json.dumps(content))
    command = [node(), SCRIPT, STATIC.as_uri(), folder / "visits.json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    return [PageRows(*each) for each in json.loads(done.stdout)]
