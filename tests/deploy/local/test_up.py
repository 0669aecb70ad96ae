"""`opecom up` as a process: one per data folder, a clean end at Ctrl-C, and nothing left however it ends."""

import asyncio
import dataclasses
import signal
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest

from deploy.cli.up import LOOK_IDLE, LOOK_READY, next_pause
from deploy.errors import SetupError
from deploy.local import broker, launch, up
from deploy.local.counts import ProbeCounts, counts, samples
from deploy.log import topics
from deploy.log.client_options import kafka_clients
from deploy.processes import addresses as addresses_module
from deploy.processes import data_folder
from deploy.processes.addresses import addresses
from deploy.processes.ports import listen
from deploy.processes.probes import ProbeAddress, is_ready
from deploy.processes.supervise import Supervisor
from deploy.settings.model import LearningSettings, Settings, StorageSettings
from tests.support.children import alive, child, kill, pids, wait_for
from tests.support.ports import free_port

ROOT = Path(__file__).parents[3]

#: `opecom up` with children that do nothing.
UP = """
import asyncio, sys
from pathlib import Path
from rich.console import Console
from deploy.cli.up import _run
from deploy.local.console import TerminalScreen
from deploy.local.launch import LaunchPlan
from deploy.processes import data_folder
from deploy.processes.probes import ProbeAddress
from deploy.processes.supervise import Supervisor
from tests.support.children import child
from tests.support.ports import free_port

async def prepare(supervisor): pass

folder = Path(sys.argv[1])
nowhere = ProbeAddress("127.0.0.1", 0)
with data_folder.held(folder) as held, TerminalScreen(Console()) as screen:
    data_folder.announce(held, "127.0.0.1:1234")
    plan = LaunchPlan(
        (child("ingest", folder), child("store", folder)),
        prepare,
        lambda: child("broker", folder),
        {"ingest": nowhere, "store": nowhere},
    )
    asyncio.run(_run(plan, Supervisor(held / "logs", screen.write_line), screen, "127.0.0.1:1234"))
    screen.write_line("stopped")
"""


def start(folder: Path) -> subprocess.Popen[str]:
    running = subprocess.Popen([sys.executable, "-c", UP, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    wait_for(lambda: all(pids(name, folder) for name in ("broker", "ingest", "store")))
    return running


def children(folder: Path) -> list[int]:
    return [pid for name in ("broker", "ingest", "store") for pid in pids(name, folder)]


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_it_ends_cleanly(tmp_path: Path, sent: signal.Signals) -> None:
    with start(tmp_path) as running:
        wait_for(lambda: data_folder.running(tmp_path))
        running.send_signal(sent)
        said, _ = running.communicate(timeout=30)
    assert running.returncode == 0
    # A status line may come between the two on a slow machine.
    notices = [line for line in said.splitlines() if not line.startswith("accepted ")]
    assert notices[-2:] == ["stopping", "stopped"]
    assert not any(alive(pid) for pid in children(tmp_path))
    assert data_folder.running(tmp_path) is None


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="PR_SET_PDEATHSIG is Linux's")
def test_kill_9_leaves_no_child_and_no_lock(tmp_path: Path) -> None:
    with start(tmp_path) as running:
        kill(running.pid)
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
    others = {
        f"OPECOM_{name}": str(free_port())
        for name in (
            "INGEST__PORT",
            "WORKER__METRICS_PORT",
            "WEBHOOKS__METRICS_PORT",
            "LEARNING__METRICS_PORT",
            "SHOP__PORT",
        )
    }
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "deploy", "up"],
            cwd=ROOT,
            env={"PATH": "/usr/bin:/bin", "OPECOM_DATA_DIR": str(tmp_path), "OPECOM_API__PORT": str(port)} | others,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert "OPECOM_API__PORT, or `api.port` in opecom.toml, to a free port" in done.stderr
    assert "starting" not in done.stdout


async def test_a_new_broker_has_its_topics_and_is_a_new_log_where_no_database_has_the_one_before(
    tmp_path: Path,
) -> None:
    settings = Settings(kafka={"bootstrap": f"127.0.0.1:{free_port()}", **broker.SETTINGS})
    plan, bootstrap = up.embedded(settings, tmp_path)
    assert bootstrap == settings.kafka.bootstrap
    plan = dataclasses.replace(plan, parts=(child("part", tmp_path),))
    stop, logs = asyncio.Event(), []
    supervisor = Supervisor(tmp_path, lambda line: None)
    running = asyncio.create_task(launch.run(plan, supervisor, stop, lambda line: None))
    for life in (1, 2):
        await asyncio.to_thread(wait_for, lambda life=life: len(pids("part", tmp_path)) == life)
        assert await topics.check(kafka_clients(settings.kafka), topics.wanted(settings.kafka)) == []
        logs.append(await topics.log_id(kafka_clients(settings.kafka)))
        if life == 1:
            kill(supervisor.running["broker"])
    stop.set()
    await running
    assert len(set(logs)) == 2


def test_a_taken_broker_port_is_replaced_and_reported(tmp_path: Path) -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        plan, bootstrap = up.embedded(Settings(kafka={"bootstrap": f"127.0.0.1:{port}"}), tmp_path)
    assert bootstrap != f"127.0.0.1:{port}"
    assert {part.environment["OPECOM_KAFKA__BOOTSTRAP"] for part in plan.children} == {bootstrap}


def test_a_platform_without_the_broker_is_offered_the_services(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALF_TANSU_BIN", "/no/such")
    with pytest.raises(SetupError, match="no binary for this platform; `opecom services up`"):
        broker.binary()


METRICS = """\
# TYPE opecom_ingest_events_total counter
opecom_ingest_events_total{site="a"} 3.0
opecom_ingest_events_total{site="b"} 4.0
# TYPE opecom_writer_records_total counter
opecom_writer_records_total{topic="scored-sessions"} 5.0
opecom_writer_records_total{topic="events"} 9.0
# TYPE opecom_other gauge
opecom_other 1.0
"""


def test_counts_are_read_from_metrics() -> None:
    assert list(samples(METRICS)) == [("accepted", 3), ("accepted", 4), ("written", 5)]
    assert "accepted 1,234" in ProbeCounts(accepted=1234).line()


def test_a_part_that_is_away_is_not_ready_and_counts_nothing() -> None:
    nowhere = ProbeAddress("127.0.0.1", 1)
    assert not is_ready(nowhere)
    assert counts([nowhere]) == ProbeCounts()


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:1"),  # noqa: S104
        ("::1", "http://[::1]:1"),
        ("10.0.0.5", "http://10.0.0.5:1"),
    ],
)
def test_addresses_are_those_a_client_uses(host: str, url: str) -> None:
    assert ProbeAddress.reached(host, 1).url == url


@pytest.mark.parametrize(
    ("host", "parts"),
    [
        pytest.param("", {"ingest", "worker", "store", "webhooks"}, id="chDB is held by one process"),
        pytest.param("clickhouse", {"ingest", "worker", "writer", "api", "webhooks"}, id="a server by several"),
    ],
)
def test_writer_and_api_are_apart_where_clickhouse_is_a_server(tmp_path: Path, host: str, parts: set[str]) -> None:
    storage, learning = StorageSettings(clickhouse_host=host), LearningSettings(promotion="off")
    settings = Settings(profile="services", storage=storage, learning=learning)
    plan = up.services(settings, tmp_path)
    assert {part.name for part in plan.children} == parts == plan.addresses.keys()


def test_parts_share_a_secret_for_tokens_unless_there_is_one(tmp_path: Path) -> None:
    name = "OPECOM_API__TOKEN_SECRET"
    plans = [up.services(Settings(profile="services"), tmp_path), up.embedded(Settings(), tmp_path)[0]]
    made = [{part.environment[name] for part in plan.children} for plan in plans]
    assert [len(each) for each in made] == [1, 1]
    assert len(min(made[0] | made[1], key=len)) >= 32
    given = up.services(Settings(profile="services", api={"token_secret": "of your own"}), tmp_path)
    assert not any(name in part.environment for part in given.children)


def test_looks_are_rare_while_nothing_changes() -> None:
    pauses = [LOOK_READY]
    for changed in (False, False, False, True, False):
        pauses.append(next_pause(pauses[-1], changed))
    assert pauses == [2, 4, 8, LOOK_IDLE, 2, 4]


@pytest.mark.parametrize(
    ("promotion", "missing", "runs"),
    [("propose", "", True), ("auto", "", True), ("off", "", False), ("propose", "onnx is not installed", False)],
)
def test_the_learner_runs_where_it_is_to_and_can(
    promotion: Literal["auto", "propose", "off"], missing: str, runs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(addresses_module, "missing_line", lambda: missing)
    assert ("learner" in addresses(Settings(learning=LearningSettings(promotion=promotion)))) == runs
