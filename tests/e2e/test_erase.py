"""`opecom visitors erase` on whole systems of both profiles: nothing comes back, by no way, and nobody else is touched.

The tests of one profile share a system, and run in the order in which they stand here.
"""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from deploy.processes.ports import wait_until
from tests.support.agents import BROWSER
from tests.support.append import append
from tests.support.services import new_database
from tests.support.sinks import clickhouse
from tests.support.stack import up
from tests.support.system import System, embedded_system, services_system
from tests.support.visits import GONE, visits

THEIRS = {f"s{number}" for number in range(0, 14, 2)} | {"open1", "web-gone"}
OTHERS = {f"s{number}" for number in range(1, 14, 2)} | {"open2", "web-other"}
TABLES = ("sessions", "page_views")


@pytest.fixture(
    scope="module",
    params=["embedded", pytest.param("services", marks=[pytest.mark.kafka, pytest.mark.mariadb])],
)
def system(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system that runs, and has folded and stored the visits."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "embedded":
        with embedded_system(folder) as running:
            fill(running)
            yield running
        nothing_of_it_in_chdb(folder)
        forgotten_after_a_restart(running)
        return
    kafka, mariadb = request.getfixturevalue("kafka"), request.getfixturevalue("mariadb")
    with new_database(mariadb.url) as url, services_system(folder, kafka, url) as running:
        fill(running)
        yield running


def fill(system: System) -> None:
    asyncio.run(append(system.settings.kafka, visits()))
    assert wait_until(lambda: len(listed(system)) == len(OTHERS | THEIRS) - 2, 60)
    sent(system, "web-gone", GONE)
    sent(system, "web-other", "v2")
    # The others were long ago, and are closed by ticks.
    assert wait_until(lambda: listed(system, status="open") == {"web-gone", "web-other"}, 60)
    assert listed(system) == OTHERS | THEIRS
    assert wait_until(lambda: len(document(system)["dead_letters"]) == 4, 60)


def admin(system: System, path: str, **asked: str) -> httpx.Response:
    return httpx.get(
        f"{system.stack.api.url}/admin/{path}", params=asked, headers=system.stack.admin_headers, timeout=30
    )


def listed(system: System, **asked: str) -> set[str]:
    answer = admin(system, "sessions", limit="1000", **asked)
    assert answer.status_code == 200, answer.text
    return {each["session_id"] for each in answer.json()["sessions"]}


def document(system: System) -> dict[str, Any]:
    answer = admin(system, f"visitors/{GONE}", site="default")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def rows_of_others(system: System) -> dict[str, Any]:
    return {name: {key: row for key, row in rows.items() if key[1] in OTHERS} for name, rows in system.rows().items()}


def relational(system: System) -> str:
    """All of the relational database, as text."""
    with system.engine.connect() as connection:
        return "\n".join(
            repr(tuple(row))
            for table in (*TABLES, "erasures", "backfills", "backfill_partitions")
            for row in connection.execute(text(f"SELECT * FROM {table}"))  # noqa: S608
        )


def nothing_is_held(system: System) -> None:
    assert admin(system, f"visitors/{GONE}", site="default").status_code == 404
    held = relational(system)
    for secret in (GONE, "'s0'", "'s4'", "'s6'", "open1", "web-gone"):
        assert secret not in held, secret
    assert listed(system) & THEIRS == set()
    for name in ("s2", "s4", "web-gone"):
        answer = httpx.get(
            f"{system.stack.api.url}/sessions/{name}/timeline", headers=system.stack.read_headers, timeout=30
        )
        assert answer.status_code == 404
    if system.client is not None:
        for table in ("events", "scored_sessions", "dead_letters"):
            said = repr(system.client.query(f"SELECT * FROM {table}").result_rows)  # noqa: S608
            assert GONE not in said, table


def nothing_of_it_in_chdb(folder: Path) -> None:
    """What no route shows: the tables themselves, after the system has ended."""
    with clickhouse(folder / "data" / "chdb") as client:
        for table in ("events", "scored_sessions", "dead_letters"):
            said = repr(client.query(f"SELECT * FROM {table}").result_rows)  # noqa: S608
            assert "v3" in said
            assert GONE not in said, table


def sent(system: System, session_id: str, visitor_id: str) -> None:
    """A visit by the door, now."""
    event = {
        "type": "page_view", "session_id": session_id, "visitor_id": visitor_id, "occurred_at": int(time.time() * 1000),
        "page": {"url": "https://shop.example/p/1"},
    }  # fmt: skip
    body = {"sent_at": event["occurred_at"], "site": "default", "events": [event]}
    answer = httpx.post(f"{system.stack.ingest.url}/v1/batch", json=body, headers=BROWSER, timeout=30)
    assert answer.status_code == 202, answer.text
    assert answer.json()["accepted"] == 1


def erased_count(system: System) -> float:
    address = f"http://127.0.0.1:{system.settings.worker.metrics_port}/metrics"
    families = text_string_to_metric_families(httpx.get(address, timeout=30).text)
    return sum(
        sample.value
        for family in families
        for sample in family.samples
        if sample.name == "opecom_worker_records_total" and sample.labels["outcome"] == "erased"
    )


def unchanged(system: System) -> None:
    for source in ("kafka", "clickhouse"):
        account = system.replay("--diff", "--source", source)
        found = {name: (each.changed, each.added, each.gone) for name, each in account.tables.items()}
        assert set(found.values()) == {(0, 0, 0)}, (source, account.tables)
        assert account.changed == account.voided == account.restored == 0


def test_what_is_held_of_a_visitor_is_exported_then_erased_by_commands(system: System, tmp_path: Path) -> None:
    before = rows_of_others(system)
    exported = system.stack.opecom("visitors", "export", GONE, "--site", "default", "--out", str(tmp_path / "gone"))
    assert exported.returncode == 0, exported.stderr
    held = json.loads((tmp_path / "gone").read_bytes())
    assert {each["session_id"] for each in held["sessions"] if each["openings"]} == THEIRS
    done = system.stack.opecom("visitors", "erase", GONE, "--site", "default", "--yes")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "forgotten: 9 sessions, 30 page views, 38 updates, 34 events, 4 dead letters\n"
    nothing_is_held(system)
    assert rows_of_others(system) == before
    assert listed(system) == OTHERS
    again = system.stack.opecom("visitors", "erase", GONE, "--site", "default", "--yes")
    assert again.stdout == "forgotten: 0 sessions, 0 page views, 0 updates, 0 events, 0 dead letters\n"
    missing = system.stack.opecom("visitors", "export", GONE, "--site", "default")
    assert (missing.returncode, missing.stderr.count("\n")) == (1, 1)


def test_a_replay_finds_what_is_there(system: System, tmp_path: Path) -> None:
    unchanged(system)
    nothing_is_held(system)
    made = system.stack.opecom("features", "--out", str(tmp_path / "set.csv"))
    assert made.returncode == 0, made.stderr
    said = (tmp_path / "set.csv").read_text()
    assert ",s3," in said
    assert ",s2," not in said
    assert ",s4," not in said


def test_later_visits_are_taken_and_forgotten_also_after_a_crash(system: System) -> None:
    sent(system, "later-gone", GONE)
    sent(system, "later-other", "v2")
    assert wait_until(lambda: "later-other" in listed(system), 60)
    assert wait_until(lambda: erased_count(system) >= 1, 60)
    parts = ("worker", "store" if system.embedded else "writer")
    for process in [system.stack.process_of(part) for part in parts]:
        process.kill()
    sent(system, "crash-gone", GONE)
    sent(system, "crash-other", "v2")

    def there() -> bool:
        try:
            return "crash-other" in listed(system)
        except httpx.HTTPError:
            return False

    assert wait_until(there, 60)
    assert {"later-gone", "crash-gone"} & listed(system) == set()
    nothing_is_held(system)
    unchanged(system)
    nothing_is_held(system)


def forgotten_after_a_restart(system: System) -> None:
    """The embedded broker forgets everything; its system does not."""
    with up(system.stack):
        sent(system, "restart-gone", GONE)
        sent(system, "restart-other", "v2")
        assert wait_until(lambda: "restart-other" in listed(system), 60)
        assert "restart-gone" not in listed(system)
        assert admin(system, f"visitors/{GONE}", site="default").status_code == 404
