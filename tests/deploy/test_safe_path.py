"""A folder of the user's may have files of our packages' names: nothing of it is imported."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deploy.processes.interpreter import OPECOM, of_module
from deploy.processes.probes import is_ready
from deploy.processes.programs import death_with
from tests.support.stack import READY_SECONDS, new_stack

ROOT = Path(__file__).parents[2]
#: The packages that the wheel brings.
NAMES = ("ingest", "stream", "scoring", "storage", "deploy")


@pytest.fixture
def shadowed(tmp_path: Path) -> Path:
    """A folder with a file or a package of each of our names, which ends whoever imports it."""
    folder = tmp_path / "shop"
    folder.mkdir()
    for name in NAMES[:3]:
        (folder / f"{name}.py").write_text(f"raise SystemExit('{name} of the folder')\n")
    for name in NAMES[3:]:
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(f"raise SystemExit('{name} of the folder')\n")
    return folder


def test_the_whole_system_starts_in_a_folder_that_has_all_of_our_names(shadowed: Path, tmp_path: Path) -> None:
    stack = new_stack(tmp_path)
    output = tmp_path / "up.log"
    with output.open("wb") as out:
        process = subprocess.Popen(
            [Path(sys.executable).parent / "opecom", "up"],
            cwd=shadowed,
            env=stack.environment,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=death_with(os.getpid()),  # noqa: PLW1509 - it calls prctl only
        )
        try:
            until = time.monotonic() + READY_SECONDS
            while not (is_ready(stack.ingest) and is_ready(stack.api)):
                assert process.poll() is None, output.read_text()
                assert time.monotonic() < until, output.read_text()
                time.sleep(0.1)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(90)
    assert "of the folder" not in output.read_text()
    assert " ended (" not in output.read_text()


@pytest.mark.parametrize(
    "command", [(*OPECOM, "--help"), (*of_module("deploy.simulate.verify.uci"), "--help")], ids=["opecom", "a check"]
)
def test_a_program_of_ours_finds_our_packages_there(command: tuple[str, ...], shadowed: Path) -> None:
    done = subprocess.run(command, cwd=shadowed, capture_output=True, text=True, check=False)
    assert (done.returncode, "usage" in done.stdout.lower()) == (0, True), done.stderr


def test_without_safe_paths_the_folder_is_first(shadowed: Path) -> None:
    """The folder above would be noticed."""
    command = [word for word in (*OPECOM, "--help") if word != "-P"]
    done = subprocess.run(command, cwd=shadowed, capture_output=True, text=True, check=False)
    assert done.stderr.strip() == "deploy of the folder"


def test_no_program_of_ours_is_started_without_safe_paths() -> None:
    """One file knows how a module is started."""
    starts = re.compile(r"""sys\.executable,\s*["']-""")
    found = {
        file.relative_to(ROOT).as_posix()
        for name in NAMES
        for file in (ROOT / name).rglob("*.py")
        if starts.search(file.read_text())
    }
    assert found == {"deploy/processes/interpreter.py"}


def test_the_documents_name_the_packages_that_the_wheel_brings() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    (line,) = (line for line in text.splitlines() if line.startswith("The wheel brings the top-level packages"))
    assert re.findall(r"`(\w+)`", line) == list(NAMES)
