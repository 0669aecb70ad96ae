"""What the system keeps is its user's alone: what any part makes, and what an earlier version left open."""

import logging
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.doctor.folder import data_folder as examine
from deploy.processes import data_folder
from deploy.processes.private_files import create_privately, make_private
from deploy.settings.model import variable


@pytest.fixture(autouse=True)
def _careless() -> Iterator[None]:
    """The umask of most systems."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    found = {".": stat.S_IMODE(folder.stat().st_mode)}
    there = [path for path in folder.rglob("*") if not path.is_symlink()]
    return found | {str(path.relative_to(folder)): stat.S_IMODE(path.stat().st_mode) for path in there}


def open_ones(folder: Path) -> dict[str, str]:
    return {name: oct(mode) for name, mode in modes(folder).items() if mode & 0o077}


@pytest.fixture
def left_open(tmp_path: Path) -> Path:
    """A data folder as versions before this one made it."""
    folder = tmp_path / "data"
    for name in (
        "opecom.sqlite",
        "opecom.sqlite-wal",
        "logs/store.log",
        "replays/scores.jsonl",
        "chdb/store/1/data.bin",
    ):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x")
    (folder / "services").mkdir()
    (folder / "services" / "run").write_text("#!/bin/sh\n")
    (folder / "services" / "run").chmod(0o755)
    return folder


def test_what_was_open_is_closed_at_the_start(left_open: Path) -> None:
    assert open_ones(left_open)
    make_private(left_open)
    assert open_ones(left_open) == {}
    found = modes(left_open)
    assert (found["."], found["chdb/store"], found["opecom.sqlite"]) == (0o700, 0o700, 0o600)
    assert found["services/run"] == 0o700, "a program stays one"


def test_up_makes_and_repairs_the_folder(left_open: Path) -> None:
    with data_folder.held(left_open) as folder:
        assert modes(folder)["."] == 0o700
        assert modes(folder)["opecom.sqlite-wal"] == 0o600


def test_a_link_leads_nowhere(tmp_path: Path, left_open: Path) -> None:
    elsewhere = tmp_path / "elsewhere.csv"
    elsewhere.write_text("x")
    (left_open / "link").symlink_to(elsewhere)
    (left_open / "broken").symlink_to(tmp_path / "nothing")
    make_private(left_open)
    assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o644
    assert (left_open / "broken").is_symlink()


def test_a_folder_for_everybody_is_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    with caplog.at_level(logging.WARNING):
        make_private(shared)
    assert stat.S_IMODE(shared.stat().st_mode) == 0o1777
    assert "set it to a folder of its own" in caplog.text


def test_what_belongs_to_another_is_one_line(
    left_open: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, mode: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", refuse)
    with caplog.at_level(logging.WARNING):
        make_private(left_open)
    (line,) = caplog.messages
    assert f"{left_open} and " in line
    assert "chown" in line


def test_doctor_names_what_others_may_read(left_open: Path) -> None:
    said = examine(left_open)
    assert (said.state, str(left_open) in said.line) == ("warning", True)
    make_private(left_open)
    assert "may read" not in examine(left_open).line


def test_files_of_this_process_are_its_users_alone(tmp_path: Path) -> None:
    create_privately()
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "file").write_text("x")
    assert open_ones(tmp_path / "new") == {}


def test_a_command_leaves_nothing_open(tmp_path: Path) -> None:
    """Both databases, made by a command in a process of its own with the usual umask."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "import-default.key").write_text("key")
    environment = os.environ | {variable("data_dir"): str(folder), variable("profile"): "embedded"}
    subprocess.run([sys.executable, "-m", "deploy", "migrate"], check=True, env=environment, capture_output=True)
    assert {"opecom.sqlite", "chdb", "import-default.key"} <= set(modes(folder))
    assert open_ones(folder) == {}
