"""`opecom replay` on whole systems of both profiles, while they run: what it finds, moves, brings back, and survives.

The tests of one profile share a system and its log, and run in the order in which they stand here: the first one finds
the databases as live workers filled them.
"""

import asyncio
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import uuid_utils
from aiokafka.structs import ConsumerRecord
from sqlalchemy import make_url, text

from deploy.chaos.recomputed import (
    SCORES,
    alike,
    changed_columns,
    differences,
    newest_scores,
)
from deploy.chaos.topic_reader import read_topic
from deploy.processes.ports import wait_until
from deploy.settings.model import KafkaSettings
from storage.replay.account import Account
from stream.scored import decode
from tests.support import traffic
from tests.support.agents import BROWSER
from tests.support.services import new_database
from tests.support.system import (
    Polling,
    Progress,
    System,
    account_of,
    embedded_system,
    services_system,
    unchanged,
    wait_for_share,
)

SESSIONS = 160
#: Sessions of the log of the long forms: some 60,000 events.
MANY_SESSIONS = 1_500
LONG = pytest.mark.long


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(("embedded", SESSIONS), id="embedded"),
        pytest.param(("services", SESSIONS), id="services", marks=[pytest.mark.kafka, pytest.mark.mariadb]),
    ],
)
def system(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system that runs, with a log that tells of everything."""
    yield from _system(request, tmp_path_factory)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(("embedded", MANY_SESSIONS), id="embedded"),
        pytest.param(("services", MANY_SESSIONS), id="services", marks=[pytest.mark.kafka, pytest.mark.mariadb]),
    ],
)
def large_system(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    yield from _system(request, tmp_path_factory)


def _system(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    profile, sessions = request.param
    folder = tmp_path_factory.mktemp(profile)
    if profile == "embedded":
        with embedded_system(folder) as running:
            traffic.tell(running.stack, running.settings, sessions)
            yield running
        return
    kafka, mariadb = request.getfixturevalue("kafka"), request.getfixturevalue("mariadb")
    with new_database(mariadb.url) as url, services_system(folder, kafka, url) as running:
        traffic.tell(running.stack, running.settings, sessions)
        yield running


def planted(system: System, statement: str) -> None:
    with system.engine.begin() as connection:
        assert connection.execute(text(statement)).rowcount == 1


def a_session_of(system: System, profile_site: str = "uci~%") -> str:
    """The condition that picks one closed session."""
    with system.engine.connect() as connection:
        found = connection.execute(
            text("SELECT site, session_id, opened_at FROM sessions WHERE site LIKE :site AND status = 'closed'"),
            {"site": profile_site},
        ).first()
    assert found is not None
    return f"site = '{found[0]}' AND session_id = '{found[1]}' AND opened_at = {found[2]}"


def test_live_with_promotions_and_refreshes_is_what_a_replay_finds(system: System) -> None:
    whole = system.recompute()
    closed = whole.closed()
    counts = {name: len(rows) for name, rows in closed.items()}
    accounts = [system.replay("--diff", "--source", source) for source in ("kafka", "clickhouse")]
    for account in accounts:
        assert unchanged(account) == counts
        assert account.records == whole.events
    assert not differences(whole.tables, system.rows())
    used = {(row["model_version"], row["pages_version"]) for row in closed["scored_sessions"].values()}
    assert len({model for model, _ in used}) == 3
    # Those of the simulation, and the three.
    assert len({pages for _, pages in used}) >= 3
    assert {row["site"].partition("~")[0] for row in closed["sessions"].values()} == {"default", "uci", "clicks"}

    planted(system, f"UPDATE sessions SET page_values = page_values + 0.00002 WHERE {a_session_of(system)}")  # noqa: S608
    account = system.replay("--diff")
    found = {name: (each.changed, each.added, each.gone) for name, each in account.tables.items()}
    assert found == {"sessions": (1, 0, 0), "page_views": (0, 0, 0), "scored_sessions": (0, 0, 0)}
    assert account.tables["sessions"].columns == {"page_values": 1}
    assert not differences(whole.tables, system.rows())


class Visitor:
    """One live session that goes on for as long as it is told to, and what the API says of it."""

    def __init__(self, system: System, name: str) -> None:
        self._system = system
        self.name = name
        self.sent = 0
        self.slowest = 0.0
        #: When the API first told of so many events, in ms.
        self.seen: dict[int, int] = {}

    def view(self, http: httpx.Client) -> None:
        """One more page view, and how long the API takes to answer for the session meanwhile."""
        event = {
            "event_id": str(uuid_utils.uuid7()),
            "type": "page_view",
            "session_id": self.name,
            "visitor_id": self.name,
            "page": {"url": f"https://shop.example/p/{self.sent % 12}", "type": "ProductRelated"},
        }
        body = {"site": "default", "sent_at": int(time.time() * 1000), "events": [event]}
        answer = http.post(f"{self._system.stack.ingest.url}/v1/batch", json=body, headers=BROWSER)
        assert answer.status_code == 202, answer.text
        self.sent += 1
        self.look(http)

    def look(self, http: httpx.Client) -> None:
        began = time.monotonic()
        intent = self._system.intent(self.name, http)
        self.slowest = max(self.slowest, time.monotonic() - began)
        if intent is not None:
            self.seen.setdefault(intent["counts"]["events"], int(time.time() * 1000))

    def all_seen(self, http: httpx.Client) -> bool:
        self.look(http)
        return self.sent in self.seen


def test_another_model_moves_scores_only_while_live_sessions_go_on(
    system: System, capsys: pytest.CaptureFixture[str]
) -> None:
    before = system.rows()
    visitor = Visitor(system, f"visitor-{uuid_utils.uuid7()}")
    livez = Polling(lambda http: http.get(f"{system.stack.api.url}/livez").raise_for_status())
    process = system.stack.process_of("store" if system.embedded else "api")
    memory = [process.memory_info().rss]
    with httpx.Client(timeout=30) as http, livez:
        visitor.view(http)
        assert wait_until(lambda: visitor.all_seen(http), 60)
        running = system.stack.begin("replay", "--model", "other", "--json")
        while running.poll() is None:
            visitor.view(http)
            memory.append(process.memory_info().rss)
            time.sleep(0.1)
        account = account_of(running.communicate()[0])
        visitor.view(http)
        assert wait_until(lambda: visitor.all_seen(http), 60), f"{visitor.sent} sent, seen {max(visitor.seen)}"
    assert livez.failure is None
    entry = system.last_replay()
    assert entry is not None
    during = [events for events, at in visitor.seen.items() if entry.started_at < at < entry.moved_at]
    assert len(during) > 1, "no update of the live session was stored during the replay"
    took = (entry.moved_at - entry.started_at) / 1000
    with capsys.disabled():
        print(
            f"\n{account.events} events replayed in {took:.1f} s; "
            f"{len(during)} updates of a live session seen meanwhile; slowest /livez of {livez.answers} "
            f"{livez.slowest:.2f} s, slowest intent of {visitor.sent} {visitor.slowest:.2f} s; "
            f"{'store' if system.embedded else 'api'} {memory[0] >> 20} MB before, {max(memory) >> 20} MB at most"
        )
    # A request that waited for the replay would take all of it; a busy machine has half of that.
    assert max(livez.slowest, visitor.slowest) < max(1.0, took / 2)

    whole, after = system.recompute("other"), system.rows()
    assert not differences(whole.tables, after)
    known = {name: {key: row for key, row in rows.items() if key in before[name]} for name, rows in after.items()}
    moved = changed_columns(before, known)
    assert all(columns <= SCORES for columns in moved.values()), moved
    assert "probability" in moved["sessions"]
    assert account.changed == sum(row["status"] == "closed" for row in before["sessions"].values())
    if not system.embedded:
        relational = {key: row["probability"] for key, row in after["sessions"].items()}
        newest = newest_scores(after)
        assert relational.keys() == newest.keys()
        assert all(abs(relational[key] - newest[key]) < 1e-6 for key in newest)
    unchanged(system.replay("--dry-run", "--diff", "--model", "other"))
    assert not differences(after, system.rows())


class Kills:
    """Replays by another model, killed -9 again and again while they tell.

    On the services profile it is the command that replays; in the embedded one the store, which `opecom up` starts
    again.
    """

    def __init__(self, system: System, seconds: float) -> None:
        self._system = system
        #: How long telling takes when nobody disturbs it.
        self._seconds = seconds
        self.places: list[float] = []

    def kill_at(self, share: float) -> bool:
        """Begin, or go on, and kill at about that share of the way; False where it was too quick and is done."""
        progress, system = Progress(self._system), self._system
        running = system.stack.begin("replay", "--model", "other", "--diff", "--json")
        here = progress.share()
        assert wait_until(lambda: running.poll() is not None or progress.moved(), 60)
        time.sleep(max(0.0, share - here) * self._seconds)
        # Where it is not killed as well, the command asks the next store to go on.
        running.kill()
        running.communicate(timeout=60)
        if system.embedded:
            system.stack.process_of("store").kill()
            assert wait_until(lambda: _answers(system, "/readyz"), 60)
        if progress.done():
            return False
        self.places.append(progress.share())
        return True


def _answers(system: System, path: str) -> bool:
    try:
        return httpx.get(f"{system.stack.api.url}{path}", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def survive_kills(system: System, times: int) -> str:
    """Replays killed at random, then the end: rows and account as of a replay that nobody disturbed."""
    system.replay("--diff")
    entry = system.last_replay()
    assert entry is not None
    kills, chance = Kills(system, (entry.moved_at - entry.started_at) / 1000), random.Random(11)
    for _ in range(3 * times):
        # Each of them goes on with the last one; where one came to its end, all begins again.
        for share in sorted(chance.uniform(0.05, 0.95) for _ in range(times - len(kills.places))):
            if not kills.kill_at(share):
                system.replay()
                break
        if len(kills.places) >= times:
            break
    assert len(kills.places) == times
    account = system.replay("--model", "other", "--diff")
    check_moved(system, account)
    if system.embedded:
        # Only the store sees the timeline there.
        unchanged(system.replay("--dry-run", "--diff", "--model", "other"))
    places = ", ".join(f"{place:.0%}" for place in kills.places)
    return f"{account.events} events, {system.stack.environment.get('OPECOM_PROFILE', 'embedded')}, killed at {places}"


def check_moved(system: System, account: Account) -> None:
    """Rows and account must be those of one whole replay by the model `other` over what live workers had told."""
    live, moved = system.recompute(), system.recompute("other")
    assert not differences(moved.tables, system.rows())
    before, after = live.closed(), moved.closed()
    for name, rows in after.items():
        changed = [key for key, row in rows.items() if not alike(row, before[name][key])]
        found = account.tables[name]
        assert (found.compared, found.changed, found.added, found.gone) == (len(rows), len(changed), 0, 0), name
    assert account.records == live.events
    assert account.sessions == len(after["sessions"]) == sum(account.movement.apart.values())
    assert account.updates == len(after["scored_sessions"])


def test_a_replay_killed_and_given_again_ends_alike(system: System, capsys: pytest.CaptureFixture[str]) -> None:
    said = survive_kills(system, 2)
    with capsys.disabled():
        print(f"\n{said}")


@LONG
def test_a_large_replay_killed_ten_times_ends_alike(large_system: System, capsys: pytest.CaptureFixture[str]) -> None:
    said = survive_kills(large_system, 10)
    with capsys.disabled():
        print(f"\n{said}")


def lose(system: System) -> None:
    """Lose what can be lost under a running system.

    In the embedded profile the store holds SQLite's file and chDB's folder: they cannot go away under it, and when it
    stops the log is gone with its broker. So there it is the rows of the relational tables.
    """
    if system.client is None:
        with system.engine.begin() as connection:
            connection.execute(text("DELETE FROM page_views"))
            connection.execute(text("DELETE FROM sessions"))
        return
    name = make_url(system.settings.storage.url.get_secret_value()).database
    with system.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"DROP DATABASE {name}"))
        connection.execute(text(f"CREATE DATABASE {name} CHARACTER SET utf8mb4"))
    system.engine.dispose()
    names = [name for (name,) in system.client.query("SHOW TABLES").result_rows]
    # What reads a table goes before it.
    for name in sorted(names, key=lambda name: not name.endswith("_view")):
        system.client.command(f"DROP TABLE {name}")
    done = system.stack.opecom("migrate")
    assert done.returncode == 0, done.stdout + done.stderr


def test_lost_databases_come_back_row_for_row(system: System) -> None:
    logged = everything_logged(system)
    lose(system)
    assert not system.rows()["sessions"]
    assert system.replay("--new").restored
    assert not differences(system.recompute().tables, system.rows())
    assert everything_logged(system) == logged


def everything_logged(system: System) -> list[Any]:
    """The log and the dead letters as ClickHouse has them."""
    if system.client is None:
        return []
    events = "SELECT partition, offset, kind, appended_at, hex(raw) FROM events FINAL ORDER BY partition, offset"
    letters = "SELECT partition, offset, reason, hex(raw) FROM dead_letters FINAL ORDER BY partition, offset"
    return [system.client.query(query).result_rows for query in (events, letters)]


@LONG
def test_into_a_file_and_a_topic(large_system: System, tmp_path: Path) -> None:
    before, whole = large_system.rows(), large_system.recompute().closed()["scored_sessions"]
    file, name = tmp_path / "scores.jsonl", f"again-{uuid_utils.uuid7().hex[:8]}"
    large_system.replay("--into", str(file))
    assert [each.name for each in tmp_path.iterdir()] == [file.name]
    account = large_system.replay("--into", f"topic:{name}")
    in_file = [decode(line) for line in file.read_bytes().splitlines()]
    on_topic = [decode(record.value) for record in _topic(large_system.settings.kafka, name)]
    for told in (in_file, on_topic):
        assert len(told) == account.updates == len(whole)
        keys = {
            (each.site, each.session_id, each.opened_at, each.event.offset, each.event.id is None): each.probability
            for each in told
        }
        assert keys.keys() == whole.keys()
        assert all(abs(keys[key] - row["probability"]) < 1e-6 for key, row in whole.items())
    assert not differences(before, large_system.rows())


def _topic(kafka: KafkaSettings, name: str) -> list[ConsumerRecord]:
    return asyncio.run(read_topic(kafka, name))


@LONG
def test_two_processes_report_the_same_and_end_with_their_command(large_system: System) -> None:
    if large_system.embedded:
        done = large_system.stack.opecom("replay", "--jobs", "2", "--dry-run")
        assert "one process replays" in done.stdout
        return
    large_system.replay()
    progress = Progress(large_system)
    command = ("replay", "--model", "other", "--diff", "--jobs", "2", "--json")
    running = large_system.stack.begin(*command)
    assert wait_for_share(progress, 0.1, running)
    shares = psutil.Process(running.pid).children(recursive=True)
    running.kill()
    running.communicate()
    assert len(shares) >= 2
    _, alive = psutil.wait_procs(shares, 5)
    assert not alive
    check_moved(large_system, large_system.replay(*command[1:-1]))


def test_a_job_over_http_is_watched_stopped_and_goes_on(system: System) -> None:
    replays, headers = f"{system.stack.api.url}/replays", system.stack.admin_headers
    order = {"request": {"model": "other"}}
    with httpx.Client(headers=headers, timeout=30) as http:
        if not system.embedded:
            for wrong in ({}, system.stack.read_headers, {"X-OPECOM-Key": "none-that-is-known"}):
                answer = httpx.post(replays, json=order, headers=wrong, timeout=90)
                assert (answer.status_code, answer.json()["error"]) in (
                    (401, "no_key"),
                    (401, "wrong_key"),
                    (403, "wrong_scope"),
                )
                assert httpx.get(replays, headers=wrong, timeout=90).status_code == answer.status_code
        begun = http.post(replays, json=order)
        assert begun.status_code == 202, begun.text
        job = begun.json()["id"]
        busy = http.post(replays, json=order)
        assert (busy.status_code, busy.json()["error"]) == (409, "busy")
        assert wait_until(lambda: http.get(f"{replays}/{job}").json()["number"] > 0, 60)
        assert http.delete(f"{replays}/{job}").status_code == 200
        state = http.get(f"{replays}/{job}").json()
        assert state["state"] == "stopped"
        assert "goes on where it stopped" in state["failure"]
        listed = system.stack.opecom("replay", "--list")
        assert ("stopped" if system.embedded else "running") in listed.stdout
        other = system.stack.opecom("replay", "--site", "uci")
        assert other.returncode == 1
        assert "give its own command again" in other.stderr
        with system.journal.held():
            other = system.stack.opecom("replay", "--model", "other")
        assert other.returncode == 1
        assert "another replay of this log runs" in other.stderr
        job = http.post(replays, json=order).json()["id"]
        assert wait_until(lambda: http.get(f"{replays}/{job}").json()["state"] != "running", 60)
        state = http.get(f"{replays}/{job}").json()
        assert state["state"] == "done", state
        assert any("going on with replay" in each for each in state["remarks"])
        assert sum(state["account"]["records"].values()) == state["records"] == state["done"]
        assert http.get(f"{replays}/999").status_code == 404
    assert not differences(system.recompute("other").tables, system.rows())


@LONG
def test_a_store_that_is_stopped_during_a_job_ends_and_the_job_goes_on(
    large_system: System, capsys: pytest.CaptureFixture[str]
) -> None:
    if not large_system.embedded:
        # There is no store, and what runs is a command of its own.
        return
    progress = Progress(large_system)
    running = large_system.stack.begin("replay", "--model", "other")
    assert wait_for_share(progress, 0.1, running)
    store, began = large_system.stack.process_of("store"), time.monotonic()
    store.send_signal(signal.SIGTERM)
    store.wait(30)
    seconds = time.monotonic() - began
    running.communicate(timeout=60)
    assert wait_until(lambda: _answers(large_system, "/readyz"), 60)
    account = large_system.replay("--model", "other")
    with capsys.disabled():
        print(f"\nthe store ended {seconds:.1f} s after SIGTERM")
    assert seconds < 20
    assert account.events == large_system.recompute().records
    assert not differences(large_system.recompute("other").tables, large_system.rows())
