"""A history in the running system: imported from a shuffled file, killed on the way, imported again."""

import csv
import json
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from deploy.wiring.relational import relational
from storage.database.tables import page_views, sessions
from tests.support.events import NOON
from tests.support.history import view, write_lines
from tests.support.services import new_database
from tests.support.stack import Stack, new_stack, up
from tests.support.system import services_system

MINUTE, SESSIONS = 60_000, 1_200
DAYS = ("d0", "d1", "d2")
KEY = "import-key-of-the-tests"


@pytest.fixture(
    scope="module",
    params=["embedded", pytest.param("services", marks=[pytest.mark.kafka, pytest.mark.mariadb, pytest.mark.long])],
)
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    settings = {"OPECOM_SITES__PAST__IMPORT_KEYS": json.dumps([KEY]), "OPECOM_INGEST__MAX_BATCH_EVENTS": "50"}
    folder = tmp_path_factory.mktemp("history")
    if request.param == "embedded":
        with up(new_stack(folder, **settings)) as running:
            yield running
        return
    kafka, mariadb = request.getfixturevalue("kafka"), request.getfixturevalue("mariadb")
    with new_database(mariadb.url) as url, services_system(folder, kafka, url, **settings) as system:
        yield system.stack


def history() -> list[dict[str, Any]]:
    """Sessions of four views in one second and a purchase in every fourth, one begun each minute, shuffled."""
    rows: list[dict[str, Any]] = []
    for number in range(SESSIONS):
        at, session = NOON + number * MINUTE, f"s{number}"
        rows += [view(session, at, f"/p/{place}", sequence=place + 1) for place in range(4)]
        if number % 4 == 0:
            purchase = {"amount": 10, "order_id": f"o{number}", "currency": "EUR"}
            rows.append({"type": "purchase", "session_id": session, "occurred_at": at + 1_000, "purchase": purchase})
    random.Random(7).shuffle(rows)
    return rows


#: What depends on a run's name (ids of events, and the partitions of sessions, whose clocks say when these end) and on
#: what stands in the log before.
OWN = {"site", "version", "event_id", "ended_at", "updated_at", "pages_version"}


def rows_of(stack: Stack, site: str, without: set[str] = OWN) -> dict[str, list[tuple[Any, ...]]]:
    """Rows of the site in the relational database."""
    engine, found = relational(stack.settings), {}
    with engine.connect() as connection:
        for table in (sessions, page_views):
            columns = [each for each in table.c if each.name not in without]
            query = select(*columns).where(table.c.site == site)
            found[table.name] = sorted((tuple(row) for row in connection.execute(query)), key=repr)
    engine.dispose()
    return found


def closed(stack: Stack, site: str) -> dict[str, float]:
    """The site's totals, once all its sessions are closed."""
    until = time.monotonic() + 90
    while True:
        answer = httpx.get(
            f"{stack.api.url}/admin/stats", params={"site": site}, headers=stack.admin_headers, timeout=30
        )
        totals: dict[str, float] = answer.json()["totals"]
        if totals["closed"] >= SESSIONS:
            return totals
        assert time.monotonic() < until, totals
        time.sleep(0.3)


def processed(stack: Stack) -> None:
    """Returns when worker and writer have taken what was sent before: a site of one session, sent last, is closed."""
    file = write_lines(stack.folder / "last.jsonl", [view("last", NOON)])
    assert stack.opecom("import", str(file), "--site", "past~last").returncode == 0
    until = time.monotonic() + 60
    while not rows_of(stack, "past~last")["sessions"]:
        assert time.monotonic() < until
        time.sleep(0.2)


def test_a_shuffled_history_is_imported_killed_and_imported_again(stack: Stack, tmp_path: Path) -> None:
    rows = history()
    file = write_lines(tmp_path / "history.jsonl", [*rows, {"type": "nothing"}])

    whole = stack.opecom("import", str(file), "--site", "past~whole")
    assert whole.returncode == 0, whole.stderr
    assert f"{len(rows) + 1:,} rows read: {len(rows):,} events, 0 duplicates, 0 left out, 1 refused" in whole.stdout
    assert f"history.jsonl, {len(rows) + 1}: " in whole.stderr
    totals = closed(stack, "past~whole")
    assert (totals["sessions"], totals["with_revenue"]) == (SESSIONS, SESSIONS / 4)
    before, exactly = rows_of(stack, "past~whole"), rows_of(stack, "past~whole", set())

    killed = stack.begin("import", str(file), "--site", "past~killed", "--rate", "2000")
    states = stack.folder / "data/imports"
    until = time.monotonic() + 60
    while sum(map(_sent, states.glob("past~killed-*/state.json"))) < 500:
        assert time.monotonic() < until, killed.completed(1).stdout
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    assert killed.completed(30).returncode == -signal.SIGKILL
    resumed = stack.opecom("import", str(file), "--site", "past~killed", "--json")
    assert resumed.returncode == 0, resumed.stderr
    assert 0 < json.loads(resumed.stdout)["sent_now"] < len(rows)
    assert closed(stack, "past~killed") == totals
    assert rows_of(stack, "past~killed") == before

    done = stack.opecom("import", str(file), "--site", "past~whole")
    assert (done.returncode, "nothing is sent" in done.stdout) == (0, True), done.stdout
    again = stack.opecom(
        "import", str(file), "--site", "past~whole", "--again", "--rejects", str(tmp_path / "no.jsonl")
    )
    assert again.returncode == 0, again.stderr
    assert f"{len(rows):,} events sent" in again.stdout
    assert (tmp_path / "no.jsonl").read_text().count("\n") == 1
    processed(stack)
    assert rows_of(stack, "past~whole", set()) == exactly


def test_training_rows_have_the_page_statistics_of_the_days_before(stack: Stack, tmp_path: Path) -> None:
    rows = []
    for day in range(3):
        for number in range(30):
            at, session = NOON + day * 24 * 60 * MINUTE + number * MINUTE, f"d{day}-{number}"
            rows += [view(session, at + place * 1_000, f"/p/{place}") for place in range(1 + (number + day) % 2)]
    file = write_lines(tmp_path / "days.jsonl", rows)
    made = stack.opecom("import", str(file), "--site", "past~days")
    assert made.returncode == 0, made.stderr
    until = time.monotonic() + 60
    while len(rows_of(stack, "past~days")["sessions"]) < 90:
        assert time.monotonic() < until
        time.sleep(0.2)
    made = stack.opecom("features", "--site", "past~days", "--out", str(tmp_path / "set.csv"))
    assert made.returncode == 0, made.stderr
    with (tmp_path / "set.csv").open(newline="") as lines:
        found = list(csv.DictReader(lines))
    known = {name: {row["has_page_statistics"] for row in found if row["session_id"].startswith(name)} for name in DAYS}
    assert known == {"d0": {"FALSE"}, "d1": {"TRUE"}, "d2": {"TRUE"}}
    # Half of the first day's visits end on the page that they begin with: the site's mean and the page's own rate.
    of_first = {float(row["BounceRates"]) for row in found if row["session_id"] == "d1-1"}
    assert of_first == {0.5}


def test_older_history_needs_a_run_of_its_own(stack: Stack, tmp_path: Path) -> None:
    first = write_lines(tmp_path / "first.jsonl", [view("a", NOON + MINUTE)])
    older = write_lines(tmp_path / "older.jsonl", [view("b", NOON), view("c", NOON + 100 * MINUTE)])
    assert stack.opecom("import", str(first), "--site", "past").returncode == 0
    refused = stack.opecom("import", str(older), "--site", "past")
    assert (refused.returncode, refused.stderr.count("opecom: ")) == (2, 1)
    assert "1 of 2 events are from before the end of an earlier import of past" in refused.stderr.replace("\n", " ")


def test_a_site_that_is_not_there_is_one_line(stack: Stack, tmp_path: Path) -> None:
    file = write_lines(tmp_path / "h.jsonl", [view("a", NOON)])
    refused = stack.opecom("import", str(file), "--site", "nobody")
    assert refused.returncode == 2
    assert "`opecom sites add nobody` adds one" in refused.stderr


def test_a_run_that_no_batch_may_name_is_one_line(stack: Stack, tmp_path: Path) -> None:
    file = write_lines(tmp_path / "h.jsonl", [view("a", NOON)])
    refused = stack.opecom("import", str(file), "--site", "past~A/B")
    assert (refused.returncode, "past~2025" in refused.stderr) == (2, True)


def _sent(state: Path) -> int:
    return sum(position["events"] for position in json.loads(state.read_bytes())["sent"].values())
