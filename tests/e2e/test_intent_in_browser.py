"""A page follows its own session through port 8001 of the running system: what it hears, when, and what it does not."""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import psutil
import pytest

from ingest.tokens import SessionTokens
from tests.support.agents import BROWSER
from tests.support.stack import Stack, new_stack, up
from tests.support.waiting import until

PATIENCE = 90
PAGE = "http://localhost:5173"
SECRET = "what ingest signs with and the API reads with"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with up(new_stack(tmp_path_factory.mktemp("stack"), OPECOM_API__TOKEN_SECRET=SECRET)) as running:
        yield running


@asynccontextmanager
async def page(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """A client with the origin of a page, as a browser has it."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    async with httpx.AsyncClient(
        base_url=stack.ingest.url, timeout=PATIENCE, limits=limits, headers=BROWSER | {"origin": PAGE}
    ) as http:
        yield http


async def token(http: httpx.AsyncClient, session_id: str) -> str:
    answer = await http.post("/tracker/intent/token", json={"session_id": session_id})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["token"])


async def view(http: httpx.AsyncClient, session_id: str, path: str) -> None:
    body = {"session_id": session_id, "page_url": f"{PAGE}{path}", "page_type": "ProductRelated"}
    assert (await http.post("/tracker/pageview", json=body)).status_code == 202


class Events:
    """The events of a stream as EventSource would tell them; comments and retry hints are kept apart."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.aiter_lines()
        self.said: list[str] = []

    async def next(self) -> tuple[str, str]:
        name = ""
        async with asyncio.timeout(PATIENCE):
            async for line in self._lines:
                field, _, value = line.partition(": ")
                if field == "event":
                    name = value
                elif field == "data":
                    return name, value
                elif line:
                    self.said.append(line)
        raise StopAsyncIteration

    async def intent(self) -> dict[str, Any]:
        name, data = await self.next()
        assert name == "intent"
        return dict(json.loads(data))

    async def until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        while not wanted(found := await self.intent()):
            pass
        return found


@asynccontextmanager
async def stream(http: httpx.AsyncClient, of: str) -> AsyncIterator[Events]:
    async with http.stream("GET", "/tracker/intent/stream", params={"token": of}) as response:
        assert response.status_code == 200, await response.aread()
        assert response.headers["access-control-allow-origin"] == PAGE
        yield Events(response)


async def intent(stack: Stack, session_id: str, version: int) -> dict[str, Any]:
    """GET /sessions/{id}/intent, once the database has this version."""
    async with httpx.AsyncClient(base_url=stack.api.url, timeout=90) as api, asyncio.timeout(PATIENCE):
        while True:
            answer = await api.get(f"/sessions/{session_id}/intent")
            if answer.status_code == 200 and answer.json()["version"] >= version:
                return dict(answer.json())
            await asyncio.sleep(0.02)


async def test_each_event_changes_the_probability_within_a_second(stack: Stack) -> None:
    async with page(stack) as http, stream(http, await token(http, "journey")) as events:
        waited, told = [], []
        for number in range(6):
            began = time.monotonic()
            await view(http, "journey", f"/p/{number}")
            told.append(await events.until(lambda one, views=number + 1: one["counts"]["page_views"] == views))
            waited.append(time.monotonic() - began)
            assert told[-1]["path"] == f"/p/{number}"
            # The table has no events, so that what is read from it names no page.
            assert await intent(stack, "journey", told[-1]["version"]) == told[-1] | {"path": None}
    print(f"told after {', '.join(f'{each * 1000:.0f}' for each in waited)} ms")
    assert len({one["probability"] for one in told}) == len(told)
    assert [one["version"] for one in told] == sorted({one["version"] for one in told})
    assert "visitor_id" not in told[0]
    # The machine that tests may be busy with others; the median says what the system does.
    assert sorted(waited)[3] < 1.0


async def test_a_page_that_comes_later_hears_the_current_intent_first(stack: Stack) -> None:
    async with page(stack) as http:
        for number in range(3):
            await view(http, "later", f"/p/{number}")
        # At once, before the writer can have gathered it, and again when it has.
        for _ in range(2):
            async with stream(http, await token(http, "later")) as events:
                told = await events.until(lambda one: one["counts"]["page_views"] == 3)
            assert await intent(stack, "later", told["version"]) == told | {"path": None}


async def test_a_page_hears_of_no_other_session(stack: Stack) -> None:
    async with page(stack) as http, stream(http, await token(http, "mine")) as events:
        await view(http, "theirs", "/p/1")
        await intent(stack, "theirs", 0)
        await view(http, "mine", "/p/1")
        assert (await events.intent())["session_id"] == "mine"
        refused = await http.get("/tracker/intent/stream", params={"token": "forged"})
        assert (refused.status_code, refused.json()["error"]) == (401, "wrong_token")
        foreign = {"token": await token(http, "mine")}
        refused = await http.get("/tracker/intent/stream", params=foreign, headers={"origin": "https://evil.example"})
        assert (refused.status_code, refused.json()["error"]) == (403, "wrong_origin")


async def test_a_stream_ends_with_its_token(stack: Stack) -> None:
    async with page(stack) as http:
        # Long enough to reach the API on a busy machine.
        short = SessionTokens(SECRET.encode(), 5, time.time).issue("default", "short", "all").token
        async with stream(http, short) as events:
            assert await events.next() == ("expired", "fetch a new token")
            with pytest.raises(StopAsyncIteration):
                await events.next()
        assert events.said == [": following", "retry: 2000", "retry: 500"]
        refused = await http.get("/tracker/intent/stream", params={"token": short})
        assert (refused.status_code, "has expired" in refused.text) == (401, True)


@pytest.mark.parametrize("count", [100, pytest.param(500, marks=pytest.mark.long)])
async def test_hundreds_of_streams_share_one_consumer(stack: Stack, count: int) -> None:
    async with page(stack) as http:
        async with stream(http, await token(http, "crowd-0")):
            alone = to_kafka(stack)
        parts = {part: stack.process_of(part) for part in ("ingest", "store")}
        cpu = {part: spent(process) for part, process in parts.items()}
        async with http_streams(http, [f"crowd-{number}" for number in range(count)]) as streams:
            opened = ", ".join(f"{part} {spent(process) - cpu[part]:.1f}" for part, process in parts.items())
            print(f"{count} streams opened in CPU-seconds of {opened}")
            assert to_kafka(stack) == alone
            began = time.monotonic()
            for number in range(0, count, 10):
                await view(http, f"crowd-{number}", "/p/2")
            intents = await asyncio.gather(*(streams[number].intent() for number in range(0, count, 10)))
            print(f"{len(intents)} of {count} streams had an intent after {time.monotonic() - began:.2f} s")
            assert [one["session_id"] for one in intents] == [f"crowd-{number}" for number in range(0, count, 10)]
            assert f"opecom_api_session_streams {count}.0" in (await body_of(f"{stack.api.url}/metrics"))
        metrics = f"{stack.api.url}/metrics"
        await until(lambda: "opecom_api_session_streams 0.0" in httpx.get(metrics, timeout=90).text, seconds=PATIENCE)


async def body_of(url: str) -> str:
    async with httpx.AsyncClient(timeout=90) as http:
        return (await http.get(url)).text


def spent(process: psutil.Process) -> float:
    """CPU seconds so far."""
    times = process.cpu_times()
    return float(times.user + times.system)


def to_kafka(stack: Stack) -> int:
    """Connections of the store to the broker."""
    port = int(stack.environment["OPECOM_KAFKA__BOOTSTRAP"].rpartition(":")[2])
    return sum(
        1
        for each in stack.process_of("store").net_connections("tcp")
        if each.raddr and each.raddr.port == port and each.status == psutil.CONN_ESTABLISHED
    )


@asynccontextmanager
async def http_streams(http: httpx.AsyncClient, session_ids: list[str]) -> AsyncIterator[list[Events]]:
    """A stream of each session, opened thirty at a time; each has had the intent of its first view.

    A stream whose session does not begin ends after 30 s, which opening all of them may take.
    """
    responses: list[httpx.Response] = []
    streams: list[Events] = []
    try:
        for first in range(0, len(session_ids), 30):
            some = session_ids[first : first + 30]
            tokens = await asyncio.gather(*(token(http, each) for each in some))
            requests = [http.build_request("GET", "/tracker/intent/stream", params={"token": each}) for each in tokens]
            opened = await asyncio.gather(*(http.send(each, stream=True) for each in requests))
            responses += opened
            assert {response.status_code for response in opened} == {200}
            following = [Events(response) for response in opened]
            streams += following
            for each in some:
                await view(http, each, "/p/1")
            intents = await asyncio.gather(*(stream.intent() for stream in following))
            assert [one["session_id"] for one in intents] == some
        yield streams
    finally:
        await asyncio.gather(*(response.aclose() for response in responses))


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["told to stop", "killed"])
async def test_a_stream_ends_with_the_api_and_comes_back(stack: Stack, how: signal.Signals) -> None:
    session_id = f"restart-{how.name.lower()}"
    async with page(stack) as http:
        given = await token(http, session_id)
        async with stream(http, given) as events:
            await view(http, session_id, "/p/1")
            before = await events.intent()
            os.kill(stack.process_of("store").pid, how)
            with pytest.raises((StopAsyncIteration, httpx.RemoteProtocolError)):
                await events.next()
        statuses = set()
        async with asyncio.timeout(PATIENCE):
            while (status := await status_of(http, given)) != 200:
                statuses.add(status)
        assert statuses <= {503}
        async with stream(http, given) as events:
            assert await events.intent() == before
            await view(http, session_id, "/p/2")
            assert (await events.until(lambda one: one["counts"]["page_views"] == 2))["version"] > before["version"]


async def status_of(http: httpx.AsyncClient, given: str) -> int:
    async with http.stream("GET", "/tracker/intent/stream", params={"token": given}) as response:
        return response.status_code


async def test_port_8001_answers_admin_as_port_8000_does(stack: Stack) -> None:
    async with page(stack) as http:
        await view(http, "listed", "/p/1")
        await intent(stack, "listed", 0)
    statuses = []
    async with httpx.AsyncClient(timeout=PATIENCE, headers=stack.admin_headers) as http:
        for path in (
            "/admin/sessions/listed",
            "/admin/export?status=open",
            "/admin/nothing",
            "/admin/sessions?colour=1",
        ):
            here, there = [await http.get(f"{port.url}{path}") for port in (stack.ingest, stack.api)]
            assert (here.status_code, here.content) == (there.status_code, there.content)
            assert here.headers["content-type"] == there.headers["content-type"]
            statuses.append(here.status_code)
        assert statuses == [200, 200, 404, 422]
        documents = [(await http.get(f"{port.url}/openapi.json")).json()["paths"] for port in (stack.ingest, stack.api)]
        listed = [{path for path in paths if path.startswith("/admin")} for paths in documents]
        assert "/admin/sessions/{session_id}" in listed[0]
        assert listed[0] == listed[1]
        assert (await http.get(f"{stack.ingest.url}/admin/sessions")).status_code == 200
        foreign = await http.get(f"{stack.ingest.url}/admin/sessions", headers={"origin": PAGE})
        assert foreign.status_code == 403
    async with httpx.AsyncClient(timeout=PATIENCE) as http:
        # As a proxy that says nothing of itself passes on whatever anybody sends.
        for headers in ({}, {"host": "rebound.example"}, {"x-forwarded-for": "127.0.0.1"}):
            for path in ("/admin/sessions", "/admin/export", "/admin/visitors/v1"):
                assert (await http.get(f"{stack.ingest.url}{path}", headers=headers)).status_code == 401
