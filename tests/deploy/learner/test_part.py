"""The part that sleeps: what it reports of its looks, and that it ends when it is stopped."""

import asyncio
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from deploy.doctor.learning import learning
from deploy.learner.once import LookReport, SiteState
from deploy.processes.probes import ProbeAddress
from deploy.settings.model import LearningSettings, Settings
from deploy.wiring import learner
from deploy.wiring.learner import LearnerMetrics, LearnerPart
from storage.learner.answers import LearningRuns, SiteLearning
from tests.support.learners import learner_run

HERE = ProbeAddress("127.0.0.1", 8000)


def output(report: LookReport) -> bytes:
    return b"a line\n" + msgspec.json.encode(report) + b"\n"


def test_what_a_look_found_is_in_the_metrics() -> None:
    registry = CollectorRegistry()
    part = LearnerPart(LearnerMetrics(registry))
    states = [SiteState("shop", "watching", ""), SiteState("other", "waiting", "")]
    part.take(0, output(LookReport(states, {"watching": 1, "refused": 2}, [])))
    part.take(70, output(LookReport(states[:1], {"refused": 1}, ["shop: Kafka is away"])))
    assert part.notice == "later: shop: Kafka is away"
    part.take(-9, b"")
    assert part.notice == "the last look ended with code -9: see the log"
    values = {
        (each.name, *each.labels.values()): each.value
        for family in registry.collect()
        for each in family.samples
        if not each.name.endswith("_created")
    }
    assert values.pop(("opecom_learner_last_look_timestamp_seconds",)) > 1e9
    assert values == {
        ("opecom_learner_looks_total", "done"): 1,
        ("opecom_learner_looks_total", "again"): 1,
        ("opecom_learner_looks_total", "failed"): 1,
        ("opecom_learner_runs_total", "watching"): 1,
        ("opecom_learner_runs_total", "refused"): 3,
        ("opecom_learner_site_state", "shop", "watching"): 1,
    }


async def test_it_looks_in_another_process_and_ends_with_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """The look here is of a data folder on which nothing runs: it ends with 70, and is repeated."""
    monkeypatch.setattr(learner, "FIRST_LOOK", 0.0)
    monkeypatch.setenv("OPECOM_DATA_DIR", str(tmp_path))
    looks, stop, taken = [], asyncio.Event(), LearnerPart.take

    def take(part: LearnerPart, code: int, output: bytes) -> None:
        taken(part, code, output)
        looks.append(code)
        stop.set()

    monkeypatch.setattr(LearnerPart, "take", take)
    settings = Settings(data_dir=tmp_path, learning=LearningSettings(metrics_port=0))
    assert await learner.run(settings, stop) == 0
    assert looks == [70]


async def test_a_look_that_is_under_way_ends_when_the_part_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learner, "OPECOM", ("sleep", "1000"))
    monkeypatch.setattr(learner, "LOOK_ARGUMENTS", ())
    part, stop = LearnerPart(LearnerMetrics(CollectorRegistry())), asyncio.Event()
    looking = asyncio.create_task(part.look(stop))
    await asyncio.sleep(0)
    stop.set()
    await asyncio.wait_for(looking, 60)
    assert part.notice == ""


@pytest.mark.parametrize(
    ("promotion", "missing", "status", "found"),
    [
        ("off", "", 200, [("ok", "off: learning.promotion says so")]),
        ("auto", "onnx is not installed", 200, [("warning", "onnx is not installed")]),
        ("auto", "", 403, []),
        (
            "propose",
            "",
            200,
            [("ok", "other: refused new; it is not better"), ("warning", "shop: proposed new; the gate lets it pass")],
        ),
    ],
)
def test_the_doctor_has_a_line_for_each_site(
    promotion: str, missing: str, status: int, found: list[tuple[str, str]]
) -> None:
    newest = learner_run(number=2, step="proposed", candidate="new", reasons=("the gate lets it pass",))
    other = learner_run(site="other", candidate="new", reasons=("it is not better",))
    answer = LearningRuns([SiteLearning("other", [other]), SiteLearning("shop", [newest, learner_run()])])
    text = msgspec.json.encode(answer).decode()
    lines = learning(promotion, missing, HERE, lambda *_: (status, text))
    assert [(each.state, each.line) for each in lines] == found
