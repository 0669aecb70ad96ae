"""One running system, one site and one browser for all tests in a browser."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from storage.database.engine import engine_of
from tests.support.browser import launched
from tests.support.proxy import pages, proxy
from tests.support.stack import new_stack, up
from tests.support.tracked import KEY, SITE, Tracked

SETTINGS = {
    "WRITE_KEYS": json.dumps([KEY]),
    # The report's tag has no key.
    "KEYLESS_LOOPBACK": "true",
    "INTENT_IN_BROWSER": "true",
    "PATH_RULES": json.dumps([{"prefix": "/about", "type": "Informational"}]),
}


# Not of the session: Playwright's event loop must be gone when the next coroutine is tested.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with launched() as running:
        yield running


@pytest.fixture(scope="package")
def tracked(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tracked]:
    folder = tmp_path_factory.mktemp("tracked")
    settings = {f"OPECOM_SITES__{SITE.upper()}__{name}": value for name, value in SETTINGS.items()}
    with up(new_stack(folder, **settings)) as stack, proxy(stack.ingest) as between, pages() as site:
        engine = engine_of(f"sqlite:///{folder / 'data' / 'opecom.sqlite'}")
        try:
            yield Tracked(stack, engine, between, site, browser)
        finally:
            engine.dispose()
