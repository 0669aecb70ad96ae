"""Chromium for tests, driven by Playwright: found on this machine, and made to look like a visitor's browser."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, BrowserContext, BrowserType, expect, sync_playwright

from deploy.bench.chromium import PROGRAMS, WHOLE
from tests.support import skips

VISITOR = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
#: A browser that is driven says so, and the tracker then keeps still.
UNDRIVEN = "Object.defineProperty(Navigator.prototype, 'webdriver', { get: () => false });"
#: Hosts of several names, all on this machine.
RESOLVE = "--host-resolver-rules=MAP *.example 127.0.0.1, MAP example 127.0.0.1"
#: Milliseconds for which an action or an expectation waits: beside a full run, a page takes more than Playwright's
#: five seconds to show what it asked for.
PATIENCE = 90_000
MISSING = "no Chromium: make test installs it where it may; OPECOM_TEST_CHROMIUM names another one"


def chromium(programs: Sequence[str] = PROGRAMS) -> str | None:
    """The path of Chromium; None where there is none."""
    named = os.environ.get("OPECOM_TEST_CHROMIUM")
    return named or next((found for name in programs if (found := shutil.which(name))), None)


@contextmanager
def launched() -> Iterator[Browser]:
    """A headless Chromium; skips without one.

    Playwright keeps an event loop running in this thread: leave before tests that are coroutines.
    """
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright, _launched(playwright.chromium, PROGRAMS) as browser:
        yield browser


@contextmanager
def launched_whole(other: Browser) -> Iterator[Browser]:
    """A Chromium beside `other` that is not the headless shell, which has no back/forward cache; skips without one."""
    with _launched(other.browser_type, WHOLE) as browser:
        yield browser


@contextmanager
def _launched(browser_type: BrowserType, programs: Sequence[str]) -> Iterator[Browser]:
    path = chromium(programs)
    if path is None:
        if skips.strict():
            pytest.fail(f"required in CI: {MISSING}")
        pytest.skip(MISSING)
    browser = browser_type.launch(
        executable_path=path,
        args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", RESOLVE],
        # Playwright would switch the back/forward cache off.
        ignore_default_args=["--disable-back-forward-cache"],
    )
    try:
        yield browser
    finally:
        browser.close()


@contextmanager
def visitor(browser: Browser, user_agent: str = VISITOR, driven: bool = False) -> Iterator[BrowserContext]:
    """A browser profile of its own, with nothing stored, that the tracker takes for a person's."""
    context = browser.new_context(user_agent=user_agent)
    context.set_default_timeout(PATIENCE)
    if not driven:
        context.add_init_script(UNDRIVEN)
    try:
        yield context
    finally:
        context.close()
