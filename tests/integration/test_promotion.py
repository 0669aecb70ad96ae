"""Models promoted, refused and rolled back while events come: every event is scored, by the model of its offset."""

import asyncio
import threading
import time
from collections import Counter
from pathlib import Path
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from deploy.errors import SetupError
from deploy.log import controls, topics
from deploy.log.client_options import client_options, kafka_clients
from deploy.log.site_models import restore_site_models
from deploy.log.topics import log_id
from deploy.processes.audit_file import audit_file
from deploy.promote import promote, roll_back, version_in_force
from deploy.settings.model import KafkaSettings, ScoringSettings, Settings, WorkerSettings
from deploy.wiring import worker
from deploy.wiring.models import CurrentModel
from ingest.events import Event, UseModel, decode, encode, key_of
from scoring import registry
from scoring.folder import place
from scoring.promotions import in_force, promotions
from stream.scored import decode as decode_scored
from stream.scored import decode_dead
from tests.support.events import event
from tests.support.models import break_graph, registry_of
from tests.support.services import Broker

PATIENCE = 90
EVENTS = 3_000


@pytest.fixture
def settings(broker: Broker, tmp_path: Path) -> Settings:
    kafka = broker.settings(partitions=2)
    group = f"worker-{kafka.events_topic}"
    return Settings(
        kafka=kafka,
        data_dir=tmp_path,
        worker=WorkerSettings(metrics_port=0, group=group, session_timeout_ms=6_000),
        scoring=ScoringSettings(registry=str(registry_of(tmp_path / "models", "m1", "m2", "m3"))),
    )


async def records(kafka: KafkaSettings, topic: str, count: int) -> list[tuple[int, int, bytes | None, bytes]]:
    """The first `count` records of a topic: partition, offset, key, value; fewer where no more come."""
    found: list[tuple[int, int, bytes | None, bytes]] = []
    deadline = time.monotonic() + PATIENCE
    async with AIOKafkaConsumer(**client_options(kafka), auto_offset_reset="earliest") as consumer:
        consumer.assign([TopicPartition(topic, number) for number in range(kafka.partitions)])
        while len(found) < count and time.monotonic() < deadline:
            for fetched in (await consumer.getmany(timeout_ms=200)).values():
                found += [(each.partition, each.offset, each.key, each.value) for each in fetched]
    return found


async def test_promotion_under_load_loses_nothing_and_leaves_nothing_unscored(settings: Settings) -> None:
    kafka, folder = settings.kafka, Path(settings.scoring.registry)
    assert folder is not None
    await topics.ensure(kafka_clients(kafka), topics.wanted(kafka))
    stop, enough = asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(worker.run(settings, stop))
    sent = 0

    async def send(made: AIOKafkaProducer) -> None:
        nonlocal sent
        now = int(time.time() * 1000)
        while sent < EVENTS or not enough.is_set():
            each = event(sent + 1, now + sent, session_id=f"s{sent % 40}")
            key = key_of(each.site, each.session_id)
            await made.send(kafka.events_topic, encode(each), key=key, partition=sent % 2)
            sent += 1
            if sent % 20 == 0:
                await made.flush()
                await asyncio.sleep(0.02)
        await made.flush()

    async def events_come() -> None:
        """Until a tenth of the events has come since."""
        before = sent
        async with asyncio.timeout(PATIENCE):
            while sent < before + EVENTS // 10:  # noqa: ASYNC110 - the sender counts
                await asyncio.sleep(0.01)

    async with AIOKafkaProducer(**client_options(kafka), acks="all") as made:
        load = asyncio.create_task(send(made))
        await events_come()
        done = await promote(settings, "m2")
        assert (done.before, registry.current(folder)) == ("m1", "m2")
        await events_come()
        break_graph(folder, "m3")
        with pytest.raises(SetupError, match="sha256"):
            await promote(settings, "m3")
        # Somebody whose registry is another one.
        await controls.write_control(kafka, UseModel("m3"))
        await events_come()
        assert (await roll_back(settings)).version == "m1"
        await events_come()
        enough.set()
        await load
    log = await records(kafka, kafka.events_topic, sent + 6)
    scored = await records(kafka, kafka.scored_topic, sent)
    dead = await records(kafka, kafka.dead_topic, 2)
    stop.set()
    assert await asyncio.wait_for(running, 25) == 0

    expected: dict[str, str] = {}
    in_force_at = dict.fromkeys(range(2), "m1")
    for partition, _, key, value in sorted(log, key=lambda record: record[:2]):
        said = decode(key, value)
        if isinstance(said, UseModel) and said.version != "m3":
            in_force_at[partition] = said.version
        elif isinstance(said, Event):
            expected[said.event_id] = in_force_at[partition]
    told = [decode_scored(value) for *_, value in scored]
    assert {str(each.event.id): each.model_version for each in told} == expected
    assert len(told) == len(expected) == sent
    assert Counter(expected.values()).keys() == {"m1", "m2"}
    letters = [decode_dead(value) for *_, value in dead]
    assert {(letter.partition, letter.reason) for letter in letters} == {(0, "failed"), (1, "failed")}
    assert all("m3" in letter.detail and "sha256" in letter.detail for letter in letters)


async def test_a_model_that_only_the_promoter_has_is_taken_by_nobody(settings: Settings, tmp_path: Path) -> None:
    kafka = settings.kafka
    await topics.ensure(kafka_clients(kafka), topics.wanted(kafka))
    elsewhere = ScoringSettings(registry=str(registry_of(tmp_path / "elsewhere", "m1", "own")))
    refusal = r"^no worker has taken own, m1 goes on: partition 0, 1: .*'own' is not in"
    lines: list[str] = []
    stop = asyncio.Event()
    running = asyncio.create_task(worker.run(settings, stop))
    try:
        # The worker joins its group first, which takes long on a busy machine.
        await promote(settings, "m1", 4 * PATIENCE, lines.append)
        with pytest.raises(SetupError, match=refusal) as no:
            await promote(settings.model_copy(update={"scoring": elsewhere}), "own", PATIENCE, lines.append)
        assert (await promote(settings, "m2", PATIENCE, lines.append)).version == "m2"
    finally:
        stop.set()
        async with asyncio.timeout(PATIENCE):
            assert await running == 0
    assert "\n" not in str(no.value)
    assert lines == []
    assert registry.current(tmp_path / "elsewhere") == "m1"
    assert promotions(tmp_path / "elsewhere", await log_id(kafka_clients(kafka))) == []
    await promote(settings, "m3", 0, lines.append)
    assert lines == [
        "partition 0, 1: no worker has read it within 0 s; one takes it when it runs, or refuses it in its log"
    ]


async def test_a_rollback_goes_back_step_by_step_and_stops_at_the_first(settings: Settings) -> None:
    kafka, folder = settings.kafka, Path(settings.scoring.registry)
    assert folder is not None
    await topics.ensure(kafka_clients(kafka), topics.wanted(kafka))
    for version in ("m2", "m2", "m3"):
        await promote(settings, version, patience=0)
    log = await log_id(kafka_clients(kafka))
    assert in_force(promotions(folder, log)) == ["m1", "m2", "m3"]
    assert [(await roll_back(settings, patience=0)).version for _ in range(2)] == ["m2", "m1"]
    with pytest.raises(SetupError, match="remembers no promotion on this log that could be taken back"):
        await roll_back(settings)
    controls_ = [decode(key, value) for _, _, key, value in await records(kafka, kafka.events_topic, 10)]
    assert Counter(each.version for each in controls_ if isinstance(each, UseModel)) == {"m1": 2, "m2": 6, "m3": 2}


async def test_a_site_has_a_model_of_its_own_and_has_it_again_on_a_new_log(settings: Settings) -> None:
    kafka, folder = settings.kafka, Path(settings.scoring.registry)
    clients = kafka_clients(kafka)
    await topics.ensure(clients, topics.wanted(kafka))
    await promote(settings, "m2", patience=0, site="shop")
    assert [await version_in_force(settings, site) for site in ("shop", "other", "")] == ["m2", "m1", "m1"]
    assert registry.current(folder) == "m1"
    await promote(settings, "m3", patience=0, site="shop")
    assert await restore_site_models(settings) == []
    # The embedded broker's next start, as the registry sees it.
    text = (folder / "promotions.jsonl").read_text()
    (folder / "promotions.jsonl").write_text(text.replace(await log_id(clients), "the log before"))
    assert await version_in_force(settings, "shop") == "m1"
    assert [(each.site, each.version) for each in await restore_site_models(settings)] == [("shop", "m3")]
    assert await version_in_force(settings, "shop") == "m3"
    assert await restore_site_models(settings) == []
    assert (await roll_back(settings, patience=0, site="shop")).version == ""
    assert await version_in_force(settings, "shop") == "m1"
    with pytest.raises(SetupError, match="no promotion of site shop on this log"):
        await roll_back(settings, site="shop")
    await promote(settings, "m2", patience=0, site="shop", gate="forced", refusals=["it is not better"])
    await roll_back(settings, patience=0, site="shop")
    trail = [line.partition(" action=")[2] for line in audit_file(settings).read_text().splitlines()]
    assert [line for line in trail if not line.startswith('"restore')] == [
        '"promote" site="shop" subject="m2 in place of the common model" result="done"',
        '"promote" site="shop" subject="m3 in place of m2" result="done"',
        '"roll back" site="shop" subject="the common model in place of m3" result="done"',
        '"promote against the gate" site="shop" subject="m2 in place of the common model" result="done"',
        '"roll back" site="shop" subject="the common model in place of m2" result="done"',
    ]
    found = [decode(key, value) for _, _, key, value in await records(kafka, kafka.events_topic, 12)]
    assert Counter((each.version, each.site) for each in found if isinstance(each, UseModel)) == {
        ("m2", "shop"): 4, ("m3", "shop"): 4, ("", "shop"): 4,
    }  # fmt: skip


def test_predictions_take_the_current_version_and_keep_the_old_one_where_it_is_broken(tmp_path: Path) -> None:
    folder = registry_of(tmp_path / "models", "m1", "m2", "m3")
    model = CurrentModel(ScoringSettings(registry=str(folder)))
    model._looked = float("-inf")
    assert model().manifest.version == "m1"
    registry.promote(folder, "m2")
    assert model().manifest.version == "m1"
    model._looked = float("-inf")
    assert model().manifest.version == "m2"
    break_graph(folder, "m3")
    (folder / "current").write_text("m3\n")
    model._looked = float("-inf")
    assert model().manifest.version == "m2"


def test_what_is_at_a_url_is_looked_at_aside(tmp_path: Path) -> None:
    folder, url = registry_of(tmp_path / "models", "m1", "m2"), f"memory://{uuid4().hex}"
    for version in ("m1", "m2"):
        registry.add(place(url), registry.graph_of(folder, version), registry.manifest(folder, version), "card")
    model = CurrentModel(ScoringSettings(registry=url))
    registry.promote(place(url), "m2")
    model._looked = float("-inf")
    model()
    for thread in threading.enumerate():
        if thread.name == "registry":
            thread.join()
    assert model().manifest.version == "m2"
