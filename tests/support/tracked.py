"""A tracked site with a browser in front of it, and the ledger: made by the script of actions, seen by the proxy, kept
by the log and the database."""

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from playwright.sync_api import Browser, BrowserContext, Page, Route
from sqlalchemy import Engine, select

from deploy.chaos.topic_reader import read_topic
from deploy.processes.ports import wait_until
from ingest import script
from ingest.events import Event, UndecodableError, decode
from storage.database import tables
from stream.scored import DeadLetter
from tests.support.browser import visitor
from tests.support.proxy import Pages, Proxy
from tests.support.stack import Stack

SITE = "shop"
KEY = "write-key-of-shop"
#: The limit of every wait: far more than anything takes, as other work may share the machine.
SECONDS = 45.0
SCRIPT = script.read("/static/tracker.js")
HTML = """<!doctype html><html lang="en"><head><title>Shop</title>{tag}</head>
<body data-page-type="{kind}"><h1>Shop</h1><a id="next" href="/next">next</a><div style="height:3000px"></div></body>
</html>"""


@dataclass
class Tracked:
    """What the tests of the tracker share."""

    stack: Stack
    engine: Engine
    proxy: Proxy
    pages: Pages
    browser: Browser

    def settings(self, **more: str) -> dict[str, str]:
        """The settings of a tag of the site, and more."""
        return {"api": self.proxy.api, "key": KEY, "site": SITE, **more}

    def tag(self, **data: str) -> str:
        """Stub and script tag with these data attributes; those of the site, if none are given."""
        return f"<script>{SCRIPT.inline_stub}</script>" + self.bare_tag(**(data or self.settings()))

    def bare_tag(self, source: str = "", **data: str) -> str:
        """A script tag without a stub; `source` is its address, that of the proxy if empty."""
        attributes = " ".join(f'data-{name}="{value}"' for name, value in data.items())
        return f'<script async src="{source or self.source}" {attributes}></script>'

    @property
    def source(self) -> str:
        return f"{self.proxy.url}{SCRIPT.path}"

    def page(self, tag: str | None = None, kind: str = "ProductRelated") -> str:
        return HTML.format(tag=self.tag() if tag is None else tag, kind=kind)

    @contextmanager
    def visit(self, *scripts: str, **how: Any) -> Iterator["Visit"]:
        """A visitor with an empty profile; `scripts` run before those of every page."""
        self.proxy.clear()
        self.pages.headers.clear()
        self.pages.content = {"*": self.page()}
        with visitor(self.browser, **how) as context:
            for script in scripts:
                context.add_init_script(script)
            yield Visit(self, context)


@dataclass
class Visit:
    """One visitor. `errors` is what went wrong in the pages, as the browser tells it."""

    site: Tracked
    context: BrowserContext
    errors: list[str] = field(default_factory=list)

    def tab(self) -> Page:
        """A new tab; what goes wrong in its pages is kept."""
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        return page

    def open(self, path: str = "/", ready: bool = True, origin: str = "") -> Page:
        """A new tab with a page of the site, its view counted; `origin` is another host of the site."""
        page = self.tab()
        page.goto((origin or self.site.pages.url) + path)
        if ready:
            counted(page)
        return page

    def made(self, *types: str, pings: bool = False) -> list[dict[str, Any]]:
        """Check the ledger against the events that the test's script of actions makes, in order; returns them.

        Accepted at the proxy, each once; nothing sent that was not accepted in the end; each once in the log; counted
        in the database. Pings come and go with the speed of the machine: unless a test says how many, they are only
        held to the same rules.
        """
        wanted = list(types)

        def accepted_types() -> list[str]:
            return [event["type"] for event in self.accepted() if pings or event["type"] != "page_ping"]

        def settled() -> bool:
            return Counter(accepted_types()) == Counter(wanted) and self._sent() == self._ids()

        assert wait_until(settled, SECONDS), (
            f"{accepted_types()} is not {wanted}, or {self._sent() - self._ids()} was not accepted"
        )
        events = self.accepted()
        assert accepted_types() == wanted
        ids = [event["event_id"] for event in events]
        assert len(set(ids)) == len(ids), "accepted twice"
        self.logged(ids)
        self._counted()
        return [event for event in events if pings or event["type"] != "page_ping"]

    def accepted(self) -> list[dict[str, Any]]:
        """What the API accepted, in the order in which it occurred."""
        events = [event for batch in self.site.proxy.sent for event in batch.accepted]
        return sorted(events, key=lambda event: (event["occurred_at"], event["event_id"]))

    def logged(self, ids: list[str]) -> list[Event]:
        """The events of the log with these ids, each there once."""
        kafka = self.site.stack.settings.kafka
        records = apart(lambda: asyncio.run(read_topic(kafka, kafka.events_topic)))
        found = [event for event in map(_event, records) if event is not None and event.event_id in set(ids)]
        assert Counter(event.event_id for event in found) == Counter(ids)
        return found

    def dead(self, ids: Iterable[str], reason: str) -> None:
        """Wait until each of these ended in the dead letters, once, for this reason."""
        kafka, wanted = self.site.stack.settings.kafka, set(ids)
        kept: list[str] = []

        def arrived() -> bool:
            records = apart(lambda: asyncio.run(read_topic(kafka, kafka.dead_topic)))
            letters = [msgspec.json.decode(record.value, type=DeadLetter) for record in records]
            kept[:] = [json.loads(letter.raw)["event_id"] for letter in letters if letter.reason == reason]
            return wanted <= set(kept)

        assert wait_until(arrived, SECONDS), f"{wanted - set(kept)} are not among the {reason} ones"
        assert len(kept) == len(set(kept))

    def rows(self) -> list[dict[str, Any]]:
        """The sessions that the database has of what was accepted."""
        ids = {event["session_id"] for event in self.accepted()}
        with self.site.engine.connect() as connection:
            asked = select(tables.sessions).where(tables.sessions.c.session_id.in_(ids))
            return [dict(row._mapping) for row in connection.execute(asked)]

    def _sent(self) -> set[str]:
        return {event["event_id"] for batch in self.site.proxy.sent for event in batch.events}

    def _ids(self) -> set[str]:
        return {event["event_id"] for event in self.accepted()}

    def _batches(self) -> list[tuple[int, bool, int, list[str]]]:
        """What the browser sent when, by beacon or not, with which answer."""
        return [
            (
                batch.sent_at,
                batch.beacon,
                batch.status,
                [f"{event['type']} {event['event_id']}" for event in batch.events],
            )
            for batch in self.site.proxy.sent
        ]

    def _counted(self) -> None:
        # A ping may be accepted at any time, so both sides are read together.
        def wanted() -> Counter[str]:
            # What is reported of an intervention is in no session.
            events = [event for event in self.accepted() if event["type"] != "intervention"]
            return Counter(event["session_id"] for event in events)

        def counted_rows() -> Counter[str]:
            return Counter({row["session_id"]: row["event_count"] for row in self.rows()})

        assert wait_until(lambda: counted_rows() == wanted(), SECONDS), (
            f"{counted_rows()} is not {wanted()}; {self._batches()}"
        )
        views = Counter(event["session_id"] for event in self.accepted() if event["type"] == "page_view")
        assert {row["session_id"]: row["page_view_count"] for row in self.rows()} == {
            each: views[each] for each in wanted()
        }


def counted(page: Page) -> None:
    """Wait until the tracker of a page has counted its view."""
    # Asked from here, as a page whose clock stands still does not look again.
    assert wait_until(lambda: page.evaluate("!!window.opEcomTracker && !!opEcomTracker.session()"), SECONDS)
    page.evaluate("opEcomTracker.flush()")


def held(visit: Visit) -> tuple[Page, Route]:
    """A page of the site whose script has not come yet, and the request that brings it."""
    routes: list[Route] = []

    def hold(route: Route) -> None:
        routes.append(route)

    visit.context.route("**/static/tracker*.js", hold)
    page = visit.tab()
    page.goto(visit.site.pages.url, wait_until="domcontentloaded")

    def is_requested() -> bool:
        page.evaluate("1")
        return bool(routes)

    assert wait_until(is_requested, SECONDS)
    return page, routes[0]


def stored(page: Page, begin: str = "") -> list[str]:
    """The names that the tracker keeps in the page's storage."""
    return sorted(page.evaluate(f"Object.keys(localStorage).filter(n => n.startsWith('opecom.{SITE}.{begin}'))"))


def apart(work: Callable[[], Any]) -> Any:
    """Do it in a thread of its own: Playwright's event loop runs in this one."""
    done: list[Any] = []
    thread = threading.Thread(target=lambda: done.append(work()))
    thread.start()
    thread.join(60)
    assert done, "see the failure of the thread above"
    return done[0]


def _event(record: Any) -> Event | None:
    try:
        said = decode(record.key, record.value)
    except UndecodableError:
        return None
    return said if isinstance(said, Event) else None
