"""tests/support/forked.py: a forked `opecom` ends and speaks as one that is started."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.processes.ports import wait_until
from tests.support.forked import Command, Opecom
from tests.support.ports import free_port


def part(tmp_path: Path) -> tuple[Opecom, Path]:
    """A part that waits for Kafka."""
    output = tmp_path / "output"
    given = {"OPECOM_DATA_DIR": str(tmp_path), "OPECOM_KAFKA__BOOTSTRAP": f"127.0.0.1:{free_port()}"}
    return Opecom(["run", "ingest"], {**os.environ, **given, "OPECOM_INGEST__PORT": str(free_port())}, output), output


@pytest.mark.parametrize("words", [("sites", "list"), ("sites", "show", "none"), ("export",)], ids=" ".join)
def test_it_is_as_one_that_is_started(words: tuple[str, ...], tmp_path: Path) -> None:
    environment = {**os.environ, "OPECOM_DATA_DIR": str(tmp_path), "COLUMNS": "100"}
    command = [sys.executable, "-m", "deploy", *words]
    started = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    forked = Command(words, environment, errors_apart=True).completed(60)
    assert (forked.returncode, forked.stdout) == (started.returncode, started.stdout)
    assert forked.stderr == started.stderr.replace("python -m deploy", "opecom")


def test_a_signal_is_the_code_unless_it_is_handled(tmp_path: Path) -> None:
    running, _ = part(tmp_path)
    assert running.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        running.wait(0.01)
    running.kill()
    assert running.wait(30) == -signal.SIGKILL == running.returncode
    # Nobody gets it.
    running.send_signal(signal.SIGTERM)

    running, output = part(tmp_path)
    assert wait_until(lambda: output.exists() and "does not answer" in output.read_text(), 60)
    running.send_signal(signal.SIGTERM)
    assert running.wait(60) == 0, output.read_text()
