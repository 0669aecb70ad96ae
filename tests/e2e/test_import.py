"""An import in the running system: sent, sent again by a loader that crashed, ended, and made a training set of."""

import csv
import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.events import NOON, event_id
from tests.support.stack import Stack, new_stack, up

MINUTE, SESSIONS = 60_000, 40
KEY = "import-key-of-the-tests"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    settings = {"OPECOM_SITES__PAST__IMPORT_KEYS": json.dumps([KEY]), "OPECOM_SITES__DEFAULT__KEYLESS_LOOPBACK": "true"}
    with up(new_stack(tmp_path_factory.mktemp("import"), **settings)) as running:
        yield running


def history() -> list[dict[str, object]]:
    """Sessions of three views, one begun each minute; every fourth buys."""
    events = []
    for number in range(SESSIONS):
        said = [{"type": "page_view", "page": {"url": f"/p/{view}", "type": "ProductRelated"}} for view in range(3)]
        if number % 4 == 0:
            said.append({"type": "purchase", "purchase": {"amount": 10, "order_id": f"o{number}", "currency": "EUR"}})
        for place, each in enumerate(said):
            at = NOON + number * MINUTE + place * 1_000
            ids = {"event_id": event_id(number * 10 + place + 1), "session_id": f"s{number}"}
            events.append({**each, **ids, "occurred_at": at, "received_at": at})
    return sorted(events, key=lambda each: int(str(each["received_at"])))


def send(stack: Stack, events: list[dict[str, object]]) -> None:
    for start in range(0, len(events), 25):
        body = {"sent_at": NOON, "events": events[start : start + 25]}
        answer = httpx.post(f"{stack.ingest.url}/v1/batch", json=body, headers={"X-OPECOM-Key": KEY}, timeout=30)
        assert (answer.status_code, answer.json()["refused"]) == (202, [])


def totals(stack: Stack) -> dict[str, float]:
    answer = httpx.get(f"{stack.api.url}/admin/stats", params={"site": "past"}, headers=stack.admin_headers, timeout=30)
    found: dict[str, float] = answer.json()["totals"]
    return found


def duplicates(stack: Stack) -> float:
    port = stack.environment["OPECOM_WORKER__METRICS_PORT"]
    text = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=30).text
    lines = [line for line in text.splitlines() if line.startswith('opecom_worker_records_total{outcome="duplicate"}')]
    return float(lines[0].rpartition(" ")[2])


def test_an_import_is_sent_again_ended_and_learned_from(stack: Stack, tmp_path: Path) -> None:
    events = history()
    send(stack, events[:70])
    send(stack, events)
    ended = stack.opecom("sites", "finish", "past")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "2025-01-01 13:19:02 UTC" in ended.stdout
    send(stack, events)
    until = time.monotonic() + 60
    while duplicates(stack) < len(events) + 70 or totals(stack)["closed"] < SESSIONS:
        assert time.monotonic() < until, (duplicates(stack), totals(stack))
        time.sleep(0.2)
    found = totals(stack)
    assert (found["sessions"], found["with_revenue"], found["revenue"]) == (SESSIONS, SESSIONS / 4, SESSIONS / 4 * 10)
    made = stack.opecom("features", "--site", "past", "--out", str(tmp_path / "set.csv"))
    assert made.returncode == 0, made.stderr
    assert f"{len(events)} rows of {SESSIONS} closed sessions" in made.stdout
    assert "dry run" not in made.stdout
    with (tmp_path / "set.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert {row["session_id"] for row in rows} == {f"s{number}" for number in range(SESSIONS)}
    assert sum(float(row["Amount"]) for row in rows if row["event_type"] == "purchase") == SESSIONS / 4 * 10


def test_a_site_without_an_import_and_failed_letters_that_are_none(stack: Stack) -> None:
    refused = stack.opecom("sites", "finish", "default")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "no event of an import of default" in refused.stderr
    again = stack.opecom("topics", "retry-failed")
    assert (again.returncode, again.stdout) == (0, "0 events published again at the end of the log\n"), again.stderr
