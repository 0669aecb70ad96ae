"""What the containers run does run: from an installed wheel, with the variables and checks of docker-compose.yml."""

import contextlib
import os
import re
import subprocess
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from deploy.errors import SetupError
from deploy.processes.ports import speaks_kafka, wait_until
from deploy.processes.programs import Program, death_with
from deploy.services.artefacts import jars, java
from deploy.settings.model import user_cache, variable
from tests.support import compose, kubernetes, wheel
from tests.support.ports import free_port
from tests.support.services import Broker
from tests.support.sinks import clickhouse_front

OURS = compose.ours()
VALUES = {name: value or "0123456789abcdef012345" for name, value in compose.example().items()}
#: The settings that name our ports; those of the containers may be taken on this machine.
PORTS = {
    "ingest": "ingest.port",
    "worker": "worker.metrics_port",
    "writer": "storage.metrics_port",
    "api": "api.port",
    "webhooks": "webhooks.metrics_port",
    "learner": "learning.metrics_port",
}
HOSTS = ("ingest.host", "worker.metrics_host", "storage.metrics_host", "api.host", "webhooks.metrics_host")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wheel.build(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def commands(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wheel.install(built, tmp_path_factory.mktemp("installed"))


class Container:
    """One service of docker-compose.yml as a process: its command, its variables but for those given."""

    def __init__(self, name: str, commands: Path, folder: Path, given: dict[str, str]) -> None:
        self.name = name
        self.port = free_port()
        self.log = folder / f"{name}.log"
        here = {variable(host): "127.0.0.1" for host in HOSTS}
        if name in PORTS:
            here[variable(PORTS[name])] = str(self.port)
        # The volume of the models, which all of them have.
        if variable("scoring.registry") in (asked := compose.environment(OURS[name], VALUES)):
            here[variable("scoring.registry")] = str(folder / "registry")
        if variable("data_dir") in asked:
            here[variable("data_dir")] = str(folder / f"{name}-data")
        self._environment = asked | here | given
        self._environment |= {"PATH": f"{commands}:{os.environ['PATH']}", "OPECOM_PROFILE": "services"}
        self._folder = folder
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [str(commands / "opecom"), *OURS[name]["command"]],
                env=self._environment,
                cwd=folder,
                stdout=log,
                stderr=log,
                preexec_fn=death_with(os.getpid()),  # noqa: PLW1509 - it calls prctl only
            )

    def wait(self, seconds: float = 60) -> tuple[int, str]:
        """The exit code and the output."""
        return self._process.wait(seconds), self.log.read_text()

    def healthy(self) -> bool:
        """Whether the health check says so."""
        how, *command = OURS[self.name]["healthcheck"]["test"]
        assert how == "CMD"
        command[-1] = re.sub(r":\d+/", f":{self.port}/", command[-1])
        return subprocess.run(command, env=self._environment, capture_output=True, check=False).returncode == 0

    def until_healthy(self) -> "Container":
        """Fails the test where it does not become healthy."""
        wait_until(lambda: self._process.poll() is not None or self.healthy(), 60)
        assert self._process.poll() is None, f"{self.name} ended:\n{self.log.read_text()}"
        assert self.healthy(), f"{self.name} was not healthy:\n{self.log.read_text()}"
        return self

    def stop(self) -> int:
        """SIGTERM, with the patience of the compose file; returns the exit code."""
        self._process.terminate()
        try:
            return self._process.wait(float(OURS[self.name]["stop_grace_period"].removesuffix("s")))
        finally:
            self._process.kill()


def nobody() -> dict[str, str]:
    """Variables with which Kafka and both databases are away."""
    gone = free_port()
    return {
        variable("kafka.bootstrap"): f"127.0.0.1:{gone}",
        variable("storage.url"): f"mariadb+pymysql://opecom:secret@127.0.0.1:{gone}/opecom",
        variable("storage.clickhouse_host"): "127.0.0.1",
        variable("storage.clickhouse_port"): str(gone),
    }


def test_the_wheel_has_what_the_parts_read_and_nothing_of_their_containers(built: Path) -> None:
    names = zipfile.ZipFile(built).namelist()
    assert {"deploy/services/kafka.pom.xml", "storage/migrations/mariadb/0001_sessions.sql"} <= set(names)
    assert any(name.endswith("/model.onnx") for name in names)
    assert {"deploy/web/shop/index.html", "deploy/web/shop/src/main.js", "deploy/web/shop/public/icon.svg"} <= set(
        names
    )
    assert not [name for name in names if name.startswith(("deploy/images", "deploy/kubernetes", "tests", "web"))]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("topics", "opecom: Kafka at 127.0.0.1:"),
        ("worker", "opecom: Kafka at 127.0.0.1:"),
        ("migrate", "opecom: the relational database does not open ("),
    ],
)
def test_without_its_services_a_container_ends_with_a_line_and_is_started_again(
    name: str, said: str, commands: Path, tmp_path: Path
) -> None:
    assert Container("models", commands, tmp_path, {}).wait()[0] == 0
    code, output = Container(name, commands, tmp_path, nobody()).wait()
    lines = [line for line in output.splitlines() if line.startswith("opecom: ")]
    assert code == 70
    assert len(lines) == 1
    assert lines[0].startswith(said)


@pytest.mark.parametrize("name", ["writer", "api", "webhooks"])
def test_what_needs_databases_waits_for_them_by_being_started_again(name: str, commands: Path, tmp_path: Path) -> None:
    assert Container("models", commands, tmp_path, {}).wait()[0] == 0
    code, output = Container(name, commands, tmp_path, nobody()).wait()
    assert code == 70
    assert "does not open" in output.splitlines()[-1]


def test_ingest_lives_without_kafka_and_is_not_healthy(commands: Path, tmp_path: Path) -> None:
    ingest = Container("ingest", commands, tmp_path, nobody())
    try:
        assert wait_until(lambda: status(ingest.port, "/livez") == 200, 60), ingest.log.read_text()
        assert not ingest.healthy()
    finally:
        assert ingest.stop() == 0


def status(port: int, path: str) -> int:
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=2).status_code
    return 0


@pytest.mark.kafka
def test_the_variables_of_kafka_make_a_broker_that_answers(tmp_path: Path) -> None:
    """Runs what the image runs: Kafka's own program that turns variables into a file and formats the folder."""
    try:
        classpath = f"{jars('kafka', user_cache())}/*"
        program = java()
    except SetupError as error:
        pytest.skip(str(error))
    ports = {number: str(free_port()) for number in ("9092", "9093", "19092")}
    environment = compose.environment(compose.services()["kafka"], VALUES) | {"KAFKA_LOG_DIRS": str(tmp_path / "data")}
    for name, value in environment.items():
        if "LISTENERS" in name or "VOTERS" in name:
            local = re.sub(r"//(0\.0\.0\.0|kafka):", "//127.0.0.1:", value)
            environment[name] = re.sub(r":(\d+)", lambda found: f":{ports[found[1]]}", local)
    for folder in ("default", "mounted", "final"):
        (tmp_path / folder).mkdir()
    for file in ("server.properties", "log4j2.yaml", "tools-log4j2.yaml"):
        (tmp_path / "default" / file).write_text("Configuration:\n" if file.endswith("yaml") else "")
    logging = (compose.ROOT / "deploy" / "images" / "kafka-log4j2.properties").as_uri()
    # The image's heap: the log cleaner alone takes 128 MiB of it in one piece at the start.
    heap = environment["KAFKA_HEAP_OPTS"].split()
    runtime = [program, f"-Dlog4j2.configurationFile={logging}", *heap, "-cp", classpath]
    options = [f"--{each}-configs-dir={tmp_path / each}" for each in ("default", "mounted", "final")]
    setup = [*runtime, "kafka.docker.KafkaDockerWrapper", "setup", *options]
    done = subprocess.run(setup, env=os.environ | environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    broker = Program("kafka", tmp_path)
    command = [*runtime, "kafka.Kafka", str(tmp_path / "final" / "server.properties")]
    broker.start(command, lambda: speaks_kafka(int(ports["9092"])), die_with_parent=True)
    try:
        assert speaks_kafka(int(ports["19092"]))
        assert f"cluster.id={VALUES['KAFKA_CLUSTER_ID']}" in (tmp_path / "data" / "meta.properties").read_text()
    finally:
        broker.stop()


@pytest.fixture
def given(kafka: Broker, mariadb_url: str, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Variables that lead the containers to services that are there, apart from all other tests."""
    run = uuid.uuid4().hex[:8]
    topics = {
        variable(f"kafka.{name}_topic"): f"{name}-{run}"
        for name in ("events", "scored", "pages", "erasures", "experiments", "dead")
    }
    groups = {variable(f"{part}.group"): f"{part}-{run}" for part in ("worker", "storage", "webhooks")}
    with clickhouse_front(tmp_path / "clickhouse") as port:
        yield (
            topics
            | groups
            | {
                variable("kafka.bootstrap"): kafka.bootstrap,
                # This broker knows no users; tests/e2e/test_kafka_rights.py has one that does.
                variable("kafka.security_protocol"): "PLAINTEXT",
                variable("storage.url"): mariadb_url,
                variable("storage.clickhouse_host"): "127.0.0.1",
                variable("storage.clickhouse_port"): str(port),
            }
        )


@pytest.mark.kafka
@pytest.mark.mariadb
def test_the_whole_becomes_healthy_and_scores_a_visit(given: dict[str, str], commands: Path, tmp_path: Path) -> None:
    def container(name: str) -> Container:
        return Container(name, commands, tmp_path, given)

    for name in ("models", "topics", "migrate"):
        code, output = container(name).wait()
        assert code == 0, output
    running = {name: container(name) for name in PORTS}
    try:
        for each in running.values():
            each.until_healthy()
            assert {status(each.port, path) for path in kubernetes.probe_paths()} == {200}
        with httpx.Client(headers={"X-OPECOM-Key": VALUES["WRITE_KEY"]}, timeout=90) as http:
            tracker = f"http://127.0.0.1:{running['ingest'].port}/tracker"
            assert http.post(f"{tracker}/session/start", json={"session_id": "s"}).status_code == 202
            page = {"session_id": "s", "page_url": "/products/42", "page_type": "ProductRelated"}
            assert http.post(f"{tracker}/pageview", json=page).status_code == 202
        intent = f"http://127.0.0.1:{running['api'].port}/sessions/s/intent"
        key = {"X-OPECOM-Key": VALUES["READ_KEY"]}

        def scored() -> bool:
            answer = httpx.get(intent, headers=key, timeout=90)
            return answer.status_code == 200 and answer.json()["counts"]["page_views"] == 1

        assert wait_until(scored, 60), httpx.get(intent, headers=key, timeout=90).text
    finally:
        ended = {name: each.stop() for name, each in running.items()}
    assert set(ended.values()) == {0}
