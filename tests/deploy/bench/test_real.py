"""Each benchmark, small, on real Kafka: the parts run, every record comes back, every figure is there."""

import asyncio

import pytest
from pydantic import SecretStr

from deploy.bench import history, ingest, latency, load, load_embedded, peers, replay, sessions, soak, worker, writer
from deploy.bench.result import TARGETS
from deploy.bench.run import alone, changed, started
from deploy.settings.model import Settings
from tests.support.services import Broker, MariaDb

MAY_BE_ZERO = ("rss_growth_mb", "lost", "lag_seconds")


def figures(bench: str, kafka: Broker, database: str = "") -> dict[str, float]:
    module = {
        "worker": worker, "latency": latency, "ingest": ingest, "writer": writer, "replay": replay,
        "sessions": sessions, "peers": peers, "load": load,
    }[bench]  # fmt: skip
    settings = changed(Settings(profile="services"), "kafka", bootstrap=kafka.bootstrap)
    settings = changed(settings, "storage", url=SecretStr(database))
    with started(settings) as run:
        measured, _ = asyncio.run(module.measure(run, None, True))
    assert measured.keys() == TARGETS[bench].keys()
    assert all(figure > 0 for name, figure in measured.items() if name not in MAY_BE_ZERO)
    return measured


@pytest.mark.kafka
def test_ingest(kafka: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "WARM", 100)
    monkeypatch.setattr(ingest, "QUICK_BATCHED", 2_000)
    monkeypatch.setattr(ingest, "QUICK_SINGLE", 400)
    figures("ingest", kafka)


@pytest.mark.kafka
@pytest.mark.long
def test_latency(kafka: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "RATE", 100)
    monkeypatch.setattr(latency, "QUICK_SECONDS", 3)
    monkeypatch.setattr(latency, "WARM_SECONDS", 1)
    figures("latency", kafka)


@pytest.mark.kafka
@pytest.mark.long
def test_worker(kafka: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "QUICK_BACKLOG", 10_000)
    monkeypatch.setattr(worker, "QUICK_NAIVE", 500)
    figures("worker", kafka)


@pytest.mark.kafka
@pytest.mark.mariadb
@pytest.mark.long
def test_writer(kafka: Broker, mariadb: MariaDb, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "QUICK_EVENTS", 2_000)
    figures("writer", kafka, mariadb.url)


@pytest.mark.kafka
@pytest.mark.mariadb
@pytest.mark.long
def test_replay(kafka: Broker, mariadb: MariaDb, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "QUICK_YEAR", 2_000)
    monkeypatch.setattr(replay, "LONG", 12)
    figures("replay", kafka, mariadb.url)


@pytest.mark.kafka
@pytest.mark.long
def test_sessions(kafka: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "QUICK_SESSIONS", 2_000)
    assert figures("sessions", kafka)["open_sessions"] == 2_000


@pytest.mark.long
def test_history(monkeypatch: pytest.MonkeyPatch) -> None:
    # The gate wants 30 buyers in the newest fifth, and of this shop three in a hundred buy.
    monkeypatch.setattr(history, "QUICK_SESSIONS", 9_000)
    with alone(Settings()) as run:
        measured, notes = asyncio.run(history.measure(run, None, True))
    assert measured.keys() >= TARGETS["history"].keys()
    assert all(figure > 0 for figure in measured.values()), notes


@pytest.mark.kafka
@pytest.mark.long
def test_peers(kafka: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "QUICK_BACKLOG", 5_000)
    monkeypatch.setattr(peers, "QUICK_NAIVE", 1_000)
    monkeypatch.setattr(peers, "QUICK_REQUESTS", 500)
    figures("peers", kafka)


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "QUICK_FIRST", 100)
    monkeypatch.setattr(load, "QUICK_SECONDS", 2.0)
    monkeypatch.setattr(load, "MOST", 2)
    monkeypatch.setattr(load, "EVENTS", 2_000)


@pytest.mark.kafka
@pytest.mark.mariadb
@pytest.mark.long
@pytest.mark.usefixtures("small_steps")
def test_load(kafka: Broker, mariadb: MariaDb) -> None:
    assert figures("load", kafka, mariadb.url)["lost"] == 0


@pytest.mark.long
@pytest.mark.usefixtures("small_steps")
def test_load_embedded() -> None:
    with alone(Settings()) as run:
        measured, notes = asyncio.run(load_embedded.measure(run, None, True))
    assert measured.keys() == TARGETS["load --embedded"].keys()
    assert measured["lost"] == 0, notes


@pytest.mark.kafka
@pytest.mark.mariadb
@pytest.mark.long
@pytest.mark.usefixtures("small_steps")
@pytest.mark.parametrize("given", [None, 200.0], ids=["of a load that is found", "of a given load"])
def test_soak(kafka: Broker, mariadb: MariaDb, given: float | None) -> None:
    settings = changed(Settings(profile="services"), "kafka", bootstrap=kafka.bootstrap)
    settings = changed(settings, "storage", url=SecretStr(mariadb.url))
    with started(settings) as run:
        measured, notes = asyncio.run(soak.measure(run, None, True, minutes=0.2, load=given))
    assert measured.keys() == TARGETS["soak"].keys()
    assert (measured["lost"], measured["rate"] > 0) == (0, True), notes
