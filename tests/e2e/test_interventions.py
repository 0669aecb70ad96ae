"""A visitor falls silent: the running system fires once, whatever is killed meanwhile, and the shop's server knows."""

import json
from pathlib import Path
from typing import Any

import httpx

from deploy.processes.ports import wait_until
from tests.support.agents import BROWSER
from tests.support.receiver import receiver
from tests.support.stack import Stack, new_stack, up

#: Long waits: the machine is shared, and what is waited for comes.
LONG = 180.0


def opecom(stack: Stack, *arguments: str) -> dict[str, Any]:
    done = stack.opecom(*arguments, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def look_at_a_page(stack: Stack, session: str) -> None:
    body = {"session_id": session, "page_url": "/p/1", "page_type": "ProductRelated"}
    answer = httpx.post(f"{stack.ingest.url}/tracker/pageview", json=body, headers=BROWSER, timeout=60)
    assert answer.status_code == 202, answer.text


def test_a_silence_reaches_the_shop_once_through_kills(tmp_path: Path) -> None:
    with receiver() as shop, up(new_stack(tmp_path)) as stack:
        hook = opecom(
            stack, "webhooks", "add", shop.url, "--site", "default", "--allow-private", "--on", "interventions"
        )
        payload = '{"text":"May we help?"}'
        opecom(stack, "interventions", "create", "help", "--when", "idle_seconds >= 12", "--payload", payload)
        assert opecom(stack, "interventions", "start", "help")["status"] == "running"
        for session in ("one", "two"):
            look_at_a_page(stack, session)
        for process in [stack.process_of(part) for part in ("worker", "webhooks")]:
            process.kill()
        assert wait_until(lambda: len(shop.taken) >= 2, LONG)
        # A third one is read behind whatever the first two may have brought a second time.
        look_at_a_page(stack, "three")
        assert wait_until(lambda: "three" in {each.data["session_id"] for each in shop.got}, LONG)
        messages = {each.id: each.verified(hook["secret"]) for each in shop.got}
        said = [(each["type"], each["data"]["session_id"], each["data"]["intervention"]) for each in messages.values()]
        assert sorted(said) == [("session.intervention", session, "help") for session in ("one", "three", "two")]
        for message in messages.values():
            assert message["data"]["payload"] == json.loads(payload)
            assert message["data"]["idle_seconds"] >= 12
        shown = opecom(stack, "interventions", "show", "help")
        assert (shown["delivered"], shown["held"], shown["capped"]) == (3, 0, 0)
        assert opecom(stack, "interventions", "stop", "help")["status"] == "stopped"
