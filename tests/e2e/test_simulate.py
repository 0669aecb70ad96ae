"""Sessions through the whole embedded system and out of its database, and a check that can fail."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.simulate.verify.uci import COLUMNS
from deploy.simulate.verify.uci import main as verify
from scoring import registry
from tests.support.stack import Stack, new_stack, up, word_after
from tests.support.uci import found_uci_file

SESSIONS = 200


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with up(new_stack(tmp_path_factory.mktemp("stack"))) as running:
        yield running


def test_simulated_sessions_come_back_as_their_rows_and_one_changed_value_is_found(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    file = found_uci_file()
    data = ["--data", str(file)] if file else []
    done = stack.opecom("simulate", "uci", *data, "--sessions", str(SESSIONS), "--verify")
    assert done.returncode == 0, done.stdout + done.stderr
    for name in COLUMNS:
        assert any(line.split()[:2] == [name, str(SESSIONS)] for line in done.stdout.splitlines()), name
    assert "every row of the file came back" in done.stdout

    site, folder = word_after("on the site", done.stdout), Path(stack.environment["OPECOM_DATA_DIR"])
    rows = file or next((folder / "drawn").glob("*.csv"))
    check = ["--database", f"sqlite:///{folder / 'opecom.sqlite'}", "--site", site, "--data", str(rows)]
    check += ["--model", str(registry.SHIPPED / registry.current() / "model.onnx"), "--sessions", str(SESSIONS)]
    assert verify(check) == 0
    with sqlite3.connect(folder / "opecom.sqlite", timeout=90) as database:
        changed = database.execute(
            "UPDATE sessions SET page_values = page_values + 0.00001 "
            "WHERE site = :site AND session_id = (SELECT min(session_id) FROM sessions WHERE site = :site)",
            {"site": site},
        )
        assert changed.rowcount == 1
    database.close()
    capsys.readouterr()
    assert verify(check) == 1
    said = capsys.readouterr().out
    assert "1 differences:" in said
    assert "page_values" in said


def test_a_generated_shop_arrives_whole_with_its_carts_and_its_history(stack: Stack, tmp_path: Path) -> None:
    truth = tmp_path / "truth.jsonl"
    options = ["--sessions", str(SESSIONS), "--seed", "7", "--days", "2", "--conversion", "0.1"]
    done = stack.opecom("simulate", "shop", *options, "--truth", str(truth), "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    counts = json.loads(done.stdout.splitlines()[-1])
    known = [json.loads(line) for line in truth.read_text().splitlines()]
    buyers = {line["session_id"] for line in known if line["bought"]}
    sent = {"sessions": SESSIONS, "buyers": len(buyers), "events": len(known), "differences": 0}
    assert counts == {"site": word_after("on the site", done.stdout), **sent}
    with sqlite3.connect(Path(stack.environment["OPECOM_DATA_DIR"]) / "opecom.sqlite", timeout=90) as database:
        rows = database.execute(
            "SELECT session_id, revenue, checkout_step, cart_quantity, previous_sessions FROM sessions WHERE site = ?",
            (counts["site"],),
        ).fetchall()
    database.close()
    assert {session for session, revenue, *_ in rows if revenue} == buyers
    # An order empties the cart; what is left of carts was left.
    assert {session for session, _, _, quantity, _ in rows if quantity}.isdisjoint(buyers)
    assert any(quantity for _, _, _, quantity, _ in rows)
    assert any(step for _, _, step, _, _ in rows)
    assert 0 < sum(before > 0 for *_, before in rows) < SESSIONS


def test_demo_uses_the_system_that_runs(stack: Stack) -> None:
    done = stack.opecom("demo", "--sessions", "40", "--rate", "0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "drawn from parameters fitted to the UCI file" in done.stdout
    assert "highest live scores" in done.stdout
    assert "accuracy of the stored labels" in done.stdout
    assert "scored by the track live" in done.stdout
    assert "a replay gives what live scoring gave" in done.stdout
    assert "one was started" not in done.stdout


def test_without_a_system_one_line_names_what_to_start(tmp_path: Path) -> None:
    done = new_stack(tmp_path).opecom("simulate", "uci", "--sessions", "2")
    assert done.returncode == 70
    assert "start the system with `opecom up`" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_demo_starts_and_stops_a_system_where_none_runs(tmp_path: Path) -> None:
    done = new_stack(tmp_path).opecom("demo", "--sessions", "20", "--rate", "0", seconds=240)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "one was started for this demonstration" in done.stdout
