"""`opecom run`: signals stop a part, a part that hangs is cut off, bad settings are lines."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PART = """
import asyncio, sys
from deploy.cli.run import run_part
from deploy.settings.model import Settings

async def part(settings, stop):
    print("runs", flush=True)
    await stop.wait()
    {after}
    return 5

sys.exit(run_part(part, Settings(), limit={limit}))
"""


def start(after: str, limit: float) -> subprocess.Popen[str]:
    code = PART.format(after=after, limit=limit)
    child = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "runs\n"
    return child


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_a_signal_stops_the_part(sent: signal.Signals) -> None:
    with start("pass", limit=20) as child:
        child.send_signal(sent)
        assert child.wait(10) == 5


@pytest.mark.parametrize(
    "after",
    [
        "await asyncio.Event().wait()",
        "__import__('time').sleep(60)",
        "await asyncio.to_thread(lambda: open('/dev/ptmx').read())",
    ],
    ids=["waits-for-ever", "blocks-the-loop", "a-thread-hangs"],
)
def test_a_part_that_hangs_is_cut_off(after: str) -> None:
    with start(after, limit=0.3) as child:
        child.send_signal(signal.SIGTERM)
        assert child.wait(10) == 70


@pytest.mark.parametrize(
    ("environment", "file", "said"),
    [
        (
            {"OPECOM_INGEST__PORT": "x"},
            "",
            "opecom: setting ingest.port (OPECOM_INGEST__PORT): input should be a valid integer",
        ),
        (
            {"OPECOM_KAFKA__NOPE": "1"},
            "",
            "opecom: setting kafka.nope (OPECOM_KAFKA__NOPE): extra inputs are not permitted",
        ),
        ({"OPECOM_SITES": "x"}, "", 'opecom: settings: error parsing value for field "sites"'),
        ({"OPECOM_INGEST_PORT": "1"}, "", "opecom: OPECOM_INGEST_PORT is no setting: `opecom settings --markdown`"),
        ({"OPECOM_SETTINGS": "/no/such"}, "", "opecom: OPECOM_SETTINGS names /no/such, which does not exist"),
        ({}, "[ingest", "opecom: the settings file (OPECOM_SETTINGS, or opecom.toml) is not TOML"),
    ],
    ids=["wrong-type", "unknown", "not-json", "misspelt", "no-file", "not-toml"],
)
def test_bad_settings_are_lines(environment: dict[str, str], file: str, said: str, tmp_path: Path) -> None:
    settings = tmp_path / "opecom.toml"
    settings.write_text(file)
    command = [sys.executable, "-c", "from deploy.cli.main import main; main()", "run", "ingest"]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "OPECOM_SETTINGS": str(settings), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(said)
