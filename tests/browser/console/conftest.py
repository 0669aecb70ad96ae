"""One running system with a console, and sessions of the UCI simulation and the generated shop, for all its tests."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.support.console import Console, require_built
from tests.support.ports import free_port
from tests.support.stack import new_stack, up

#: Sessions of the site `uci`.
SESSIONS = 200


@pytest.fixture(scope="package")
def console(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    require_built()
    folder = tmp_path_factory.mktemp("console")
    with up(new_stack(folder, OPECOM_CONSOLE__PORT=str(free_port()))) as stack:
        sent = stack.opecom("simulate", "uci", "--sessions", str(SESSIONS), "--verify")
        assert sent.returncode == 0, sent.stdout + sent.stderr
        # With carts, which the UCI data does not know.
        sent = stack.opecom("simulate", "shop", "--sessions", str(SESSIONS), "--conversion", "0.1")
        assert sent.returncode == 0, sent.stdout + sent.stderr
        yield Console(stack, browser, stack.admin_headers["X-OPECOM-Key"])
