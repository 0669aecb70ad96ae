"""What a running system tells those who look after it: every metric that rules and dashboard name, and the doctor."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from deploy.log import topics
from deploy.log.client_options import client_options, kafka_clients
from deploy.processes.probes import ProbeAddress, get
from deploy.settings.model import KafkaSettings
from deploy.wiring.learner import LearnerMetrics
from storage.database.engine import engine_of
from storage.database.migrate import relational_run
from tests.support.monitoring import EXPRESSIONS
from tests.support.promql import MetricSelector, selectors_of
from tests.support.services import Broker
from tests.support.stack import Stack, new_stack, up

CHECKS = (
    "settings", "installation", "data folder", "spool", "keys and sites", "model", "Kafka", "topics", "worker group",
    "writer group", "relational database", "ClickHouse", "clocks", "ingest", "worker", "store",
    "webhooks", "learning",
)  # fmt: skip


#: Metrics that have samples for sites with fifty buyers or a week of sessions alone, and what labels they have then.
OF_SITES = {
    "opecom_writer_model_auc": {"site": "shop", "end": "high"},
    "opecom_api_drift_alarms": {"site": "shop"},
    "opecom_api_drift_checked_timestamp_seconds": {"site": "shop"},
}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    # As a user starts it: each part a program.
    with up(new_stack(tmp_path_factory.mktemp("stack")), parts_forked=False) as running:
        done = running.opecom("simulate", "uci", "--sessions", "20", "--verify")
        assert done.returncode == 0, done.stdout + done.stderr
        assert running.opecom("query", "live").returncode == 0
        yield running


def samples(stack: Stack) -> list[tuple[str, dict[str, str]]]:
    ports = ("INGEST__PORT", "WORKER__METRICS_PORT", "STORAGE__METRICS_PORT", "API__PORT", "WEBHOOKS__METRICS_PORT")
    found, key = [], stack.admin_headers["X-OPECOM-Key"]
    for port in ports:
        address = ProbeAddress("127.0.0.1", int(stack.environment[f"OPECOM_{port}"]))
        status, text = get(address, "/metrics", key)
        assert status == 200, port
        for family in text_string_to_metric_families(text):
            found += [(sample.name, sample.labels) for sample in family.samples]
            if family.name in OF_SITES:
                found.append((family.name, OF_SITES[family.name]))
    return found + learner_samples()


def learner_samples() -> list[tuple[str, dict[str, str]]]:
    """What the learner exports once it has looked at a site; the system of these tests runs none."""
    registry = CollectorRegistry()
    metrics = LearnerMetrics(registry)
    metrics.runs.labels("watching")
    metrics.sites.labels("shop", "watching")
    return [(sample.name, sample.labels) for family in registry.collect() for sample in family.samples]


def test_rules_and_dashboard_name_only_what_the_parts_export(stack: Stack) -> None:
    wanted = {each for expression in EXPRESSIONS for each in selectors_of(expression)}
    assert len(wanted) > 50
    until, missing = time.monotonic() + 60, wanted
    # The lag of the worker is told by its watchdog, every five seconds.
    while missing and time.monotonic() < until:
        told = samples(stack)
        missing = {each for each in wanted if not each.in_samples(told)}
        time.sleep(0.2)
    assert not missing
    assert not MetricSelector("opecom_worker_records_total", (("outcome", "lost"),), frozenset()).in_samples(told)


def lines(said: str) -> dict[str, str]:
    """The state of each check."""
    return {check: line.split()[0] for line in said.splitlines() for check in CHECKS if line[8:].startswith(check)}


def test_a_running_system_is_well(stack: Stack) -> None:
    done = stack.opecom("doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    assert lines(done.stdout) == dict.fromkeys(CHECKS, "ok"), done.stdout
    assert len(done.stdout.splitlines()) == len(CHECKS)
    assert "chDB is held by the store" in done.stdout
    assert "reads alone, 0 records behind" in done.stdout


def test_the_same_as_json(stack: Stack) -> None:
    said = json.loads(stack.opecom("doctor", "--json").stdout)
    assert said["state"] == "ok"
    assert [finding["check"] for finding in said["findings"]] == list(CHECKS)


def test_a_stopped_system_is_at_fault_and_stays_as_it_is(tmp_path: Path) -> None:
    stopped = new_stack(tmp_path)
    done = stopped.opecom("doctor")
    assert done.returncode == 1
    found = lines(done.stdout)
    assert {check for check, state in found.items() if state == "fault"} == {
        *("Kafka", "ingest", "worker", "store", "webhooks")
    }
    assert done.stdout.count("`opecom up`") == 5
    assert not list(tmp_path.iterdir())


def test_the_databases_of_a_stopped_system_are_opened(tmp_path: Path) -> None:
    stack = new_stack(tmp_path)
    assert stack.opecom("migrate").returncode == 0
    done = stack.opecom("doctor")
    assert "SQLite 3." in done.stdout
    assert "chDB 2" in done.stdout
    assert done.stdout.count("schema as this program needs it") == 2


def test_a_setting_that_is_none_is_one_line(tmp_path: Path) -> None:
    done = new_stack(tmp_path, OPECOM_INGEST__PORT="none").opecom("doctor", "--json")
    assert done.returncode == 1
    said = json.loads(done.stdout)
    assert said["state"] == "fault"
    [finding] = said["findings"]
    assert "OPECOM_INGEST__PORT" in finding["line"]


@pytest.mark.kafka
@pytest.mark.mariadb
async def test_faults_of_kafka_and_mariadb_are_a_line_each(kafka: Broker, mariadb_url: str, tmp_path: Path) -> None:
    made = kafka.settings(partitions=2)
    await topics.ensure(kafka_clients(made), topics.wanted(made))
    names = [name for name in KafkaSettings.model_fields if name.endswith("_topic")]
    stack = new_stack(
        tmp_path,
        OPECOM_PROFILE="services",
        OPECOM_KAFKA__BOOTSTRAP=made.bootstrap,
        OPECOM_KAFKA__PARTITIONS="2",
        **{f"OPECOM_KAFKA__{name.upper()}": getattr(made, name) for name in names},
        OPECOM_STORAGE__URL=mariadb_url,
        OPECOM_API__READ_KEYS='["a-read-key-of-tests"]',
    )
    assert stack.opecom("migrate").returncode == 0
    well = stack.opecom("doctor")
    assert well.returncode == 0, well.stdout + well.stderr
    assert "start `opecom run worker`, or run `opecom doctor` on the machine where it runs" in well.stdout

    admin = AIOKafkaAdminClient(**client_options(made))
    await admin.start()
    await admin.create_partitions({made.events_topic: NewPartitions(3)})
    await admin.close()
    engine = engine_of(mariadb_url)
    relational_run(engine)("UPDATE schema_version SET version = 0")
    engine.dispose()
    ill = stack.opecom("doctor")
    assert ill.returncode == 1
    faults = [line for line in ill.stdout.splitlines() if line.startswith("fault")]
    assert len(faults) == 2, ill.stdout
    assert f"topic {made.events_topic} has 3 partitions and must have 2" in faults[0]
    assert "OPECOM_KAFKA__PARTITIONS=3" in faults[0]
    assert "the mariadb schema is at 0" in faults[1]
    assert faults[1].endswith("run `opecom migrate`")
