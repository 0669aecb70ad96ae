"""One running system, one site and one browser for all tests in a browser."""

import json
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from storage.database.engine import engine_of
from tests.support.browser import launched
from tests.support.proxy import pages, proxy
from tests.support.stack import Stack, new_stack, up
from tests.support.tracked import KEY, SITE, Tracked

SETTINGS = {
    "WRITE_KEYS": json.dumps([KEY]),
    # The report's tag has no key.
    "KEYLESS_LOOPBACK": "true",
    "INTENT_IN_BROWSER": "true",
    "PATH_RULES": json.dumps([{"prefix": "/about", "type": "Informational"}]),
}


def stack_for(folder: Path, origins: Iterable[str]) -> AbstractContextManager[Stack]:
    """A stack for a site whose pages are of these origins."""
    given = {**SETTINGS, "ORIGINS": json.dumps(list(origins))}
    return up(new_stack(folder, **{f"OPECOM_SITES__{SITE.upper()}__{name}": value for name, value in given.items()}))


# Not of the session: Playwright's event loop must be gone when the next coroutine is tested.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with launched() as running:
        yield running


@pytest.fixture(scope="package")
def tracked(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tracked]:
    folder = tmp_path_factory.mktemp("tracked")
    with pages() as site, stack_for(folder, site.origins) as stack, proxy(stack.ingest) as between:
        engine = engine_of(f"sqlite:///{folder / 'data' / 'opecom.sqlite'}")
        try:
            yield Tracked(stack, engine, between, site, browser)
        finally:
            engine.dispose()
