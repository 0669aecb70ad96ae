"""A page waits for an intervention through kills: it comes once, is reported, and a trial counts the same."""

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.e2e.test_intent_in_browser import Events, page, stream, token, view
from tests.support.stack import Stack, new_stack, up
from tests.support.waiting import until

#: Long waits: the machine is shared, and what is waited for comes.
LONG = 180.0
PAYLOAD = {"text": "May we help?"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    given = {"OPECOM_API__TOKEN_SECRET": "of this test"}  # pragma: allowlist secret
    with up(new_stack(tmp_path_factory.mktemp("stack"), **given)) as running:
        yield running


def run(stack: Stack, *arguments: str) -> dict[str, Any]:
    done = stack.opecom("interventions", *arguments, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(json.loads(done.stdout))


async def opecom(stack: Stack, *arguments: str) -> dict[str, Any]:
    return await asyncio.to_thread(run, stack, *arguments)


async def message(events: Events) -> dict[str, Any]:
    """The next intervention of a stream; the intents before it are passed over."""
    async with asyncio.timeout(LONG):
        while True:
            name, data = await events.next()
            if name == "intervention":
                return dict(json.loads(data))


async def report(http: httpx.AsyncClient, session_id: str, found: dict[str, Any], action: str) -> None:
    said = {"name": found["intervention"], "opened_at": found["opened_at"], "action": action}
    event = {"type": "intervention", "session_id": session_id, "intervention": said}
    answer = await http.post("/v1/batch", json={"sent_at": int(time.time() * 1000), "events": [event]})
    assert (answer.status_code, answer.json()["refused"]) == (202, []), answer.text


async def test_a_page_gets_it_once_through_kills_and_reports_it(stack: Stack) -> None:
    given = ("--when", "page_views == 1 and idle_seconds >= 12", "--payload", json.dumps(PAYLOAD))
    await opecom(stack, "create", "help", "--action", "page", *given)
    assert (await opecom(stack, "start", "help"))["status"] == "running"
    async with page(stack) as http:
        for session in ("one", "two"):
            await view(http, session, "/p/1")
        async with (
            stream(http, await token(http, "one")) as first,
            stream(http, await token(http, "two")) as second,
        ):
            for process in [stack.process_of(part) for part in ("worker", "webhooks")]:
                process.kill()
            got = [await message(events) for events in (first, second)]
            assert [(each["intervention"], each["payload"]) for each in got] == [("help", PAYLOAD)] * 2
            # Whatever a second delivery would bring comes before what follows of the sessions.
            await view(http, "one", "/p/2")
            while True:
                name, data = await first.next()
                assert name == "intent"
                if json.loads(data)["counts"]["page_views"] == 2:
                    break
        async with stream(http, await token(http, "two")) as again:
            # A page that opens within two minutes is told again, and remembers itself what it has shown.
            assert await message(again) == got[1]
        before = await opecom(stack, "show", "help")
        assert [before[name] for name in ("delivered", "held", "capped", "shown")] == [2, 0, 0, 0]
        for session, found, action in (
            ("one", got[0], "shown"),
            ("one", got[0], "shown"),
            ("one", got[0], "clicked"),
            ("two", got[1], "shown"),
            ("two", got[1], "dismissed"),
            ("nobody", got[1], "shown"),
        ):
            await report(http, session, found, action)

        def reported() -> list[int]:
            shown = run(stack, "show", "help")
            return [shown[name] for name in ("shown", "dismissed", "clicked")]

        await until(lambda: reported() == [2, 1, 1], reported, LONG)
    tried = await opecom(stack, "try", "help", "--days", "1")
    assert [tried[name] for name in ("sessions", "fired", "delivered", "held", "capped")] == [2, 2, 2, 0, 0]
    assert (await opecom(stack, "stop", "help"))["status"] == "stopped"
    async with page(stack) as http, stream(http, await token(http, "two")) as late:
        # A page that opens after the stop is told of the session and no more; the second look is behind the first page.
        for number in (2, 3):
            await view(http, "two", f"/p/{number}")
            while True:
                name, data = await late.next()
                assert name == "intent"
                if json.loads(data)["counts"]["page_views"] == number:
                    break


async def test_a_draft_is_tried_on_what_was_there_before_it(stack: Stack, tmp_path_factory: Any) -> None:
    await opecom(stack, "create", "second", "--when", "page_views >= 2")
    tried = await opecom(stack, "try", "second")
    assert [tried[name] for name in ("name", "fired", "delivered")] == ["second", 2, 2]
    file = tmp_path_factory.mktemp("rules") / "third.json"
    file.write_text(json.dumps({"name": "third", "site": "default", "when": "page_views >= 1"}))
    assert (await opecom(stack, "try", str(file)))["delivered"] == 2
    file.write_text('{"name": "third"}')
    done = await asyncio.to_thread(stack.opecom, "interventions", "try", str(file))
    assert done.returncode == 2
    assert "is no intervention" in done.stdout + done.stderr
