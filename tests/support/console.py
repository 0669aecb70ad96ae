"""The console in Chromium: one running system with sessions in it, pages as a person opens them, and what axe finds."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from deploy.console.build import PAGES, SOURCES
from tests.support import skips
from tests.support.stack import Stack

Theme = Literal["light", "dark"]
#: The widths that the pages are made for.
DESKTOP, PHONE = (1440, 900), (390, 844)
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
        faults: list[str] = []
        context.on("console", lambda line: faults.append(line.text) if "Content Security" in line.text else None)
        context.on("weberror", lambda error: faults.append(str(error.error)))
        try:
            if key is not None:
                # A new key is taken once its file was looked at.
                end = time.monotonic() + 10
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
