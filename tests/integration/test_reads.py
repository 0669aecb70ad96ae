"""Reads as they run: writer and API in one process, followers of the topic, the consumer of the documents."""

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaProducer

from deploy.errors import PortTakenError
from deploy.log import topics
from deploy.log.client_options import client_options, kafka_clients
from deploy.processes.ports import listen
from deploy.settings.model import ApiSettings, ConsoleSettings, KafkaSettings, Settings, StorageSettings, variable
from deploy.wiring import store
from ingest.events import key_of
from scoring.reasons import reason_text
from storage.live.subscribe import ResumePosition, ScoredConsumer, Start, UpdateFilter, follow
from stream.scored import Reason, ScoredSession, encode
from tests.support.example import consumer, running_consumer
from tests.support.ports import free_port
from tests.support.scored import scored
from tests.support.services import Broker

PATIENCE = 90
ROOT = Path(__file__).parents[2]


async def publish_updates(kafka: KafkaSettings, updates: Iterable[ScoredSession], raw: bytes | None = None) -> None:
    """Each update acknowledged before the next, on partitions 0 and 1 in turn; `raw` comes first."""
    async with AIOKafkaProducer(**client_options(kafka), acks="all") as producer:
        if raw is not None:
            await producer.send_and_wait(kafka.scored_topic, raw, partition=0)
        for number, update in enumerate(updates):
            key = key_of(update.site, update.session_id)
            await producer.send_and_wait(kafka.scored_topic, encode(update), key=key, partition=number % 2)


@pytest.fixture
async def kafka(broker: Broker) -> KafkaSettings:
    made = broker.settings(partitions=2)
    await topics.ensure(kafka_clients(made), topics.wanted(made))
    return made


@asynccontextmanager
async def following(
    kafka: KafkaSettings, start: Start, wanted: UpdateFilter | None = None, log: str = "log"
) -> AsyncIterator[ScoredConsumer]:
    async with follow(kafka_clients(kafka), kafka.scored_topic, log, wanted or UpdateFilter(), start) as follower:
        yield follower


async def found(follower: ScoredConsumer, count: int) -> list[str]:
    """The session ids of the next `count` updates at least, in any order."""
    ids: list[str] = []
    async with asyncio.timeout(PATIENCE):
        while len(ids) < count:
            ids += [each.update.session_id for each in await follower.more(0.2)]
    return sorted(ids)


async def test_a_follower_goes_on_exactly_where_it_was(kafka: KafkaSettings) -> None:
    names = [f"s{number:02}" for number in range(12)]
    await publish_updates(
        kafka, [scored(n, session_id=name) for n, name in enumerate(names[:7])], raw=b"no scored session"
    )
    async with following(kafka, "start") as follower:
        assert await found(follower, 7) == names[:7]
        resume_id = follower.resume_id
    assert resume_id == "5.3@log"
    await publish_updates(kafka, [scored(n, session_id=name) for n, name in enumerate(names[7:])])
    async with following(kafka, ResumePosition.decode(resume_id)) as follower:
        assert await found(follower, 5) == names[7:]
        assert await follower.more(0.3) == []
    async with following(kafka, ResumePosition.decode("5.3@another-log")) as follower:
        assert await found(follower, 12) == names


async def test_a_recent_follower_sees_what_came_just_before_it(
    kafka: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await publish_updates(kafka, [scored(n, session_id=f"s{n}") for n in range(8)])
    monkeypatch.setattr("storage.live.subscribe.RECENT_RECORDS", 2)
    async with following(kafka, "recent") as follower:
        keys: set[bytes] = set()
        async with asyncio.timeout(PATIENCE):
            while follower.resume_id != "4.4@log":
                keys |= {key for key, _ in await follower.records(0.2)}
    # The embedded broker's end lies up to a batch low.
    assert (
        {b"default/s4", b"default/s5", b"default/s6", b"default/s7"}
        <= keys
        < {f"default/s{n}".encode() for n in range(8)}
    )


async def test_a_follower_finds_what_it_wants_and_passes_the_rest(kafka: KafkaSettings) -> None:
    updates = [
        scored(n, session_id=f"s{n}", site=f"shop-{n % 2}", band="high" if n > 3 else "low", probability=n / 10)
        for n in range(8)
    ]
    await publish_updates(kafka, updates)
    async with following(kafka, "start", UpdateFilter("shop-1", "high", 0.6)) as follower:
        assert await found(follower, 1) == ["s7"]
        async with asyncio.timeout(PATIENCE):
            while follower.resume_id != "4.4@log":
                assert await follower.more(0.2) == []


async def test_the_consumer_of_the_documents_runs(kafka: KafkaSettings, tmp_path: Path) -> None:
    assert len(consumer().splitlines()) <= 25
    bands = {"s1": "low", "s2": "high", "s3": "building", "s4": "high"}
    value = ("PageValues", 4.5, 0.2)
    reasons = (Reason(*value, reason_text(*value)),)
    updates = [scored(n, session_id=name, band=band, reasons=reasons) for n, (name, band) in enumerate(bands.items())]
    await publish_updates(kafka, [*updates, *updates])
    with running_consumer(kafka, tmp_path) as child:
        assert child.stdout is not None
        lines = [await asyncio.wait_for(asyncio.to_thread(child.stdout.readline), PATIENCE) for _ in range(2)]
    assert sorted(lines) == [f"{name} 0.43 because: {reasons[0].text}\n" for name in ("s2", "s4")]


@pytest.fixture
async def settings(embedded_kafka: Broker, tmp_path: Path) -> Settings:
    kafka = embedded_kafka.settings(partitions=2)
    await topics.ensure(kafka_clients(kafka), topics.wanted(kafka))
    storage = StorageSettings(metrics_port=0, group=f"writer-{kafka.events_topic}")
    return Settings(
        kafka=kafka,
        data_dir=tmp_path,
        storage=storage,
        api=ApiSettings(port=free_port(), max_streams=2),
        console=ConsoleSettings(port=0),
    )


@asynccontextmanager
async def running(settings: Settings, stop: asyncio.Event | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """Writer and API, stopped at the end as SIGTERM would stop them, and a client of the API."""
    stop = stop or asyncio.Event()
    task = asyncio.create_task(store.run(settings, stop))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{settings.api.port}", timeout=PATIENCE) as client:
        try:
            ready = asyncio.create_task(answers(client, "/readyz"))
            await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
            assert not task.done(), await task
            yield client
        finally:
            stop.set()
            assert await asyncio.wait_for(task, 90) == 0


async def answers(http: httpx.AsyncClient, path: str) -> None:
    """Wait until a path is found."""
    async with asyncio.timeout(PATIENCE):
        while True:
            with contextlib.suppress(httpx.TransportError):
                if (await http.get(path)).status_code == 200:
                    return
            await asyncio.sleep(0.02)


class Events:
    """The events of one stream, parsed."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.aiter_lines()

    async def next(self) -> dict[str, str]:
        event: dict[str, str] = {}
        async with asyncio.timeout(PATIENCE):
            async for line in self._lines:
                if not line:
                    return event
                name, _, value = line.partition(": ")
                event[name] = value
        raise StopAsyncIteration

    async def rest(self) -> list[str]:
        async with asyncio.timeout(PATIENCE):
            return [line async for line in self._lines]


async def test_a_score_is_visible_to_intent_within_a_second_of_its_record(settings: Settings) -> None:
    waited = []
    async with running(settings) as http:
        for number in range(6):
            await publish_updates(settings.kafka, [scored(number, session_id=f"s{number}")])
            began = time.monotonic()
            await answers(http, f"/sessions/s{number}/intent")
            waited.append(time.monotonic() - began)
        timeline = (await http.get("/sessions/s5/timeline")).json()
        live = (await http.get("/sessions/live")).json()
        metrics = (await http.get("/metrics")).text
    print(f"visible to intent after {', '.join(f'{each * 1000:.0f}' for each in waited)} ms")
    # The machine that tests may be busy with others; the best of six says what the system can.
    assert min(waited) < 1.0
    assert len(timeline["updates"]) == 1
    assert len(live["sessions"]) == 6
    assert "opecom_writer_records_total" in metrics
    assert "opecom_api_requests_total" in metrics


async def test_a_stream_resumes_and_takes_tokens(settings: Settings) -> None:
    updates = [scored(n, session_id=f"s{n}", probability=n / 10) for n in range(6)]
    async with running(settings) as http:
        async with http.stream("GET", "/intents/stream", params={"min_probability": 0.1}) as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            events = Events(response)
            assert (await events.next())[""] == "following"
            await publish_updates(settings.kafka, updates[:3])
            seen = [await events.next() for _ in range(2)]
        # They stand on two partitions, which have no order between them.
        assert {json.loads(event["data"])["session_id"] for event in seen} == {"s1", "s2"}

        await publish_updates(settings.kafka, updates[3:5])
        token = (await http.post("/intents/token")).json()["token"]
        # As a browser does it: no key, a foreign host name, the last id in a header.
        from_browser: dict[str, Any] = {"last-event-id": seen[-1]["id"], "host": "scores.example"}
        async with http.stream("GET", f"/intents/stream?token={token}", headers=from_browser) as response:
            assert response.status_code == 200
            events = Events(response)
            await events.next()
            resumed = {json.loads((await events.next())["data"])["session_id"] for _ in range(2)}
            assert resumed == {"s3", "s4"}

            async with http.stream("GET", "/intents/stream") as second:
                assert second.status_code == 200
                refused = await http.get("/intents/stream")
                assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
                for query, headers, status in [
                    ("?token=forged", {}, 401),
                    ("", {"host": "scores.example"}, 401),
                    ("", {"last-event-id": "nonsense"}, 422),
                ]:
                    answer = await http.get(f"/intents/stream{query}", headers=headers)
                    assert (answer.status_code, "\n" in answer.text) == (status, False)


async def test_a_stream_ends_when_the_process_stops(settings: Settings) -> None:
    stop = asyncio.Event()
    async with running(settings, stop) as http, http.stream("GET", "/intents/stream") as response:
        events = Events(response)
        await events.next()
        stop.set()
        began = time.monotonic()
        assert await events.rest() == []
    assert time.monotonic() - began < 5


async def test_commands_query_the_running_api_and_follow_the_topic(settings: Settings) -> None:
    await publish_updates(settings.kafka, [scored(1, band="high"), scored(2, session_id="s2")])
    async with running(settings) as http:
        await answers(http, "/sessions/s2/intent")
        intent, live, nobody = await asyncio.gather(
            opecom(settings, "query", "intent", "s1", "--json"),
            opecom(settings, "query", "live"),
            opecom(settings, "query", "timeline", "nobody"),
        )
        subscribed = await opecom(settings, "subscribe", "--from-start", "--band", "high", "--json", lines=1)
        shown = await opecom(settings, "subscribe", "--from-start", "--band", "high", lines=1)
    assert json.loads(intent[1])["session_id"] == "s1"
    assert "0.4321" in live[1]
    strongest = reason_text("PageValues", 4.5, 0.2)
    assert strongest in live[1]
    assert strongest in shown[1]
    assert (nobody[0], nobody[2]) == (1, "opecom: there is no session 'nobody' (404 not_found)\n")
    assert json.loads(subscribed[1])["band"] == "high"
    away = await opecom(settings, "query", "live")
    assert (away[0], away[1]) == (70, "")
    assert away[2].startswith(f"opecom: no query API answers at http://127.0.0.1:{settings.api.port}")


async def opecom(settings: Settings, *command: str, lines: int = 0) -> tuple[int, str, str]:
    """Exit code, output and errors of a command; with `lines`, of its first lines, after which nobody listens."""
    environment = {
        variable("kafka.bootstrap"): settings.kafka.bootstrap,
        variable("kafka.scored_topic"): settings.kafka.scored_topic,
        variable("data_dir"): str(settings.data_dir),
        variable("api.port"): str(settings.api.port),
        "PATH": "/usr/bin:/bin",
        "COLUMNS": "200",
    }
    program = [sys.executable, "-c", "from deploy.cli.main import main; main()", *command]

    def run() -> tuple[int, str, str]:
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        with subprocess.Popen(program, cwd=ROOT, env=environment, **pipes) as child:
            if not lines:
                out, errors = child.communicate(timeout=PATIENCE)
                return child.returncode, out, errors
            out = "".join(child.stdout.readline() for _ in range(lines))
            child.terminate()
            return child.wait(PATIENCE), out, ""

    return await asyncio.to_thread(run)


async def test_a_port_in_use_is_refused_before_anything_opens(settings: Settings) -> None:
    with listen("127.0.0.1", settings.api.port), pytest.raises(PortTakenError):
        await store.run(settings, asyncio.Event())
    assert {path.name for path in settings.data_dir.iterdir()} <= {"admin.key"}
