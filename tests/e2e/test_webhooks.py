"""A visit that becomes likely to buy reaches the shop: the whole system, and the receiver of docs/webhooks.md."""

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.processes.ports import wait_until
from deploy.processes.programs import death_with
from tests.support.agents import BROWSER
from tests.support.ports import free_port
from tests.support.receiver import receiver
from tests.support.stack import Stack, new_stack, up

ROOT = Path(__file__).parents[2]
#: Pages as Google Analytics exports them: on one of them visitors end up buying.
EXPORT = "Page,Pageviews,Bounce Rate,% Exit,Page Value\n/,1000,60.00%,50.00%,$0.00\n/best,1000,0.00%,1.00%,$95.00\n"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    never = {"OPECOM_STORAGE__PAGES_REFRESH_SECONDS": "0", "OPECOM_WEBHOOKS__RETRY_SECONDS": "[0.3, 0.3]"}
    with up(new_stack(tmp_path_factory.mktemp("webhooks"), **never)) as running:
        export = running.folder / "pages.csv"
        export.write_text(EXPORT)
        opecom(running, "pages", "import", str(export), "--site", "default")
        yield running


def opecom(stack: Stack, *arguments: str, code: int = 0) -> str:
    done = stack.opecom(*arguments)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout or done.stderr


def add(stack: Stack, url: str, *options: str) -> dict[str, str]:
    said = opecom(stack, "webhooks", "add", url, "--site", "default", "--allow-private", "--json", *options)
    return dict(json.loads(said))


#: A product in the cart, and the checkout.
CART = {"items": [{"id": "best", "price": 95.0}], "currency": "EUR"}
STEPS = ("add_to_cart", "begin_checkout")


def visit(stack: Stack, session: str, *pages: str) -> list[dict[str, Any]]:
    """A visit to these pages and on to the checkout; the updates that the system answers for it."""
    with (
        httpx.Client(base_url=stack.ingest.url, headers=BROWSER, timeout=90) as tracker,
        httpx.Client(timeout=90) as reads,
    ):
        assert tracker.post("/tracker/session/start", json={"session_id": session}).status_code == 202
        for page in pages:
            body = {"session_id": session, "page_url": page, "page_type": "ProductRelated"}
            assert tracker.post("/tracker/pageview", json=body).status_code == 202
        for action in STEPS:
            body = {"session_id": session, "action": action, **CART}
            assert tracker.post("/tracker/commerce", json=body).status_code == 202

        def updates() -> list[dict[str, Any]]:
            answer = reads.get(f"{stack.api.url}/sessions/{session}/timeline", headers=stack.read_headers)
            return list(answer.json()["updates"]) if answer.status_code == 200 else []

        assert wait_until(lambda: len(updates()) == 1 + len(pages) + len(STEPS), 60), updates()
        return updates()


def test_a_session_that_becomes_high_is_reported_and_agrees_with_what_is_read(stack: Stack) -> None:
    with receiver("fail") as there:
        made = add(stack, there.url)
        updates = visit(stack, "buyer", "/", "/best", "/best", "/best", "/best")
        steps = list(pairwise(["low", *(each["band"] for each in updates)]))
        wanted = [(*step, each["version"]) for step, each in zip(steps, updates, strict=True) if step[0] != step[1]]
        assert "high" in {each[1] for each in wanted}
        assert wait_until(lambda: len(there.taken) == len(wanted), 60)
        opecom(stack, "webhooks", "remove", made["id"])
    data = {got.id: got.verified(made["secret"])["data"] for got in there.got}
    assert sorted((each["from"], each["to"], each["version"]) for each in data.values()) == sorted(wanted)
    by_version = {each["version"]: each for each in updates}
    for each in data.values():
        update = by_version[each["version"]]
        assert (each["session_id"], each["site"]) == ("buyer", "default")
        assert {name: each[name] for name in ("probability", "label", "reasons", "model_version")} == {
            name: update[name] for name in ("probability", "label", "reasons", "model_version")
        }
    assert len(there.taken) == len(set(there.taken))


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def test_the_documented_receiver_verifies_what_is_sent_and_refuses_the_rest(stack: Stack, tmp_path: Path) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/webhooks.md").read_text(), re.DOTALL)
    port, said = free_port(), tmp_path / "said"
    made = add(stack, f"http://127.0.0.1:{port}/", "--on", "high")
    with said.open("wb") as out:
        running = subprocess.Popen(
            [sys.executable, "-c", program],
            env={**os.environ, "WEBHOOK_SECRET": made["secret"], "PORT": str(port)},
            stdout=out,
            stderr=subprocess.STDOUT,
            preexec_fn=death_with(os.getpid()),  # noqa: PLW1509 - it calls prctl only
        )
    try:
        assert wait_until(lambda: _listens(port), 60), said.read_text()
        assert "answered 204" in opecom(stack, "webhooks", "test", made["id"])
        visit(stack, "another-buyer", "/best", "/best", "/best")

        def received() -> list[dict[str, Any]]:
            return [json.loads(line) for line in said.read_text().splitlines() if line.startswith("{")]

        assert wait_until(lambda: len(received()) == 2, 60), said.read_text()
        assert httpx.post(f"http://127.0.0.1:{port}/", content=b"{}", timeout=5).status_code == 400
        assert [each.get("to") for each in received()] == [None, "high"]
        assert received()[1]["session_id"] == "another-buyer"
    finally:
        running.kill()
        running.wait(10)
        opecom(stack, "webhooks", "remove", made["id"])


def test_the_log_lists_what_is_dead_and_sends_it_again(stack: Stack) -> None:
    with receiver(always="fail") as there:
        made = add(stack, there.url)
        assert "not delivered, tried 1 times: 500 out of order" in opecom(stack, "webhooks", "test", made["id"], code=1)

        def dead() -> list[dict[str, Any]]:
            said = opecom(stack, "webhooks", "deliveries", "--dead", "--webhook", made["id"], "--json")
            return list(json.loads(said))

        assert wait_until(lambda: len(dead()) == 1, 60)
        (delivery,) = dead()
        assert (delivery["attempts"], delivery["status"], delivery["state"]) == (3, 500, "dead")
        there.always = "take"
        opecom(stack, "webhooks", "resend", delivery["id"])
        assert wait_until(lambda: there.taken == [delivery["id"]], 60)
        assert wait_until(lambda: dead() == [], 60)


def test_the_list_shows_no_secret_and_a_webhook_that_is_gone_is_a_line(stack: Stack) -> None:
    made = add(stack, "https://127.0.0.1/hook", "--on", "high", "--on", "down")
    (shown,) = [each for each in json.loads(opecom(stack, "webhooks", "list", "--json")) if each["id"] == made["id"]]
    assert (shown["site"], shown["on"], shown["disabled"]) == ("default", ["high", "down"], "")
    assert made["secret"] not in opecom(stack, "webhooks", "list", "--json") + opecom(stack, "webhooks", "list")
    opecom(stack, "webhooks", "remove", made["id"])
    for command in ("remove", "test", "enable"):
        said = opecom(stack, "webhooks", command, made["id"], code=2)
        assert said == f"opecom: there is no webhook {made['id']}: `opecom webhooks list` shows them\n"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["https://10.0.0.1/", "--site", "default"], "10.0.0.1 is not a public address"),
        (["https://169.254.169.254/", "--site", "default", "--allow-private"], "an address that no webhook may reach"),
        (["http://shop.example/", "--site", "default"], "the URL must be https"),
        (["https://8.8.8.8/", "--site", "none"], "--site none: the sites are default, uci, clicks, generated"),
        (["https://8.8.8.8/", "--site", "default", "--on", "hot"], "--on hot: one of low, building, high, up, down"),
    ],
    ids=["private", "metadata", "http", "site", "band"],
)
def test_what_cannot_be_added_is_a_line(stack: Stack, arguments: list[str], line: str) -> None:
    said = opecom(stack, "webhooks", "add", *arguments, code=2)
    assert said.startswith("opecom: ")
    assert line in said
    assert len(said.splitlines()) == 1
