"""Clients made from the OpenAPI documents, in Python and in TypeScript, use the running APIs."""

import importlib
import json
import re
import shutil
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.support.apis import CLIENTS, RunningApis, client_generator, node_modules, run, running


async def test_python_clients_send_and_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        async with running(tmp_path / "data") as apis:
            documents = await apis.documents(tmp_path)
            await _send(await _python_client(documents["ingest"]), apis)
            await _read(await _python_client(documents["query"]), apis)
    finally:
        for name in [name for name in sys.modules if re.match(r"(ingest|query)_client(\.|$)", name)]:
            del sys.modules[name]


async def test_typescript_clients_send_and_read(tmp_path: Path) -> None:
    modules = node_modules()
    async with running(tmp_path / "data") as apis:
        folder = tmp_path / "client"
        folder.mkdir()
        documents = await apis.documents(folder)
        for name in ("package.json", "redocly.yaml", "tsconfig.json", "use.ts"):
            shutil.copyfile(CLIENTS / name, folder / name)
        (folder / "node_modules").symlink_to(modules)
        _write_examples(json.loads(documents["topics"].read_text()), folder)
        generate = ("node", modules / "openapi-typescript/bin/cli.js", "--default-non-nullable", "false")
        await run(*generate, folder=folder)
        await run("node", modules / "typescript/bin/tsc", "--project", "tsconfig.json", folder=folder)
        used = await run(
            "node", "built/use.js", folder=folder, INGEST_URL=apis.ingest, QUERY_URL=apis.query, ADMIN_KEY=apis.key
        )
        assert used.strip() == "used"
        assert [key for key, _ in apis.log.records] == [b"default/ts-1"]


async def test_redocly_finds_nothing_in_the_documents(tmp_path: Path) -> None:
    modules = node_modules()
    async with running(tmp_path / "data") as apis:
        documents = await apis.documents(tmp_path)
    shutil.copyfile(CLIENTS / "redocly.yaml", tmp_path / "redocly.yaml")
    command = ("node", modules / "@redocly/cli/bin/cli.js", "lint", "--max-problems", "20")
    said = await run(*command, *documents.values(), folder=tmp_path)
    assert "are valid" in said
    assert "warning" not in said.replace("Deprecation warning", ""), said


async def test_operation_ids_read_well_and_are_used_once(tmp_path: Path) -> None:
    async with running(tmp_path / "data") as apis:
        documents = await apis.documents(tmp_path)
    for name in ("ingest", "query"):
        paths = json.loads(documents[name].read_text())["paths"].values()
        ids = [operation["operationId"] for path in paths for operation in path.values()]
        assert len(ids) == len(set(ids))
        assert [each for each in ids if not re.fullmatch(r"[a-z]+([A-Z][a-z]+)+", each)] == []
    assert {"getSessionIntent", "getLiveSessions", "listReplays", "predictBatch"} <= set(ids)


def test_the_lock_names_no_host() -> None:
    assert "://" not in (CLIENTS / "package-lock.json").read_text()


async def _python_client(document: Path) -> ModuleType:
    """The package that openapi-python-client makes of a document, imported."""
    package = document.with_name(f"{document.stem}_client")
    settings = document.with_name("generator.yaml")
    settings.write_text("post_hooks: []\n")
    command = (client_generator(), "-m", "openapi_python_client", "generate", "--meta", "none", "--config", settings)
    said = await run(*command, "--path", document, "--output-path", package, folder=document.parent)
    # What it cannot make a function or an answer of, it names and leaves out: a body as CSV, beside that as JSON.
    left_out = re.findall(r"WARNING.*\n+(.*)", said)
    assert left_out == (["Unsupported content type text/csv"] if document.stem == "query" else [])
    return importlib.import_module(package.name)


def _part(package: ModuleType, name: str) -> Any:
    return importlib.import_module(f"{package.__name__}.{name}")


async def _send(package: ModuleType, apis: RunningApis) -> None:
    models = _part(package, "models")
    async with package.Client(base_url=apis.ingest) as client:
        now = int(time.time() * 1000)
        page = models.SentPage(url="/products/teapot")
        view = models.SentEvent(
            type_=models.SentEventType.PAGE_VIEW, session_id="py-1", occurred_at=now, visitor_id="v1", page=page
        )
        sent = await _part(package, "api.events.send_batch").asyncio(
            client=client, body=models.Batch(events=[view], sent_at=now)
        )
        assert isinstance(sent, models.BatchAnswer)
        assert sent.accepted == 1
        wrong = models.PageView(session_id="py 1", page_url="/")
        refused = await _part(package, "api.events.log_page_view").asyncio_detailed(client=client, body=wrong)
        assert refused.status_code == 422
        assert isinstance(refused.parsed, models.IngestErrorAnswer)
        assert refused.parsed.error == "invalid"
        # Those of the probes and of the streams, which are no endpoints of events.
        stream = await _part(package, "api.intent.stream_intent").asyncio(client=client, token="none")
        assert isinstance(stream, models.IngestErrorAnswer)
        assert stream.error == "wrong_token"
    async with package.Client(base_url=apis.ingest, headers={"X-OPECOM-Key": apis.key}) as client:
        listed = await _part(package, "api.admin.list_sessions").asyncio(client=client, site="default")
        assert [session.session_id for session in listed.sessions] == ["s1"]
    assert [key for key, _ in apis.log.records] == [b"default/py-1"]


async def _read(package: ModuleType, apis: RunningApis) -> None:
    models = _part(package, "models")
    async with package.Client(base_url=apis.query) as client:
        get_session_intent = _part(package, "api.sessions.get_session_intent")
        intent = await get_session_intent.asyncio("s1", client=client)
        assert isinstance(intent, models.Intent)
        assert (intent.band, intent.reasons[0].value) == ("building", 4.5)
        missing = await get_session_intent.asyncio("none", client=client)
        assert isinstance(missing, models.ErrorAnswer)
        assert missing.error == "not_found"
        listed = await _part(package, "api.prediction.list_models").asyncio(client=client)
        low, high = listed.models[0].bands
        assert 0 < low < high < 1
        metrics = await _part(package, "api.probes.get_metrics").asyncio(client=client)
        assert "opecom_api_requests_total" in metrics


def _write_examples(topics: dict[str, Any], folder: Path) -> None:
    """The schemas of the topics as a document of which types are made, and each example as a constant of its type."""
    document = {
        "openapi": "3.1.0",
        "info": {"title": "topics", "version": "1", "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
        "servers": [{"url": "/"}],
        "paths": {},
        "components": {"schemas": topics["components"]["schemas"]},
    }
    (folder / "schemas.json").write_text(json.dumps(document))
    lines = ['import type { components } from "./schemas.js";']
    for name, message in topics["components"]["messages"].items():
        struct = message["payload"]["$ref"].rpartition("/")[2]
        payload = json.dumps(message["examples"][0]["payload"])
        lines.append(f'export const example{name}: Partial<components["schemas"]["{struct}"]> = {payload};')
    (folder / "examples.ts").write_text("\n".join(lines))
