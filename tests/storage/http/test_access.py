"""Who is let in, in which role, and of which sites every answer then is."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from deploy.settings.model import KafkaSettings, Settings, StorageSettings
from deploy.wiring import api
from ingest.admission.limits import WRONG_KEYS_AT_ONCE
from storage.http.access import Access, Caller
from storage.http.errors import ReadError
from storage.http.secret_keys import Scope, SecretKey, digest_of
from storage.replay.account import Account
from storage.replay.jobs import Jobs
from storage.replay.request import ReplaySelection
from tests.support.databases import filled
from tests.support.scored import scored

FAR, HERE = "203.0.113.9", "127.0.0.1"
KEYS = [
    SecretKey("all", digest_of("key-of-all"), frozenset({"read"})),
    SecretKey("shop", digest_of("key-of-shop"), frozenset({"read", "export"}), frozenset({"shop"})),
    SecretKey("shop's owner", digest_of("admin-of-shop"), frozenset({"admin"}), frozenset({"shop"})),
    SecretKey("nowhere", digest_of("key-of-nothing"), frozenset({"read"}), frozenset()),
]


@pytest.mark.parametrize(
    ("headers", "peer", "scope", "said"),
    [
        pytest.param({"x-opecom-key": "key-of-all"}, FAR, "read", "all", id="its scope"),
        pytest.param({"x-opecom-key": "key-of-shop"}, FAR, "export", "shop", id="one of its scopes"),
        pytest.param({"x-opecom-key": "key-of-shop"}, FAR, "personal", "wrong_scope", id="not its scope"),
        pytest.param({"x-opecom-key": "key-of-all"}, HERE, "admin", "wrong_scope", id="not its scope, even here"),
        pytest.param({"x-opecom-key": "admin-of-shop"}, FAR, "personal", "shop's owner", id="admin may all"),
        pytest.param({"x-opecom-key": "key-of-al"}, FAR, "read", "wrong_key", id="the start of one"),
        pytest.param({"x-opecom-key": "wrong"}, HERE, "read", "wrong_key", id="unknown, even here"),
        pytest.param({"x-opecom-key": ""}, HERE, "read", "wrong_key", id="empty"),
        pytest.param({"x-opecom-key": "\udcff"}, FAR, "read", "wrong_key", id="no text"),
        pytest.param({}, FAR, "read", "no_key", id="none"),
        pytest.param({"host": "localhost:8000"}, HERE, "read", "this machine", id="none, here"),
        *(
            pytest.param({"host": "localhost:8000"}, HERE, scope, "no_key", id=f"none, here, for {scope}")
            for scope in ("export", "personal", "admin")
        ),
        pytest.param({"host": "evil.example"}, HERE, "read", "no_key", id="none, here by a foreign name"),
        pytest.param({"host": "localhost", "forwarded": "for=x"}, HERE, "read", "no_key", id="none, by a proxy here"),
        *(
            pytest.param({"host": "localhost", name: "x"}, HERE, "read", "no_key", id=f"none, and {name}")
            for name in ("x-forwarded-for", "X-Forwarded-Proto", "x-forwarded-host", "x-real-ip", "via", "cf-ray")
        ),
    ],
)
def test_a_key_opens_its_scopes(headers: Mapping[str, str], peer: str, scope: Scope, said: str) -> None:
    access = Access(lambda: KEYS, open_on_loopback=True).scoped(scope)
    try:
        told = access.check(headers, peer).name
    except ReadError as error:
        told = error.code
    assert told == said


def test_where_this_machine_needs_a_key_nobody_is_let_in_without() -> None:
    with pytest.raises(ReadError, match="opecom keys add NAME --scope export"):
        Access(lambda: KEYS, open_on_loopback=False, scope="export").check({"host": "localhost"}, HERE)


def test_wrong_keys_are_slowed_for_their_address_alone() -> None:
    now = 0.0
    access = Access(lambda: KEYS, open_on_loopback=True, now=lambda: now).scoped("export")

    def code(key: str, peer: str, **headers: str) -> str:
        try:
            return access.check({"x-opecom-key": key, **headers}, peer).name
        except ReadError as error:
            return error.code

    guesses = [code(f"guess-{number}", FAR) for number in range(300)]
    assert guesses == ["wrong_key"] * WRONG_KEYS_AT_ONCE + ["rate"] * (300 - WRONG_KEYS_AT_ONCE)
    assert code("key-of-shop", FAR) == "rate", "else a guess that is right would show"
    assert [code("key-of-shop", "203.0.113.10"), code("key-of-shop", HERE)] == ["shop", "shop"]
    proxied = [code(f"guess-{number}", HERE, via="1.1 x") for number in range(300)]
    assert proxied == ["wrong_key"] * 300, "an address that many share"
    assert code("key-of-shop", HERE) == "shop"
    now = 1.0
    assert [code("key-of-shop", FAR), code("guess", FAR), code("key-of-shop", FAR)] == ["shop", "wrong_key", "rate"]


def test_keys_hold_as_long_as_they_are_kept() -> None:
    kept = list(KEYS)
    access = Access(lambda: kept, open_on_loopback=False)
    access.check({"x-opecom-key": "key-of-all"}, FAR)
    kept.clear()
    with pytest.raises(ReadError) as gone:
        access.check({"x-opecom-key": "key-of-all"}, FAR)
    assert gone.value.code == "wrong_key"


def test_a_key_expires_at_its_moment() -> None:
    now = 1_999.9
    kept = [replace(KEYS[0], expires_at=2_000.0)]
    access = Access(lambda: kept, open_on_loopback=False, clock=lambda: now)
    assert access.check({"x-opecom-key": "key-of-all"}, FAR).name == "all"
    now = 2_000.0
    with pytest.raises(ReadError, match="the key all has expired") as gone:
        access.scoped("export").check({"x-opecom-key": "key-of-all"}, FAR)
    assert gone.value.code == "wrong_key"


async def test_a_token_opens_nothing_once_its_key_has_ended(tmp_path: Path) -> None:
    kept = list(KEYS)
    async with served(tmp_path, keys=kept) as http:
        token = (await http.post("/intents/token", headers=of("key-of-all"))).json()["token"]
        # There is no Kafka: who is let in is told that.
        assert (await http.get("/intents/stream", params={"token": token})).status_code == 503
        kept[0] = replace(kept[0], sites=frozenset({"shop"}))
        assert (await http.get("/intents/stream", params={"token": token})).status_code == 401
        del kept[0]
        refused = await http.get("/intents/stream", params={"token": token})
        assert (refused.status_code, refused.json()["error"]) == (401, "wrong_token")


@pytest.mark.parametrize(
    ("sites", "site", "sees"),
    [
        pytest.param(None, "shop", True, id="all"),
        pytest.param(frozenset({"shop"}), "shop", True, id="its own"),
        pytest.param(frozenset({"shop"}), "shop~run1", True, id="a run of its own"),
        pytest.param(frozenset({"shop"}), "shop-2", False, id="a longer name"),
        pytest.param(frozenset({"shop~run1"}), "shop", False, id="the site of a run"),
        pytest.param(frozenset(), "shop", False, id="none"),
    ],
)
def test_a_caller_sees_the_sites_of_its_key(sites: frozenset[str] | None, site: str, sees: bool) -> None:
    assert Caller("x", sites).sees(site) is sees


STORED = [
    scored(1, site="shop"),
    scored(2, site="shop~run1", session_id="s2"),
    scored(3, site="shop-2"),
    scored(4, site="shop-2", session_id="s4"),
]


class Ended:
    """Replays that end at once."""

    async def __call__(self, request: ReplaySelection, watcher: Any, anew: bool, own_only: bool) -> Account:
        return Account(sessions=1)


@asynccontextmanager
async def served(folder: Path, url: str = "", keys: Sequence[SecretKey] = KEYS) -> AsyncIterator[httpx.AsyncClient]:
    kafka = KafkaSettings(bootstrap="127.0.0.1:1", request_timeout_ms=1_000)
    settings = Settings(data_dir=folder, storage=StorageSettings(url=SecretStr(url)), kafka=kafka)
    async with filled(settings, STORED) as opened:
        app = api.app(
            settings, opened, Access(lambda: keys, False), CollectorRegistry(), asyncio.Event(), Jobs(Ended())
        )
        transport = httpx.ASGITransport(app, client=(FAR, 5000))
        async with httpx.AsyncClient(transport=transport, base_url="http://api.example") as http:
            yield http


def of(key: str) -> dict[str, str]:
    return {"x-opecom-key": key}


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue("mariadb_url")) if request.param == "mariadb" else ""


async def test_every_read_is_of_the_sites_of_the_key(tmp_path: Path, url: str) -> None:
    async with served(tmp_path, url) as http:

        async def live(key: str, **asked: str) -> set[tuple[str, str]]:
            answer = await http.get("/sessions/live", headers=of(key), params=asked)
            return {(each["site"], each["session_id"]) for each in answer.json()["sessions"]}

        async def found(key: str, path: str) -> int:
            answers = [await http.get(f"/sessions/{path.format(what)}", headers=of(key)) for what in READS]
            assert answers[0].status_code == answers[1].status_code
            return answers[0].status_code

        assert await live("key-of-all") == {(each.site, each.session_id) for each in STORED}
        assert await live("key-of-shop") == {("shop", "s1"), ("shop~run1", "s2")}
        assert await live("key-of-shop", site="shop~run1") == {("shop~run1", "s2")}
        assert await live("key-of-shop", site="shop-2") == set()
        assert await live("key-of-nothing") == set()
        # Of an id that several sites have, a key knows its own site's alone.
        assert await found("key-of-all", "s1/{}") == 409
        assert await found("key-of-shop", "s1/{}") == 200
        assert await found("key-of-shop", "s2/{}?site=shop~run1") == 200
        assert await found("key-of-shop", "s1/{}?site=shop-2") == 404
        assert await found("key-of-shop", "s4/{}") == 404
        assert await found("key-of-nothing", "s1/{}") == 404
        hidden = await http.get("/sessions/s4/intent", headers=of("key-of-shop"))
        unknown = await http.get("/sessions/s5/intent", headers=of("key-of-shop"))
        assert hidden.text.replace("s4", "s5") == unknown.text


READS = ("intent", "timeline")


async def test_a_key_of_a_site_replays_that_site_alone(tmp_path: Path) -> None:
    async with served(tmp_path) as http:

        async def begin(site: str) -> int:
            order = {"request": {"site": site}}
            answer = await http.post("/replays", json=order, headers=of("admin-of-shop"))
            await asyncio.sleep(0.01)
            return answer.status_code

        assert [await begin(site) for site in ("shop", "shop~run1", "shop-2", "")] == [202, 202, 403, 403]
        jobs = (await http.get("/replays", headers=of("admin-of-shop"))).json()["jobs"]
        assert [job["request"].get("site") for job in jobs] == ["shop~run1", "shop"]


async def test_a_key_of_a_site_refreshes_nothing_of_others(tmp_path: Path) -> None:
    async with served(tmp_path) as http:
        refused = await http.post("/pages/refresh", json={}, headers=of("admin-of-shop"))
        explained = await http.get("/pages/explain?site=shop-2&path=/", headers=of("key-of-shop"))
    assert (refused.status_code, refused.json()["error"]) == (403, "wrong_scope")
    assert (explained.status_code, explained.json()) == (
        404,
        {"error": "not_found", "reason": "there is no site 'shop-2'"},
    )
