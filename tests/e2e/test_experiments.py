"""Experiments on a running embedded system that is killed whole: arms go on, and are those of a fold of the log."""

import asyncio
import json
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from deploy.chaos.ledger import Ledger
from tests.support.restarted import RestartedSystem, check_stored
from tests.support.stack import new_stack

RATE = 100
FAST = {"OPECOM_INGEST__ADDRESS_RATE_PER_SECOND": "1000000", "OPECOM_INGEST__KEY_RATE_PER_SECOND": "1000000"}


def opecom(system: RestartedSystem, *arguments: str) -> dict[str, Any]:
    done = system.stack.opecom("experiments", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def stored_arms(system: RestartedSystem) -> tuple[dict[str, dict[str, str]], set[str]]:
    """Of each session its arm by experiment, and the sessions whose visitors are held out."""
    path = system.stack.folder / "data/opecom.sqlite"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=90)) as connection:
        rows = connection.execute("SELECT session_id, experiments, holdout FROM sessions").fetchall()
    arms = {row[0]: {each["experiment"]: each["arm"] for each in json.loads(row[1])} for row in rows}
    return arms, {row[0] for row in rows if row[2]}


def test_arms_survive_a_kill_of_everything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    system = RestartedSystem(new_stack(tmp_path, **FAST))
    accepted: set[str] = set()
    with system.ended():
        system.start()
        opecom(system, "create", "halves", "--unit", "session", "--arms", "control:50,treatment:50")
        opecom(system, "create", "ended", "--arms", "control:10,treatment:10", "--audience", "page_views >= 1")
        started = [opecom(system, "start", name) for name in ("halves", "ended")]
        assert [(each["status"], each["version"], each["notices"]) for each in started] == [
            ("running", 1, []),
            ("running", 2, []),
        ]
        opecom(system, "holdout", "--share", "20")
        ledgers = []
        for number in range(2):
            ledger = Ledger(system.stack.ingest.url, tmp_path / f"accepted-{number}", RATE)
            ledger.start()
            ledger.wait_for(300)
            accepted |= ledger.stop()
            ledgers.append(ledger)
            system.wait_stored(len(accepted))
            if number == 0:
                before, held_before = stored_arms(system)
                system.kill()
                system.start()
                assert "the log goes on" in system.output
                assert [each["status"] for each in opecom(system, "list")["experiments"]] == ["running"] * 2
                assert opecom(system, "stop", "ended")["status"] == "stopped"
        system.settle(len(accepted))
        after, held_after = stored_arms(system)
        system.stop()
    counts = Counter(arms.get("halves", "none") for arms in before.values())
    assert counts["control"]
    assert counts["treatment"]
    assert held_before
    assert not any(before[session] for session in held_before)
    # Nobody changes arm, and what is stopped is shown no more by what came after.
    assert {session: after[session].get("halves") for session in before} == {
        session: arms.get("halves") for session, arms in before.items()
    }
    assert held_before <= held_after
    line = asyncio.run(check_stored(system.stack, accepted))
    with capsys.disabled():
        print(f"\n{dict(counts)}, {len(held_before)} held out; {line}")
