"""What the doctor says of retention: of Kafka, which may keep longer, and of the last run."""

from typing import Any

import pytest

from deploy.doctor.retention import kafka_keeps, retention
from deploy.processes.probes import ProbeAddress
from deploy.settings.model import KafkaSettings
from storage.http.answers import encode
from storage.retention.answers import RetentionReport, RetentionRun
from storage.retention.limits import DAY_MS, Cutoffs, SiteRetention
from tests.support.events import NOON

API = ProbeAddress("127.0.0.1", 8000)
KAFKA = KafkaSettings(events_retention_hours=24 * 30, scored_retention_hours=24 * 7)


@pytest.mark.parametrize(
    ("limits", "in_memory", "settings"),
    [
        pytest.param({"shop": SiteRetention()}, False, [], id="no limit"),
        pytest.param({"shop": SiteRetention(30)}, False, [], id="as long as Kafka"),
        pytest.param(
            {"shop": SiteRetention(30), "b": SiteRetention(10)},
            False,
            ["events_retention_hours"],
            id="shorter than one",
        ),
        pytest.param(
            {"b": SiteRetention(3)}, False, ["events_retention_hours", "scored_retention_hours"], id="shorter than both"
        ),
        pytest.param({"b": SiteRetention(3)}, True, [], id="a broker in memory"),
    ],
)
def test_kafka_keeps_longer(limits: dict[str, SiteRetention], in_memory: bool, settings: list[str]) -> None:
    found = kafka_keeps(KAFKA, limits, in_memory)
    assert {each.state for each in found} <= {"warning"}
    for finding, name in zip(found, settings, strict=True):
        assert f"kafka.{name} to " in finding.line
        assert "sites.b.retention_days" in finding.line
        assert "`opecom topics create`" in finding.line


def run(started_at: int, state: Any) -> RetentionRun:
    return RetentionRun(started_at, started_at, state, Cutoffs({"shop": 0}), {"sessions": 1_200, "page_views": 34})


@pytest.mark.parametrize(
    ("runs", "state", "said"),
    [
        pytest.param([run(NOON - DAY_MS, "done")], "ok", "the last run removed 1,234 rows", id="yesterday"),
        pytest.param(
            [run(NOON, "running"), run(NOON - 3 * DAY_MS, "done")],
            "warning",
            "(a replay runs): `opecom retention run`",
            id="waiting for days",
        ),
        pytest.param([], "warning", "`opecom retention run`", id="never"),
    ],
)
def test_the_last_run(runs: list[RetentionRun], state: str, said: str) -> None:
    answer = encode(RetentionReport([], runs, "a replay runs")).decode()
    (finding,) = retention({"shop": SiteRetention(90)}, API, lambda *_: (200, answer), NOON)
    assert finding.state == state
    assert said in finding.line
    assert "shop 90 days" in finding.line
    assert retention({"shop": SiteRetention()}, API, lambda *_: (200, answer), NOON) == []
    assert retention({"shop": SiteRetention(90)}, API, lambda *_: (403, ""), NOON) == []
