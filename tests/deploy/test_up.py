"""`opecom up` as a process: one per data folder, a clean end at Ctrl-C, and nothing left however it ends."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deploy import data_folder
from deploy.errors import SetupError
from deploy.ports import listen
from deploy.probes import Address, Counts, counts, is_ready, samples
from deploy.settings import Settings
from tests.support.children import alive, kill, pids, wait_for

ROOT = Path(__file__).parents[2]

#: `opecom up` with children that do nothing.
UP = """
import asyncio, sys
from pathlib import Path
from rich.console import Console
from deploy import data_folder
from deploy.cli.up import _run
from deploy.probes import Address
from deploy.screen import Screen
from deploy.supervise import Supervisor
from deploy.up import Plan
from tests.support.children import child

async def prepare(supervisor): pass

folder = Path(sys.argv[1])
nowhere = Address("127.0.0.1", 0)
with data_folder.held(folder) as held, Screen(Console()) as screen:
    data_folder.announce(held, "127.0.0.1:1234")
    plan = Plan(
        (child("ingest", folder), child("store", folder)),
        prepare,
        lambda: child("broker", folder),
        {"ingest": nowhere, "store": nowhere},
    )
    asyncio.run(_run(plan, Supervisor(held / "logs", screen.say), screen, "127.0.0.1:1234"))
    screen.say("stopped")
"""


def start(folder: Path) -> subprocess.Popen[str]:
    up = subprocess.Popen([sys.executable, "-c", UP, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    wait_for(lambda: all(pids(name, folder) for name in ("broker", "ingest", "store")))
    return up


def children(folder: Path) -> list[int]:
    return [pid for name in ("broker", "ingest", "store") for pid in pids(name, folder)]


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_it_ends_cleanly(tmp_path: Path, sent: signal.Signals) -> None:
    with start(tmp_path) as up:
        wait_for(lambda: data_folder.running(tmp_path))
        up.send_signal(sent)
        said, _ = up.communicate(timeout=30)
    assert up.returncode == 0
    assert said.splitlines()[-2:] == ["stopping", "stopped"]
    assert not any(alive(pid) for pid in children(tmp_path))
    assert data_folder.running(tmp_path) is None


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="PR_SET_PDEATHSIG is Linux's")
def test_kill_9_leaves_no_child_and_no_lock(tmp_path: Path) -> None:
    with start(tmp_path) as up:
        kill(up.pid)
    wait_for(lambda: not any(alive(pid) for pid in children(tmp_path)))
    with data_folder.held(tmp_path):
        pass


def test_a_second_one_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    with data_folder.held(tmp_path) as folder:
        data_folder.announce(folder, "127.0.0.1:1234")
        with (
            pytest.raises(SetupError, match=r"runs on .* already \(pid \d+\): stop that one, or set OPECOM_DATA_DIR"),
            data_folder.held(tmp_path),
        ):
            pass
        assert data_folder.as_running(Settings(data_dir=tmp_path)).kafka.bootstrap == "127.0.0.1:1234"
    assert data_folder.as_running(Settings(data_dir=tmp_path)).kafka.bootstrap == "127.0.0.1:9092"


@pytest.mark.parametrize("where", ["/proc/opecom", "/dev/full/opecom"], ids=["read-only", "not-a-folder"])
def test_a_folder_that_cannot_be_written_is_a_line(where: str) -> None:
    with (
        pytest.raises(SetupError, match=f"^cannot write to the data folder {where}: .*; set OPECOM_DATA_DIR to"),
        data_folder.held(Path(where)),
    ):
        pass


def test_a_full_folder_is_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 12_345_678}))
    with (
        pytest.raises(SetupError, match="has 12 MB left of 200; set OPECOM_DATA_DIR"),
        data_folder.held(tmp_path),
    ):
        pass


def test_a_port_in_use_is_a_line_before_anything_starts(tmp_path: Path) -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "deploy", "up"],
            cwd=ROOT,
            env={"PATH": "/usr/bin:/bin", "OPECOM_DATA_DIR": str(tmp_path), "OPECOM_API__PORT": str(port)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert "OPECOM_API__PORT, or `api.port` in opecom.toml, to a free port" in done.stderr
    assert "starting" not in done.stdout


METRICS = """\
# TYPE opecom_ingest_events_total counter
opecom_ingest_events_total{site="a"} 3.0
opecom_ingest_events_total{site="b"} 4.0
# TYPE opecom_writer_records_total counter
opecom_writer_records_total{topic="scored"} 5.0
opecom_writer_records_total{topic="events"} 9.0
# TYPE opecom_other gauge
opecom_other 1.0
"""


def test_counts_are_read_from_metrics() -> None:
    assert list(samples(METRICS)) == [("accepted", 3), ("accepted", 4), ("written", 5)]
    assert "accepted 1,234" in Counts(accepted=1234).line()


def test_a_part_that_is_away_is_not_ready_and_counts_nothing() -> None:
    nowhere = Address("127.0.0.1", 1)
    assert not is_ready(nowhere)
    assert counts([nowhere]) == Counts()


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:1"),  # noqa: S104
        ("::1", "http://[::1]:1"),
        ("10.0.0.5", "http://10.0.0.5:1"),
    ],
)
def test_addresses_are_those_a_client_uses(host: str, url: str) -> None:
    assert Address.reached(host, 1).url == url
