"""What the worker's rounds leave in its metrics."""

import time

import msgspec
import numpy as np
import pytest
from prometheus_client import CollectorRegistry, Histogram

from scoring.model import ConstantModel
from stream.metrics import Distribution, WorkerMetrics
from stream.publish import ListRecordPublisher
from tests.support.events import NOON, event
from tests.support.fakes import FakeClient, FakeLog, worker_on
from tests.support.log import LogRecord, log_of
from tests.support.scored import scored

VALUES = [0.0, 0.1, 0.10001, 0.5, 0.89, 0.9, 1.0]


def test_a_distribution_is_what_a_histogram_of_single_values_is() -> None:
    bounds, ours, theirs = (0.1, 0.5, 0.9), CollectorRegistry(), CollectorRegistry()
    Distribution("values", "Values", bounds, ours).observe(np.array(VALUES))
    usual = Histogram("values", "Values", buckets=bounds, registry=theirs)
    for value in VALUES:
        usual.observe(value)
    for name, labels in (
        ("values_sum", {}), ("values_count", {}),
        *(("values_bucket", {"le": end}) for end in ("0.1", "0.5", "0.9", "+Inf")),
    ):  # fmt: skip
        assert ours.get_sample_value(name, labels) == pytest.approx(theirs.get_sample_value(name, labels)), labels


def value(metrics: WorkerMetrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"opecom_worker_{name}", labels)


async def test_a_round_reports_outcomes_probabilities_the_model_and_the_commit() -> None:
    metrics, now = WorkerMetrics(), int(time.time() * 1000)
    nonsense = LogRecord(0, now, b"default/s1", b"?")
    log = FakeLog({0: [nonsense, *log_of([event(1), event(2, NOON + 5)], start=1)]})
    worker, client = (
        worker_on(log, ListRecordPublisher(), models=lambda _: ConstantModel(0.6), metrics=metrics),
        FakeClient(log),
    )
    assert value(metrics, "records_total", outcome="undecodable") == 0
    await worker.claim({0}, client)
    await worker.round({0: client.fetch(0, 10)}, client)
    await worker.commit(client)
    assert value(metrics, "records_total", outcome="undecodable") == 1
    assert value(metrics, "updates_total") == value(metrics, "probability_count") == 2
    assert value(metrics, "probability_bucket", le="0.5") == 0
    assert value(metrics, "probability_bucket", le="0.6") == 2
    assert value(metrics, "model_info", version="constant", site="") == 1
    assert value(metrics, "round_seconds_count") == value(metrics, "age_seconds_count") == 1
    assert (value(metrics, "age_seconds_sum") or 99) < 60
    assert (value(metrics, "last_commit_timestamp_seconds") or 0) >= now / 1000


def test_sessions_of_programs_are_no_part_of_the_distribution_that_drift_is_judged_by() -> None:
    metrics = WorkerMetrics()
    metrics.count_updates([scored(1, probability=0.05, bot=True), scored(2, probability=0.6)])
    metrics.count_updates([scored(3, probability=0.05, bot=True)])
    assert (value(metrics, "probability_count"), value(metrics, "probability_sum")) == (1, 0.6)
    assert value(metrics, "probability_bucket", le="0.1") == 0
    assert value(metrics, "updates_total") == 3


async def test_another_model_takes_the_place_of_the_one_before() -> None:
    metrics = WorkerMetrics()
    metrics.scored_by({"": "lr-1"})
    metrics.scored_by({"": "lr-2"})
    assert value(metrics, "model_info", version="lr-1", site="") is None
    assert value(metrics, "model_info", version="lr-2", site="") == 1


def test_models_of_sites_are_named_with_their_site_until_they_have_none() -> None:
    metrics = WorkerMetrics()

    def named(*sessions: tuple[str, str], own: tuple[str, ...] = ()) -> set[tuple[str, str]]:
        metrics.count_updates(
            [msgspec.structs.replace(scored(1), site=site, model_version=model) for site, model in sessions], own
        )
        [family] = metrics.model.collect()
        return {(sample.labels["site"], sample.labels["version"]) for sample in family.samples}

    assert named(("a", "m1"), ("b", "m1")) == {("", "m1")}
    assert named(("a", "m1"), ("b~r", "m2"), own=("b",)) == {("", "m1"), ("b", "m2")}
    assert named(("b", "m3"), own=("b",)) == {("", "m1"), ("b", "m3")}
    assert named(("b", "m1")) == {("", "m1")}


async def test_a_partition_that_went_to_another_worker_is_reported_by_that_one_alone() -> None:
    metrics = WorkerMetrics()
    log = FakeLog({number: log_of([event(number + 1, session_id=f"s{number}")]) for number in (0, 1)})
    worker, client = worker_on(log, ListRecordPublisher(), metrics=metrics), FakeClient(log)
    await worker.claim({0, 1}, client)
    await worker.round({number: client.fetch(number, 10) for number in (0, 1)}, client)
    await worker.commit(client)
    assert value(metrics, "open_sessions", partition="1") == 1
    await worker.claim({0}, client)
    await worker.commit(client)
    assert value(metrics, "open_sessions", partition="0") == 1
    assert value(metrics, "open_sessions", partition="1") is None
