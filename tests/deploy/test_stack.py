"""`opecom services`: up, twice, status, down; and each thing that can be missing is a line."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy

from deploy.errors import PortTakenError, SetupError
from deploy.processes.ports import listen, speaks_kafka
from deploy.processes.programs import Program
from deploy.services import artefacts, mariadb, stack
from deploy.settings.model import user_cache
from tests.support.children import alive
from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
CACHE = user_cache()


def opecom(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "OPECOM_SERVICES__FOLDER": str(folder),
        "OPECOM_SERVICES__CACHE_DIR": str(CACHE),
        **more,
    }
    return subprocess.run(
        [sys.executable, "-m", "deploy", "services", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def programs() -> None:
    """Java and Maven, or a skip, which CI takes for a failure."""
    try:
        artefacts.java()
        artefacts.maven()
    except SetupError as error:
        pytest.skip(str(error))


@pytest.mark.kafka
@pytest.mark.mariadb
@pytest.mark.usefixtures("programs")
def test_up_twice_status_down_and_up_again_with_the_data(tmp_path: Path) -> None:
    ports = {"OPECOM_SERVICES__KAFKA_PORT": str(free_port()), "OPECOM_SERVICES__MARIADB_PORT": str(free_port())}
    kafka_port = int(ports["OPECOM_SERVICES__KAFKA_PORT"])
    try:
        first = opecom(tmp_path, "up", "--env", **ports)
        assert first.returncode == 0, first.stderr
        given = dict(line.removeprefix("export ").split("=", 1) for line in first.stdout.splitlines())
        assert given["OPECOM_KAFKA__BOOTSTRAP"] == f"127.0.0.1:{kafka_port}"
        assert speaks_kafka(kafka_port)
        write(given["OPECOM_STORAGE__URL"])
        assert stat.S_IMODE((tmp_path / "services.json").stat().st_mode) == 0o600
        pids = stack.status(tmp_path)

        again = opecom(tmp_path, "up", **ports)
        assert again.returncode == 0, again.stderr
        assert stack.status(tmp_path) == pids
        assert given["OPECOM_STORAGE__URL"] in again.stdout

        assert opecom(tmp_path, "status", "--env").stdout == first.stdout
        assert opecom(tmp_path, "down").stdout == "stopped kafka and mariadb\n"
        assert not any(alive(pid) for pid in pids.values() if pid)
        assert opecom(tmp_path, "status").returncode == 1
        assert opecom(tmp_path, "down").stdout == "nothing ran\n"

        assert opecom(tmp_path, "up", **ports).returncode == 0
        assert read(given["OPECOM_STORAGE__URL"]) == [(7,)]
    finally:
        stack.down(tmp_path)


def write(url: str) -> None:
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE kept (number INT)"))
        connection.execute(sqlalchemy.text("INSERT INTO kept VALUES (7)"))


def read(url: str) -> list[tuple[int]]:
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    with engine.connect() as connection:
        return [(row.number,) for row in connection.execute(sqlalchemy.text("SELECT number FROM kept"))]


def fake(folder: Path, name: str, script: str) -> None:
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


@pytest.mark.parametrize(
    ("script", "line"),
    [
        (None, "Java is missing: install Java 17 or newer"),
        ("echo 'openjdk version \"11.0.2\" 2019-01-15' >&2", "is Java 11: Apache Kafka 4 needs Java 17 or newer"),
        ("echo 'java version \"1.8.0_301\"' >&2", "is Java 8: Apache Kafka 4 needs Java 17 or newer"),
        ("echo nonsense", "does not say which Java it is"),
    ],
    ids=["missing", "eleven", "eight", "unknown"],
)
def test_java_that_will_not_do_is_a_line(
    script: str | None, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if script:
        fake(tmp_path, "java", script)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SetupError, match=line):
        artefacts.java()


def test_java_that_is_newer_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(tmp_path, "java", "echo 'openjdk version \"25\" 2025-09-16' >&2")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert artefacts.java() == str(tmp_path / "java")


def test_missing_maven_is_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SetupError, match="Maven is missing: install it"):
        artefacts.jars("kafka", tmp_path / "cache")


def test_a_download_that_fails_is_a_line_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(tmp_path, "mvn", "echo '[ERROR] Could not transfer artifact: Unknown host'; exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    cache = tmp_path / "cache"
    with pytest.raises(SetupError, match=r"^Maven could not download kafka.pom.xml: Could not transfer artifact"):
        artefacts.jars("kafka", cache)
    assert not [each for each in cache.iterdir() if each.is_dir()]


def test_a_download_happens_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(tmp_path, "mvn", f"echo again >> {tmp_path}/calls")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert artefacts.jars("kafka", tmp_path / "cache") == artefacts.jars("kafka", tmp_path / "cache")
    assert (tmp_path / "calls").read_text() == "again\n"


def test_a_cache_that_cannot_be_written_is_a_line() -> None:
    with pytest.raises(SetupError, match=r"^cannot write to the cache /proc/x: .*; set OPECOM_SERVICES__CACHE_DIR$"):
        artefacts.jars("kafka", Path("/proc/x"))


def test_mariadb_has_programs_for_linux_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    with pytest.raises(SetupError, match=r"no MariaDB program for \w+ arm64.*OPECOM_STORAGE__URL"):
        mariadb.start(tmp_path, tmp_path, free_port(), "password")


def test_a_port_in_use_names_its_setting(tmp_path: Path) -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        said = opecom(tmp_path, "up", OPECOM_SERVICES__KAFKA_PORT=str(port)).stderr
    assert said == (
        f"opecom: cannot listen on 127.0.0.1:{port}: another process listens there; "
        "set OPECOM_SERVICES__KAFKA_PORT, or `services.kafka_port` in opecom.toml, to a free port\n"
    )


def test_a_taken_port_of_mariadb_is_noticed_before_anything_is_made(tmp_path: Path) -> None:
    with listen("127.0.0.1", 0) as taken, pytest.raises(PortTakenError):
        mariadb.start(tmp_path / "data", tmp_path, taken.getsockname()[1], "password")
    assert not (tmp_path / "data").exists()


def test_a_folder_that_cannot_be_written_is_a_line() -> None:
    with pytest.raises(SetupError, match=r"^cannot write to the data folder /proc/services: "):
        stack.up(Path("/proc/services"), CACHE, free_port(), free_port())


def test_a_program_that_ends_states_why(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "print('starting'); print('ERROR no room'); print('bye'); raise SystemExit(3)"]
    with pytest.raises(SetupError, match=r"^thing ended with code 3: ERROR no room \(log: "):
        Program("thing", tmp_path).start(command, lambda: False)


def test_a_program_that_is_not_ready_in_time_is_stopped(tmp_path: Path) -> None:
    program = Program("thing", tmp_path)
    with pytest.raises(SetupError, match="was not ready within 0 s"):
        program.start([sys.executable, "-c", "import time; time.sleep(60)"], lambda: False, seconds=0.2)
    assert program.process() is None


def test_a_pid_that_another_process_has_now_is_not_ours(tmp_path: Path) -> None:
    program = Program("thing", tmp_path)
    program.pid_file.write_text(f'{{"pid": {os.getpid()}, "started": 1.0}}')
    assert program.process() is None
    # It would end the tests.
    assert program.stop() is False
