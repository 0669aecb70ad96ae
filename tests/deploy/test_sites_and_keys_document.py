"""What docs/sites-and-keys.md shows is run as it stands: the shop's server, the file, the commands."""

import asyncio
import re
import tomllib
import urllib.error
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from deploy.http.serve import serve
from deploy.processes.ports import listen
from deploy.settings.access_file import AccessFile, sites_of
from deploy.settings.model import Settings
from deploy.sites import changes as access_changes
from deploy.wiring import ingest
from ingest.events import Purchase
from ingest.publish import ListPublisher
from tests.support.commands import parse
from tests.support.ingest_app import events

DOCUMENT = (Path(__file__).parents[2] / "docs/sites-and-keys.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", DOCUMENT, re.DOTALL)


def block(language: str) -> str:
    (found,) = blocks(language)
    return found


async def test_the_shops_server_of_the_document_reports_an_order(tmp_path: Path) -> None:
    settings, log, stop = Settings(data_dir=tmp_path), ListPublisher(), asyncio.Event()
    access_changes.add_site(settings, "shop", [], {})
    secret = access_changes.rotate(settings, "shop", "purchase")
    (key,) = sites_of(settings)["shop"].write_keys
    names: dict[str, Any] = {}
    exec(block("python"), names)  # noqa: S102 - the document's own example
    report: Callable[..., str] = names["report_order"]
    placed = int(datetime.now(UTC).timestamp() * 1000) - 60_000
    order = {"id": "A-1001", "amount": 49.9, "currency": "EUR", "placed_at_ms": placed}
    with listen("127.0.0.1", 0) as listener:
        host, port = listener.getsockname()[:2]
        serving = asyncio.create_task(serve(ingest.app(settings, log), host, port, stop, listener=listener))
        url = f"http://{host}:{port}"
        try:
            ids = {await asyncio.to_thread(report, url, key, secret, "s1", order) for _ in range(2)}
            with pytest.raises(urllib.error.HTTPError, match="401"):
                await asyncio.to_thread(report, url, key, access_changes.new_key("purchase"), "s1", order)
        finally:
            stop.set()
            await serving
    told = events(log)
    assert {event.event_id for event in told} == ids
    assert len(ids) == 1
    assert [(event.site, event.session_id, event.occurred_at) for event in told] == [("shop", "s1", placed)] * 2
    assert told[0].purchase == Purchase(49.9, "A-1001", "EUR", verified=True)


def test_the_files_of_the_document_are_read() -> None:
    texts = [each.replace('sha256 = "..."', f'sha256 = "{"0" * 64}"') for each in blocks("toml")]
    whole, currencies = (AccessFile.model_validate(tomllib.loads(text)) for text in texts)
    assert (list(whole.sites), list(whole.keys)) == (["shop"], ["dashboard"])
    assert currencies.sites["shop"].currency == "EUR"


def test_the_commands_of_the_document_exist() -> None:
    lines = [line.partition("#")[0].split() for line in block("sh").splitlines() if line]
    assert len(lines) > 8
    for line in lines:
        parse(line[1:])
