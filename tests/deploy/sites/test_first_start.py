"""The keys of a first start: which are made, what they open, and that nobody is shown them twice."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.processes.ports import wait_until
from deploy.settings.access_file import place, sites_of
from deploy.settings.model import Settings
from deploy.sites.first_start import first_keys
from deploy.wiring import access, ingest
from deploy.wiring.keys import admin_key
from ingest.publish import ListPublisher
from tests.support.ingest_app import FAR, events
from tests.support.stack import new_stack, up


def key_in(line: str) -> str:
    return line.split()[2]


async def test_a_first_start_makes_a_write_key_and_an_admin_key(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    where, write, admin, tag, _ = first_keys(settings)
    assert str(place(settings)) in where
    assert f'data-key="{key_in(write)}"' in tag
    assert sites_of(settings)["default"].write_keys == (key_in(write),)
    assert key_in(admin) not in place(settings).read_text()
    caller = access.access(settings).scoped("personal").check({"x-opecom-key": key_in(admin)}, FAR)
    assert (caller.name, caller.sites) == ("first", None)
    own = (tmp_path / "admin.key").read_text()
    assert access.access(settings).scoped("admin").check({"x-opecom-key": own}, FAR).name == "this machine"
    assert (admin_key(settings), (tmp_path / "admin.key").stat().st_mode & 0o777) == (own, 0o600)
    log = ListPublisher()
    # From a page of this machine, elsewhere in the network, and still from this machine without a key.
    for peer, headers in ((FAR, {"x-opecom-key": key_in(write), "origin": "http://localhost"}), ("127.0.0.1", {})):
        transport = httpx.ASGITransport(ingest.app(settings, log), client=(peer, 5_000))
        async with httpx.AsyncClient(transport=transport, base_url="http://ingest") as http:
            answer = await http.post("/tracker/session/end", json={"session_id": "s1"}, headers=headers)
            assert answer.status_code == 202, answer.text
    assert [event.site for event in events(log)] == ["default"] * 2


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"profile": "services"}, id="services"),
        pytest.param({"api": {"admin_keys": ["a-key-of-sixteen-or-more"]}}, id="an admin key"),
        pytest.param({"sites": {"default": {"write_keys": ["write-key"]}}}, id="a write key"),
        pytest.param({"sites": {"shop": {}}}, id="sites of one's own"),
    ],
)
def test_where_the_settings_name_the_keys_nothing_is_made(given: dict[str, Any], tmp_path: Path) -> None:
    assert first_keys(Settings(data_dir=tmp_path, **given)) == []
    assert not list(tmp_path.iterdir())


def test_up_shows_the_keys_at_its_first_start_alone(tmp_path: Path) -> None:
    stack = new_stack(tmp_path)
    with up(stack):
        first = (tmp_path / "up.log").read_text()
        (line,) = [each for each in first.splitlines() if "admin key" in each]
        key = {"x-opecom-key": key_in(line)}
        behind_a_proxy = {"x-forwarded-for": FAR}
        assert httpx.get(f"{stack.api.url}/sessions/live", headers=key | behind_a_proxy, timeout=90).status_code == 200
        assert httpx.get(f"{stack.api.url}/sessions/live", headers=behind_a_proxy, timeout=90).status_code == 401
        # A key that is made and ended while the parts run.
        made = stack.opecom("keys", "add", "ops", "--scope", "read", "--site", "default").stdout.split()[0]
        assert opens(stack.api.url, made, 200)
        assert stack.opecom("keys", "revoke", "ops").returncode == 0
        assert opens(stack.api.url, made, 401)
        added = stack.opecom("sites", "add", "shop", "--origin", "https://shop.example")
        assert added.returncode == 0, added.stderr
        listed = json.loads(stack.opecom("sites", "list", "--json").stdout)["sites"]["shop"]
        assert sends(stack.ingest.url, listed["write_keys"][0])
    with up(stack):
        again = (tmp_path / "up.log").read_text()
    assert "admin key" not in again
    assert not any(key_in(line) in each.read_text(errors="replace") for each in (tmp_path / "data/logs").iterdir())


def opens(api: str, key: str, status: int) -> bool:
    headers = {"x-opecom-key": key, "x-forwarded-for": FAR}
    return wait_until(lambda: httpx.get(f"{api}/sessions/live", headers=headers, timeout=90).status_code == status, 60)


def sends(ingest: str, key: str) -> bool:
    headers = {"x-opecom-key": key, "origin": "https://shop.example", "x-forwarded-for": FAR}
    body = {"session_id": "s1"}
    return wait_until(
        lambda: httpx.post(f"{ingest}/tracker/session/end", json=body, headers=headers, timeout=90).status_code == 202,
        10,
    )
