"""The console in Chromium: one running system with sessions in it, pages as a person opens them, and what axe finds."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from deploy.console.build import PAGES, SOURCES
from tests.support import skips
from tests.support.agents import BROWSER
from tests.support.browser import PATIENCE
from tests.support.stack import Stack

Theme = Literal["light", "dark"]
#: The widths that the pages are made for, from the smallest to the largest.
PHONE, DESKTOP, WALL = (360, 780), (1440, 900), (2560, 1440)
AXE = SOURCES / "node_modules" / "axe-core" / "axe.min.js"
MISSING = "the console is not built: make console"


@dataclass(frozen=True)
class Console:
    """A running system whose console is at `url`; `key` is of scope admin and of all sites."""

    stack: Stack
    browser: Browser
    key: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.stack.environment['OPECOM_CONSOLE__PORT']}"

    @contextmanager
    def visit(
        self, key: str | None = None, theme: Theme = "light", size: tuple[int, int] = DESKTOP
    ) -> Iterator[BrowserContext]:
        """A browser profile of its own, signed in with `key`; None: not at all. Leaving it fails where a page broke its
        content security policy or threw."""
        context = self.browser.new_context(
            base_url=self.url,
            color_scheme=theme,
            viewport={"width": size[0], "height": size[1]},
            locale="en-GB",
            reduced_motion="reduce",
        )
        context.set_default_timeout(PATIENCE)
        faults: list[str] = []
        context.on("console", lambda line: faults.append(line.text) if "Content Security" in line.text else None)
        context.on("weberror", lambda error: faults.append(str(error.error)))
        try:
            if key is not None:
                # A new key is taken once its file was looked at.
                end = time.monotonic() + PATIENCE / 1000
                while not (answer := context.request.post("/sign-in", data={"key": key})).ok:
                    assert time.monotonic() < end, answer.text()
                    time.sleep(0.2)
            yield context
        finally:
            context.close()
        assert faults == []

    def get(self, path: str, **params: Any) -> Any:
        """What the query API itself answers."""
        query = {name: value for name, value in params.items() if value is not None}
        with self.browser.new_context() as context:
            answer = context.request.get(
                f"{self.stack.api.url}{path}", params=query, headers={"X-OPECOM-Key": self.key}
            )
            assert answer.ok, answer.text()
            return answer.json()


def send(console: Console, session: str, visitor: str, *events: dict[str, Any]) -> None:
    """Events of a visitor through the ingest API: `kind` is the last part of the path, the rest the body."""
    for number, event in enumerate(events):
        kind = event.pop("kind", "pageview")
        body = {"session_id": session, "visitor_id": visitor, "event_id": str(uuid.uuid4()), **event}
        answer = httpx.post(f"{console.stack.ingest.url}/tracker/{kind}", json=body, headers=BROWSER, timeout=90)
        assert answer.status_code == 202, (number, answer.text)


def page_view(path: str) -> dict[str, Any]:
    """The body of a page view."""
    return {"page_url": path, "page_type": "ProductRelated"}


def serious(page: Page) -> list[str]:
    """What axe finds that is serious or critical: rule and place."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{each['id']}: {node['target']} {node.get('failureSummary', '')}"
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


def require_built() -> None:
    """Skips without the built pages."""
    if not (PAGES / "index.html").is_file():
        if skips.strict():
            pytest.fail(f"required in CI: {MISSING}")
        pytest.skip(MISSING)
