"""An intervention is stopped while its deliveries wait: after the stop none is made, through a restart too."""

import json
from pathlib import Path
from typing import Any

import pytest

from deploy.processes.ports import wait_until
from tests.e2e.test_interventions import LONG, look_at_a_page, opecom
from tests.support.receiver import Receiver, receiver
from tests.support.stack import Stack, new_stack, up

SESSIONS = [f"s{number}" for number in range(6)]


def of(shop: Receiver, name: str) -> list[str]:
    """The sessions of which the shop's server was told, of this intervention."""
    return [each.data["session_id"] for each in shop.got if each.data["intervention"] == name]


def firings(stack: Stack, name: str) -> dict[str, Any]:
    shown = opecom(stack, "interventions", "show", name)
    return {outcome: shown[outcome] for outcome in ("delivered", "held", "capped", "stopped")}


def held(stack: Stack) -> list[dict[str, Any]]:
    done = stack.opecom("webhooks", "deliveries", "--held", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    return list(json.loads(done.stdout))


@pytest.mark.parametrize("killed", [False, True], ids=["as it runs", "through a kill"])
def test_nothing_is_delivered_after_a_stop(tmp_path: Path, killed: bool) -> None:
    # Each attempt fails, and the next one follows soon: without the stop they would go on for an hour.
    retries = json.dumps([1] * 3_600)
    with (
        receiver(always="fail") as shop,
        up(new_stack(tmp_path, OPECOM_WEBHOOKS__RETRY_SECONDS=retries)) as stack,
    ):
        opecom(stack, "webhooks", "add", shop.url, "--site", "default", "--allow-private", "--on", "interventions")
        for name, when in (("help", "page_views == 1"), ("coupon", "page_views == 2")):
            opecom(stack, "interventions", "create", name, "--when", when)
            assert opecom(stack, "interventions", "start", name)["status"] == "running"
        for session in SESSIONS:
            look_at_a_page(stack, session)
        assert wait_until(lambda: set(of(shop, "help")) == set(SESSIONS), LONG)

        assert opecom(stack, "interventions", "stop", "help")["status"] == "stopped"
        before = len(of(shop, "help"))
        if killed:
            stack.process_of("webhooks").kill()
        shop.always = "take"
        for session in SESSIONS:
            look_at_a_page(stack, session)
        # The other one fires as ever, in the same sessions and to the same webhook.
        assert wait_until(lambda: firings(stack, "help")["stopped"] == len(SESSIONS), LONG)
        assert wait_until(lambda: set(of(shop, "coupon")) == set(SESSIONS), LONG)
        assert wait_until(lambda: firings(stack, "coupon")["delivered"] == len(SESSIONS), LONG)
        assert len(of(shop, "help")) == before
        assert firings(stack, "help") == {"delivered": 0, "held": 0, "capped": 0, "stopped": len(SESSIONS)}
        assert sorted(each["session_id"] for each in held(stack)) == SESSIONS
