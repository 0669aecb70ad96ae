"""The document that the console's client is made from is that of the query API as it is."""

import json

from deploy.console.build import SOURCES
from deploy.settings.model import Settings
from deploy.wiring.query_document import query_document


def test_the_console_has_the_newest_document() -> None:
    kept = json.loads((SOURCES / "openapi.json").read_text(encoding="utf-8"))
    assert kept == json.loads(json.dumps(query_document(Settings()))), "run: make console-client"


def test_the_lock_names_no_host() -> None:
    """npm writes where a package asks for money; `npm ci` needs none of it."""
    assert "://" not in (SOURCES / "package-lock.json").read_text(encoding="utf-8")
