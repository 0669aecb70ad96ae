"""The services profile on a Kafka with the rights of `deploy/log/acls.py`: all works, and nobody is refused a thing."""

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx
import psutil
import pytest
from sqlalchemy import make_url

from deploy.log.acls import KafkaPart
from deploy.processes.ports import wait_until
from deploy.processes.probes import ProbeAddress, is_ready
from tests.support import services
from tests.support.agents import BROWSER
from tests.support.forked import Command
from tests.support.registry import registry_with
from tests.support.secured_kafka import ADMIN, SecuredKafka, secured_kafka
from tests.support.services import new_database
from tests.support.sinks import clickhouse_front
from tests.support.stack import Stack, services_stack

pytestmark = [pytest.mark.kafka, pytest.mark.mariadb]

#: The parts, with the variable of the port on which each says that it is ready.
PORTS: dict[KafkaPart, str] = {
    "ingest": "INGEST__PORT",
    "worker": "WORKER__METRICS_PORT",
    "writer": "STORAGE__METRICS_PORT",
    "api": "API__PORT",
    "webhooks": "WEBHOOKS__METRICS_PORT",
}


@dataclass(frozen=True)
class SecuredSystem:
    """The parts run, each as a user of its own."""

    stack: Stack
    kafka: SecuredKafka
    parts: dict[str, Command]

    def of(self, user: str) -> Stack:
        """The system as a command of this Kafka user sees it."""
        return _as(self.stack, self.kafka.environment_as(user))

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        url, headers = f"{self.stack.api.url}{path}", self.stack.admin_headers
        answer = httpx.request(method, url, headers=headers, timeout=60, **more)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer


def _as(stack: Stack, environment: dict[str, str]) -> Stack:
    return replace(stack, environment=stack.environment | environment)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, mariadb: services.MariaDb) -> Iterator[SecuredSystem]:
    found = services.find("OPECOM_TEST_KAFKA")
    if found.way != "programs":
        pytest.skip(f"needs a broker of its own, by Java and Maven, not {found.note}")
    folder = tmp_path_factory.mktemp("rights")
    (folder / "kafka").mkdir()
    with (
        secured_kafka(folder / "kafka") as kafka,
        new_database(mariadb.url) as url,
        clickhouse_front(folder / "clickhouse") as port,
    ):
        registry = registry_with(folder / "models", ["second"])
        more = {"STORAGE__PAGES_REFRESH_SECONDS": "1", "API__TOKEN_SECRET": "secret-of-the-tests"}
        more |= {"SCORING__REGISTRY": str(registry)}
        given = {f"OPECOM_{name}": value for name, value in more.items()}
        stack = services_stack(folder, kafka.broker, url, port, **given)
        running = SecuredSystem(stack, kafka, {})
        for words in (["topics", "create"], ["topics", "acls", "--apply"]):
            done = running.of(ADMIN).opecom(*words)
            assert done.returncode == 0, done.stdout + done.stderr
        done = running.of("op-ecom-operator").opecom("topics", "create")
        assert done.stdout.strip() == "the topics are as they must be", done.stderr
        done = stack.opecom("migrate")
        assert done.returncode == 0, done.stderr
        with ExitStack() as held:
            for part, variable in PORTS.items():
                own = _as(stack, kafka.environment_of(part))
                address = ProbeAddress("127.0.0.1", int(stack.environment[f"OPECOM_{variable}"]))
                running.parts[part] = held.enter_context(_runs(own, part, address))
            yield running


@contextmanager
def _runs(stack: Stack, part: str, address: ProbeAddress) -> Iterator[Command]:
    running = stack.begin("run", part)
    try:
        ready = wait_until(lambda: running.poll() is not None or is_ready(address), 150)
        assert ready, f"{part} is not ready"
        assert running.poll() is None, running.output_so_far()
        yield running
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(90)


def send(system: SecuredSystem, session_id: str, visitor_id: str) -> None:
    event = {
        "type": "page_view", "session_id": session_id, "visitor_id": visitor_id, "occurred_at": int(time.time() * 1000),
        "page": {"url": "https://shop.example/p/1"},
    }  # fmt: skip
    body = {"sent_at": event["occurred_at"], "site": "default", "events": [event]}
    answer = httpx.post(f"{system.stack.ingest.url}/v1/batch", json=body, headers=BROWSER, timeout=60)
    assert answer.status_code == 202, answer.text


def stored(system: SecuredSystem, session_id: str) -> bool:
    url = f"{system.stack.api.url}/sessions/{session_id}/intent"
    return httpx.get(url, headers=system.stack.read_headers, timeout=60).status_code == 200


def test_events_are_scored_and_stored_and_a_visitor_is_forgotten(system: SecuredSystem) -> None:
    send(system, "s1", "v1")
    send(system, "s2", "v2")
    assert wait_until(lambda: stored(system, "s1") and stored(system, "s2"), 240)
    answer = system.request("DELETE", "/admin/visitors/v2", params={"site": "default"})
    assert answer.json()["state"] in ("running", "done")
    path, asked = "/admin/visitors/v2/erasure", {"site": "default"}
    assert wait_until(lambda: system.request("GET", path, params=asked).json()["state"] == "done", 240)
    assert system.kafka.denied() == []


def test_the_query_api_changes_experiments_and_page_statistics(system: SecuredSystem) -> None:
    arms = [{"name": "control", "share": 50}, {"name": "treatment", "share": 50}]
    system.request("POST", "/experiments", json={"name": "halves", "site": "default", "arms": arms})
    assert system.request("POST", "/experiments/halves/start", json={}).json()["status"] == "running"
    system.request("POST", "/pages/refresh", json={})
    assert system.kafka.denied() == []


def test_the_query_api_reads_streams_lags_and_topics(system: SecuredSystem) -> None:
    with httpx.stream(
        "GET", f"{system.stack.api.url}/intents/stream", headers=system.stack.read_headers, timeout=240
    ) as stream:
        assert stream.status_code == 200
        send(system, "s3", "v3")
        assert any("s3" in line for line in stream.iter_lines())
    groups = system.request("GET", "/health/lag").json()["groups"]
    assert [each["part"] for each in groups] == ["worker", "writer", "webhooks"]
    found = {each["check"]: each for each in system.request("GET", "/health/parts").json()["findings"]}
    assert (found["Kafka"]["state"], found["topics"]["state"]) == ("ok", "ok"), found
    assert system.kafka.denied() == []


def test_the_learner_folds_the_log_again_and_puts_a_model_in_force(system: SecuredSystem) -> None:
    learner = system.of("op-ecom-learner")
    for words in (["replay", "--dry-run"], ["models", "promote", "second"]):
        done = learner.opecom(*words, seconds=300)
        assert done.returncode == 0, done.stdout + done.stderr
    assert system.kafka.denied() == []


def test_the_operator_looks_at_topics_and_publishes_failed_events_again(system: SecuredSystem) -> None:
    for words in (["topics", "check"], ["topics", "retry-failed"]):
        done = system.of("op-ecom-operator").opecom(*words, seconds=300)
        assert done.returncode == 0, done.stdout + done.stderr
    assert system.kafka.denied() == []


def test_no_password_is_on_a_command_line_or_in_a_log(system: SecuredSystem) -> None:
    """Of the parts, of their children, and of what Kafka says of them."""
    secrets = {*system.kafka.passwords.values(), system.stack.environment["OPECOM_API__TOKEN_SECRET"]}
    secrets |= {*system.stack.read_headers.values(), *system.stack.admin_headers.values()}
    secrets.add(str(make_url(system.stack.environment["OPECOM_STORAGE__URL"]).password))
    # The programs of Kafka are those of the test, which gives them passwords.
    parts = [psutil.Process(each.pid) for each in system.parts.values()]
    lines = [" ".join(each.cmdline()) for part in parts for each in (part, *part.children(recursive=True))]
    written = "\n".join(
        [*lines, *(each.output_so_far() for each in system.parts.values()), system.kafka.log.read_text()]
    )
    assert len(written) > 1_000
    assert [secret for secret in secrets if secret in written] == []


def test_what_a_stolen_password_of_ingest_opens_is_no_more_than_writing_events(system: SecuredSystem) -> None:
    thief = system.of("op-ecom-ingest")
    before = len(system.kafka.denied())
    for words in (["topics", "check"], ["run", "webhooks"]):
        done = thief.opecom(*words, seconds=240)
        assert done.returncode != 0, words
        assert "Traceback" not in done.stderr, done.stderr
    refused = {(user, kind) for user, _, kind, _ in system.kafka.denied()[before:]}
    assert ("op-ecom-ingest", "Topic") in refused
