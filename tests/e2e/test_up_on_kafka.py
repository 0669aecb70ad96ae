"""The embedded profile on Apache Kafka: a log on the disk, which goes on however the system ends."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from deploy.chaos.ledger import Ledger
from deploy.errors import SetupError
from deploy.local import up
from deploy.processes.ports import wait_until
from deploy.services.artefacts import java, maven
from deploy.settings.model import KafkaSettings, Settings
from tests.support.restarted import RestartedSystem, check_stored
from tests.support.stack import new_stack

RATE = 100
FAST = {"OPECOM_INGEST__ADDRESS_RATE_PER_SECOND": "1000000", "OPECOM_INGEST__KEY_RATE_PER_SECOND": "1000000"}
#: Without statistics the fold of the log needs nothing but the log.
ON_KAFKA = {"OPECOM_STORAGE__PAGES_REFRESH_SECONDS": "0", "OPECOM_KAFKA__EMBEDDED_BROKER": "kafka"}


@pytest.fixture
def system(tmp_path: Path) -> Iterator[RestartedSystem]:
    try:
        java()
        maven()
    except SetupError as error:
        pytest.skip(str(error))
    made = RestartedSystem(new_stack(tmp_path, **FAST, **ON_KAFKA))
    with made.ended():
        yield made


@pytest.mark.kafka
def test_sessions_go_on_after_a_stop_a_kill_of_all_and_one_of_the_broker(
    system: RestartedSystem, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was answered 202 is counted once; nothing is filled, and no session is closed on the way."""
    accepted: set[str] = set()
    before: dict[str, list[tuple[int, str]]] = {}
    for number, ends in enumerate(("stop", "kill", "broker", "stop")):
        if number != 3:
            # The same sessions each time, as they come from the same seed.
            system.start()
        ledger = Ledger(system.stack.ingest.url, tmp_path / f"accepted-{number}", RATE)
        ledger.start()
        ledger.wait_for(200)
        if ends == "broker":
            _kill_the_broker(system)
            ledger.wait_for(400)
        accepted |= ledger.stop()
        system.settle(len(accepted))
        before = before or system.identities()
        if ends != "broker":
            getattr(system, ends)()
    after = system.identities()
    assert {session: after[session] for session in before} == before
    assert not (tmp_path / "data/log").exists()
    line = asyncio.run(check_stored(system.stack, accepted))
    with capsys.disabled():
        print(f"\n{line}")
    with pytest.raises(SetupError, match=r"on Apache Kafka: `opecom up --broker kafka`"):
        up.embedded(Settings(data_dir=tmp_path / "data"), tmp_path / "data")


def _kill_the_broker(system: RestartedSystem) -> None:
    broker = system.stack.process_of("java")
    os.kill(broker.pid, signal.SIGKILL)
    psutil.wait_procs([broker], timeout=30)
    assert wait_until(lambda: "the broker ended (killed by SIGKILL" in system.output, 60), system.output


def test_the_missing_java_is_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    settings = Settings(data_dir=tmp_path, kafka=KafkaSettings(embedded_broker="kafka"))
    with pytest.raises(SetupError, match=r"^Java is missing: install Java 17"):
        up.embedded(settings, tmp_path)


def test_the_missing_maven_is_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(
        data_dir=tmp_path, kafka=KafkaSettings(embedded_broker="kafka"), services={"cache_dir": tmp_path}
    )
    monkeypatch.setattr("deploy.services.kafka.java", lambda: "java")
    monkeypatch.setattr("deploy.local.up.java", lambda: "java")
    monkeypatch.setenv("PATH", str(tmp_path))
    plan, _ = up.embedded(settings, tmp_path)
    assert plan.broker is not None
    with pytest.raises(SetupError, match=r"^Maven is missing"):
        plan.broker()


def test_the_option_is_for_the_embedded_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    from deploy.cli.up import _with_broker

    assert _with_broker(Settings(), "kafka").kafka.embedded_broker == "kafka"
    with pytest.raises(SetupError, match="leave --broker out"):
        _with_broker(Settings(profile="services"), "kafka")
