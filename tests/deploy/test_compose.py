"""docker-compose.yml is valid, contained, and asks for nothing that the project does not have."""

import asyncio
import re
import shlex
import subprocess
import sys
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import make_url
from typer.testing import CliRunner

from deploy.cli.main import app
from deploy.errors import SetupError
from deploy.log.acls import KafkaPart, user_of
from deploy.log.controls import put_erasures, write_control
from deploy.settings.model import Settings, load, variable
from ingest.events import UsePages
from tests.support import compose, secured_kafka, services
from tests.support.commands import parse
from tests.support.ports import free_port

SERVICES = compose.services()
OURS = compose.ours()
ONE_SHOT = {"models", "topics", "rights", "migrate"}
#: Our part, the setting of its HTTP port, and that of the address it listens on.
HTTP = {
    "ingest": ("ingest.port", "ingest.host"),
    "api": ("api.port", "api.host"),
    "worker": ("worker.metrics_port", "worker.metrics_host"),
    "writer": ("storage.metrics_port", "storage.metrics_host"),
    "webhooks": ("webhooks.metrics_port", "webhooks.metrics_host"),
    "learner": ("learning.metrics_port", "learning.metrics_host"),
}
#: A value for every variable, as long as a good secret is.
VALUES = {name: value or f"{name.lower().replace('_', '')[:10]:x<22}" for name, value in compose.example().items()}


@pytest.fixture(params=OURS)
def settings(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, no_settings_file: None
) -> tuple[str, Settings]:
    """One of our services and the settings in force in its container; a variable that is no setting is an error."""
    for name, value in compose.environment(OURS[request.param], VALUES).items():
        monkeypatch.setenv(name, value)
    return request.param, load()


def setting(settings: Settings, name: str) -> Any:
    group, _, key = name.partition(".")
    return getattr(getattr(settings, group), key)


def test_it_follows_the_compose_specification() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(compose.FILE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_an_image_is_pinned(name: str) -> None:
    tagged, _, digest = SERVICES[name]["image"].partition("@")
    image, _, tag = tagged.rpartition(":")
    assert re.fullmatch(r"\d+(\.\d+)+", tag)
    assert re.fullmatch(r"(sha256:[0-9a-f]{64})?", digest)
    if image == compose.OUR_IMAGE:
        assert tag == version("op-ecom")


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_is_contained(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"])
    assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}
    assert service["stop_grace_period"] == "30s"
    assert service["restart"] == ("no" if name in ONE_SHOT else "unless-stopped")
    assert not {"privileged", "cap_add", "pid", "ipc", "network_mode", "devices"} & service.keys()


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_of_this_machine_only(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert compose.filled(port, VALUES).startswith("127.0.0.1:")


@pytest.mark.parametrize("name", SERVICES)
def test_what_runs_on_has_a_health_check_and_what_waits_for_it_declares_it(name: str) -> None:
    assert ("healthcheck" in SERVICES[name]) == (name not in ONE_SHOT)
    for other, how in SERVICES[name].get("depends_on", {}).items():
        done = "service_completed_successfully" if other in ONE_SHOT else "service_healthy"
        assert how == {"condition": done}


def test_every_part_of_the_services_profile_is_there() -> None:
    commands = {tuple(service["command"]) for service in OURS.values()}
    assert commands == {
        ("topics", "create"), ("migrate",), ("run", "ingest"), ("run", "worker"), ("run", "writer"), ("run", "api"),
        ("run", "webhooks"), ("run", "learner"), ("models", "seed"), ("topics", "acls", "--apply"),
    }  # fmt: skip


@pytest.mark.parametrize("name", OURS)
def test_a_command_exists(name: str) -> None:
    parse(OURS[name]["command"])


def test_our_parts_listen_where_their_check_and_their_port_look(settings: tuple[str, Settings]) -> None:
    name, in_force = settings
    if name in ONE_SHOT:
        return
    port, host = (setting(in_force, each) for each in HTTP[name])
    assert host == "0.0.0.0"  # noqa: S104 - inside its container
    assert f"'http://127.0.0.1:{port}/readyz'" in OURS[name]["healthcheck"]["test"][-1]
    ports = [port, *([in_force.console.port] if name == "api" else [])]
    published = [compose.filled(each, VALUES).rpartition(":")[2] for each in OURS[name].get("ports", [])]
    assert published in ([], [str(each) for each in ports])
    assert name != "api" or in_force.console.host == host


def test_our_parts_are_of_the_services_profile_and_find_kafka(settings: tuple[str, Settings]) -> None:
    name, in_force = settings
    assert in_force.profile == "services"
    if variable("kafka.bootstrap") in OURS[name]["environment"]:
        assert f"INSIDE://{in_force.kafka.bootstrap}" in kafka_listeners()


def test_each_part_is_a_user_of_kafka_that_the_broker_knows(settings: tuple[str, Settings]) -> None:
    name, in_force = settings
    if variable("kafka.bootstrap") not in OURS[name]["environment"]:
        assert variable("kafka.password") not in OURS[name]["environment"]
        return
    user = "operator" if name in ONE_SHOT else name
    kafka = compose.environment(SERVICES["kafka"], VALUES)
    password = in_force.kafka.password.get_secret_value()
    assert in_force.kafka.username == user_of(cast(KafkaPart, user), "op-ecom-")
    assert password == VALUES[f"KAFKA_{user.upper()}_PASSWORD"]
    assert in_force.kafka.sasl_mechanism == kafka["KAFKA_SASL_ENABLED_MECHANISMS"] == "PLAIN"
    protocols = kafka["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(",")
    assert {each.partition(":")[2] for each in protocols} == {in_force.kafka.security_protocol}
    for listener in ("CONTROLLER", "INSIDE", "HOST"):
        login = kafka[f"KAFKA_LISTENER_NAME_{listener}_PLAIN_SASL_JAAS_CONFIG"]
        assert f'user_{in_force.kafka.username}="{password}"' in login
    assert kafka["KAFKA_SUPER_USERS"] == "User:op-ecom-operator"


@pytest.mark.kafka
def test_the_settings_of_kafka_make_one_that_wants_a_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker itself, with the properties that its image makes of these variables; only places are others."""
    if services.find("OPECOM_TEST_KAFKA").way != "programs":
        pytest.skip("needs a broker of its own, by Java and Maven")
    (port, inside, controller), check = (free_port() for _ in range(3)), SERVICES["kafka"]["healthcheck"]["test"]
    places = {"localhost:9093": f"localhost:{controller}", "0.0.0.0:19092": f"127.0.0.1:{inside}",
              "kafka:19092": f"127.0.0.1:{inside}", "0.0.0.0:9092": f"127.0.0.1:{port}",
              "/var/lib/kafka/data": str(tmp_path / "logs")}  # fmt: skip
    given = compose.environment(SERVICES["kafka"], VALUES | {"KAFKA_PORT": str(port)})
    with secured_kafka.from_image(tmp_path, given, places, inside) as log:
        command = [word.replace("/19092", f"/{inside}").replace("$$", "$") for word in check[1:]]
        assert check[0] == "CMD"
        done = subprocess.run(command, check=False, timeout=60, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        for name, value in compose.environment(OURS["rights"], VALUES).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv(variable("kafka.bootstrap"), f"127.0.0.1:{port}")
        for words in (["topics", "create"], OURS["rights"]["command"]):
            made = CliRunner().invoke(app, words, catch_exceptions=False)
            assert made.exit_code == 0, made.output
        monkeypatch.setenv(variable("kafka.username"), "op-ecom-ingest")
        monkeypatch.setenv(variable("kafka.password"), VALUES["KAFKA_INGEST_PASSWORD"])
        asyncio.run(write_control(load().kafka, UsePages(1)))
        with pytest.raises(SetupError, match="not"):
            asyncio.run(put_erasures(load().kafka, ["0" * 64], settled=False))
        monkeypatch.setenv(variable("kafka.password"), "wrong")
        with pytest.raises(SetupError, match=r"kafka\.bootstrap"):
            asyncio.run(write_control(load().kafka, UsePages(1)))
        assert "User:op-ecom-ingest is Denied operation = DESCRIBE" in log.read_text()


def kafka_listeners() -> list[str]:
    return compose.environment(SERVICES["kafka"], VALUES)["KAFKA_ADVERTISED_LISTENERS"].split(",")


def test_kafka_advertises_the_published_port_to_the_host() -> None:
    (published,) = SERVICES["kafka"]["ports"]
    assert f"HOST://{compose.filled(published, VALUES).removesuffix(':9092')}" in kafka_listeners()


def test_our_parts_know_the_databases_as_these_were_made(settings: tuple[str, Settings]) -> None:
    name, in_force = settings
    if variable("storage.url") not in OURS[name]["environment"]:
        return
    mariadb = compose.environment(SERVICES["mariadb"], VALUES)
    url = make_url(in_force.storage.url.get_secret_value())
    assert (url.drivername, url.host, url.port) == ("mariadb+pymysql", "mariadb", 3306)
    assert [url.username, url.password, url.database] == [
        mariadb[f"MARIADB_{each}"] for each in ("USER", "PASSWORD", "DATABASE")
    ]
    if name == "webhooks":
        assert not [variable for variable in OURS[name]["environment"] if "CLICKHOUSE" in variable]
        return
    clickhouse = compose.environment(SERVICES["clickhouse"], VALUES)
    assert (in_force.storage.clickhouse_host, in_force.storage.clickhouse_port) == ("clickhouse", 8123)
    assert in_force.storage.clickhouse_user == clickhouse["CLICKHOUSE_USER"]
    assert in_force.storage.clickhouse_password.get_secret_value() == clickhouse["CLICKHOUSE_PASSWORD"]


def test_learner_and_query_api_write_to_the_registry_that_the_worker_reads(settings: tuple[str, Settings]) -> None:
    name, in_force = settings
    mounts = [each.split(":") for each in OURS[name].get("volumes", []) if each.startswith("models:")]
    how = {"models": [], "topics": [], "learner": [], "worker": ["ro"], "api": []}
    assert [rest for _, _, *rest in mounts] == ([how[name]] if name in how else [])
    for _, folder, *_ in mounts:
        assert Path(folder) in Path(in_force.scoring.registry).parents
        if name == "learner":
            # Its reports outlive it, and are no version.
            assert in_force.data_dir.parent == Path(folder)
            assert in_force.data_dir != Path(in_force.scoring.registry)


def test_a_spool_of_ingest_outlives_its_container(settings: tuple[str, Settings]) -> None:
    name, in_force = settings
    mounts = [each.split(":") for each in OURS[name].get("volumes", []) if each.startswith("spool:")]
    assert [rest for _, _, *rest in mounts] == ([[]] if name == "ingest" else [])
    for _, folder, *_ in mounts:
        assert Path(folder) in in_force.data_dir.parents
        assert not in_force.ingest.spool, "without it, accepted means that Kafka has the event"


def test_a_new_volume_belongs_to_our_user() -> None:
    (user,) = {service["user"] for service in OURS.values()}
    image = (compose.ROOT / "deploy" / "images" / "Dockerfile").read_text()
    ours = {
        volume.split(":")[1]
        for service in OURS.values()
        for volume in service.get("volumes", [])
        if not volume.startswith(".")
    }
    assert ours == set(re.findall(rf"COPY --from=build --chown={user} \S+ (\S+)", image))


def test_ingest_finds_the_query_api() -> None:
    ingest = compose.environment(OURS["ingest"], VALUES)
    assert ingest[variable("ingest.api_url")] == f"http://api:{Settings().api.port}"
    assert "api" in OURS


def test_no_secret_has_a_default() -> None:
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|KEYS|STORAGE__URL|CLUSTER_ID", name):
                assert set(compose.variables(str(value)).values()) == {"?"}, f"{name} has a value of its own"


def test_the_example_names_every_variable_states_what_it_is_and_gives_no_secret() -> None:
    asked, given = compose.variables(compose.FILE.read_text()), compose.example()
    assert asked.keys() == given.keys()
    assert {name for name, mark in asked.items() if mark == "?"} == {name for name, value in given.items() if not value}
    defaults = dict(re.findall(r"\$\{(\w+):-(\w+)\}", compose.FILE.read_text()))
    assert defaults == {name: value for name, value in given.items() if value}
    lines = (compose.ROOT / ".env.example").read_text().splitlines()
    for before, line in pairwise(lines):
        if line.endswith("="):
            assert before.startswith("# "), f"{line} has no meaning"


def test_what_is_mounted_exists() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (compose.ROOT / source).is_file()
        if "build" in service:
            assert (compose.ROOT / service["build"]["dockerfile"]).is_file()


def test_the_documented_command_fills_in_every_secret() -> None:
    """Runs the command of docs/operations.md that makes .env, on the example."""
    document = (compose.ROOT / "docs" / "operations.md").read_text()
    (line,) = [line for line in document.splitlines() if line.endswith("> .env")]
    command = line.removesuffix("> .env")
    assert ".env.example" in shlex.split(command)
    done = subprocess.run(["sh", "-c", command], cwd=compose.ROOT, capture_output=True, text=True, check=True)
    made = dict(each.split("=", 1) for each in done.stdout.splitlines() if each and not each.startswith("#"))
    secrets = [made[name] for name, value in compose.example().items() if not value]
    assert all(re.fullmatch(r"[0-9a-f]{22}", secret) for secret in secrets)
    assert len(set(secrets)) == len(secrets)
