"""The whole system with `log.format = json`: what each part writes is of that form."""

import json
from pathlib import Path

import httpx

from tests.support.agents import BROWSER
from tests.support.stack import new_stack, up

#: Parts of `opecom up`; the shop, the learner and the console are turned off in tests.
PARTS = {"ingest", "worker", "store", "webhooks"}


def test_each_part_of_a_running_system_writes_json(tmp_path: Path) -> None:
    stack = new_stack(tmp_path, OPECOM_LOG__FORMAT="json")
    with up(stack):
        url = f"http://{stack.ingest.host}:{stack.ingest.port}"
        viewed = {"session_id": "s1", "page_url": "/p/1"}
        assert httpx.post(f"{url}/tracker/pageview", json=viewed, headers=BROWSER, timeout=90).status_code == 202
        # A line of the audit trail.
        reads = f"http://{stack.api.host}:{stack.api.port}/admin/stats"
        assert httpx.get(reads, headers=stack.admin_headers, timeout=90).status_code == 200
    files = {file.stem: file.read_text().splitlines() for file in (stack.folder / "data/logs").glob("*.log")}
    assert set(files) >= PARTS
    read = {part: [json.loads(line) for line in files[part]] for part in PARTS}
    assert {line["part"] for part in PARTS for line in read[part]} <= PARTS
    assert all(line["part"] == part for part in PARTS for line in read[part])
    audit = [line for line in read["store"] if line["event"] == "audit"]
    assert [(line["logger"], line["ids"]["action"], line["ids"]["result"]) for line in audit] == [
        ("storage.http.audit", "GET /admin/stats", "200")
    ]
    assert read["worker"], "the worker says what it took over"
