"""An embedded system that ends and starts again: its log goes on, and so do the sessions that were open."""

import asyncio
import random
import re
from pathlib import Path

import pytest

from deploy.chaos.ledger import Ledger
from deploy.processes.ports import wait_until
from tests.support.events import NOON
from tests.support.history import view, write_lines
from tests.support.restarted import RestartedSystem, check_stored
from tests.support.stack import new_stack

#: Events a second, and what lets one address send them.
RATE = 100
FAST = {"OPECOM_INGEST__ADDRESS_RATE_PER_SECOND": "1000000", "OPECOM_INGEST__KEY_RATE_PER_SECOND": "1000000"}
#: Versions of the page statistics must survive as well.
PAGES = {"OPECOM_STORAGE__PAGES_REFRESH_SECONDS": "3"}
#: Sessions of an import, of four events each.
IMPORTED_SESSIONS = 600


@pytest.fixture
def system(tmp_path: Path) -> RestartedSystem:
    return RestartedSystem(new_stack(tmp_path, **FAST, **PAGES))


@pytest.mark.parametrize("ends", ["stop", "kill"])
def test_sessions_go_on(system: RestartedSystem, tmp_path: Path, ends: str, capsys: pytest.CaptureFixture[str]) -> None:
    accepted: set[str] = set()
    before: dict[str, list[tuple[int, str]]] = {}
    with system.ended():
        for number in range(2):
            system.start()
            # The same sessions in both lives, as they come from the same seed.
            ledger = Ledger(system.stack.ingest.url, tmp_path / f"accepted-{number}", RATE)
            ledger.start()
            ledger.wait_for(400)
            accepted |= ledger.stop()
            system.wait_stored(len(accepted))
            assert system.counted() == len(accepted)
            before = before or system.identities()
            getattr(system, "stop" if number else ends)()
    assert re.search(r"the log goes on: \d+ open sessions, 4\d\d of its records are back", system.output), system.output
    after = system.identities()
    assert {session: after[session] for session in before} == before
    line = asyncio.run(check_stored(system.stack, accepted))
    with capsys.disabled():
        print(f"\n{line}")


@pytest.mark.parametrize(
    "times", [pytest.param(2, id="2 times"), pytest.param(50, id="50 times", marks=pytest.mark.long)]
)
def test_everything_killed_under_load(
    system: RestartedSystem, tmp_path: Path, times: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every event that was answered 202 is counted once, and rows are those of a fold of the whole log."""
    chance = random.Random(7)
    ledger = Ledger(system.stack.ingest.url, tmp_path / "accepted", RATE)
    with system.ended():
        system.start()
        ledger.start()
        for _ in range(times):
            # What came just now is in the spool alone, or in the broker, or in one database.
            ledger.wait_for(chance.randrange(50, 400))
            system.kill()
            system.start()
            assert "the log goes on" in system.output
        ledger.wait_for(100)
        accepted = ledger.stop()
        system.settle(len(accepted))
        system.stop()
    line = asyncio.run(check_stored(system.stack, accepted))
    with capsys.disabled():
        print(f"\n{times} kills: {line}, {ledger.resent} batches sent again")


@pytest.mark.parametrize("times", [pytest.param(1, id="once"), pytest.param(5, id="5 times", marks=pytest.mark.long)])
def test_a_full_broker_makes_room_under_load(tmp_path: Path, times: int, capsys: pytest.CaptureFixture[str]) -> None:
    """No request is refused meanwhile, and everything is counted once."""
    system = RestartedSystem(new_stack(tmp_path, **FAST, **PAGES, OPECOM_KAFKA__BROKER_MEGABYTES="16"))
    ledger = Ledger(system.stack.ingest.url, tmp_path / "accepted", 2 * RATE)
    with system.ended():
        system.start()
        ledger.start()
        assert wait_until(lambda: system.output.count("a new one takes over") >= times, 120 * times), system.output
        # Events of the old broker's sessions come while the new one is filled, and after it.
        ledger.wait_for(1_000)
        accepted = ledger.stop()
        system.settle(len(accepted))
        system.stop()
    assert ledger.resent == 0
    assert system.output.count("the log goes on: ") >= times
    line = asyncio.run(check_stored(system.stack, accepted))
    with capsys.disabled():
        print(f"\n{system.output.count('takes over')} brokers made room: {line}")


def test_an_import_and_a_simulation_go_on_over_brokers_that_make_room(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both end well, with every session closed: no tick and no version of the statistics is lost."""
    keys = {"OPECOM_SITES__PAST__IMPORT_KEYS": '["import-key-of-the-tests"]', "OPECOM_KAFKA__BROKER_MEGABYTES": "16"}
    system, days = RestartedSystem(new_stack(tmp_path, **FAST, **keys)), (0, 24 * 3_600_000)
    rows = [
        view(f"s{number}", NOON + days[number % 2] + number * 1_000 + place, f"/p/{place}", sequence=place + 1)
        for number in range(IMPORTED_SESSIONS)
        for place in range(4)
    ]
    file = write_lines(tmp_path / "history.jsonl", rows)
    with system.ended():
        system.start()
        importing = system.stack.begin("import", str(file), "--site", "past~whole", "--rate", "150")
        options = ["--sessions", "60", "--seed", "7", "--days", "2", "--rate", "20", "--json"]
        simulated = system.stack.begin("simulate", "shop", *options).completed(400)
        imported = importing.completed(400)
        brokers = system.output.count("a new one takes over")
        system.settle(len(rows))
        closed = system.closed("past~whole")
        system.stop()
    assert (imported.returncode, simulated.returncode) == (0, 0), imported.stdout + simulated.stdout
    assert f"{len(rows):,} rows read: {len(rows):,} events" in imported.stdout
    assert '"differences":0' in simulated.stdout.replace(" ", "")
    assert closed == IMPORTED_SESSIONS
    assert brokers > 0, system.output
    line = asyncio.run(check_stored(system.stack, set()))
    with capsys.disabled():
        print(f"\n{brokers} brokers made room during an import and a simulation: {line}")
