"""The demonstration shop with a system behind it, and what a visitor's browser tells of a visit."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request
from sqlalchemy import Engine

from deploy.processes.ports import wait_until
from deploy.processes.probes import ProbeAddress, is_ready
from storage.database.engine import engine_of
from tests.support.browser import VISITOR, visitor
from tests.support.ports import free_port
from tests.support.stack import Stack, new_stack, up

#: Kept by the page itself: what its policy refused, and how far things moved by themselves.
WATCH = """
window.refused = [];
window.shifted = 0;
document.addEventListener('securitypolicyviolation', (event) => {
  refused.push(event.violatedDirective + ' ' + event.blockedURI);
});
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) shifted += entry.value;
}).observe({ type: 'layout-shift', buffered: true });
"""


@dataclass
class Shop:
    """A running shop. The site counts what browsers report as bought."""

    stack: Stack
    engine: Engine
    browser: Browser

    @property
    def address(self) -> ProbeAddress:
        return ProbeAddress("127.0.0.1", int(self.stack.environment["OPECOM_SHOP__PORT"]))

    @contextmanager
    def visit(
        self, *scripts: str, width: int = 1280, height: int = 900, driven: bool = False, user_agent: str = VISITOR
    ) -> Iterator["Visit"]:
        """A visitor with an empty profile; the page must have run without any fault at the end."""
        with visitor(self.browser, user_agent, driven) as context:
            for script in (WATCH, *scripts):
                context.add_init_script(script)
            one = Visit(self, context, context.new_page())
            one.page.set_viewport_size({"width": width, "height": height})
            one.listen()
            yield one
            one.ran_well()


@dataclass
class Visit:
    """One visitor with one tab. `faults` are lines of the console and failures that nobody caught."""

    shop: Shop
    context: BrowserContext
    page: Page
    faults: list[str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    def listen(self) -> None:
        """Keep what the page says and asks for, from now on."""

        def on_console(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning"):
                self.faults.append(message.text)

        def on_request(request: Request) -> None:
            self.requests.append(request)

        self.page.on("console", on_console)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("request", on_request)

    def open(self, path: str = "/") -> Page:
        self.page.goto(self.shop.address.url + path)
        return self.page

    def ran_well(self) -> None:
        """Nothing failed, nothing was refused, nothing was asked of anybody else."""
        assert self.faults == []
        assert self.page.evaluate("refused") == []
        known = {self.shop.address.port, self.shop.stack.ingest.port}
        assert {urlsplit(request.url).port for request in self.requests} <= known

    def sent(self) -> str:
        """All bodies that left the page."""
        bodies = [request.post_data_buffer for request in self.requests]
        return "\n".join(body.decode() for body in bodies if body)


@contextmanager
def running(browser: Browser, folder: Path, **settings: str) -> Iterator[Shop]:
    """A system of its own with the shop, ready; `settings` are more variables."""
    stack = new_stack(
        folder,
        OPECOM_SHOP__PORT=str(free_port()),
        OPECOM_SITES__DEFAULT__COUNT_UNVERIFIED_PURCHASES="true",
        **settings,
    )
    with up(stack):
        engine = engine_of(f"sqlite:///{folder / 'data' / 'opecom.sqlite'}")
        try:
            shop = Shop(stack, engine, browser)
            if not wait_until(lambda: is_ready(shop.address), 60):
                pytest.fail("the shop is not ready: " + (folder / "up.log").read_text())
            yield shop
        finally:
            engine.dispose()


def until(page: Page, holds: str, seconds: float = 90) -> None:
    """Wait until an expression is true. The page's policy forbids what Playwright's own waiting for one does."""
    end = time.monotonic() + seconds
    while not page.evaluate(holds):
        assert time.monotonic() < end, f"not within {seconds} s: {holds}"
        page.wait_for_timeout(50)


def tab_to(page: Page, name: str, most: int = 80) -> None:
    """Press Tab until what is named so has the focus, and is seen to have it."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate(FOCUSED) == name:
            assert page.evaluate(SEEN), f"{name} has the focus and nobody sees it"
            return
    pytest.fail(f"{most} tabs did not reach {name}")


#: How a person calls what has the focus: its label, else its text.
FOCUSED = """() => {
  const element = document.activeElement;
  const label = element.labels && element.labels[0];
  // A label around its field says its name in a span.
  const said = label && (label.querySelector('span:not(.dot)') || label).textContent;
  return (element.getAttribute('aria-label') || said || element.textContent).trim();
}"""
#: An outline on it, or on what stands in for it (a chip for its radio button).
SEEN = """() => {
  const element = document.activeElement;
  return [element, element.parentElement, element.nextElementSibling].some((each) => {
    const style = each && getComputedStyle(each);
    return style && style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
  });
}"""
