"""The console's application: who is signed in, what a cookie opens, and what a page may run."""

import asyncio
import base64
import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import Depends, FastAPI

from deploy.console.app import create_app
from deploy.console.build import BuildState, state
from deploy.console.pages import ConsolePages
from deploy.console.sign_in import ShownSite
from storage.http.access import Access, Caller
from storage.http.audit import AuditTrail
from storage.http.refusals import add_refusals
from storage.http.secret_keys import SecretKey, digest_of
from storage.http.sign_ins import SECONDS, SignIns

ADMIN, SHOP_ONLY = "opk_admin-key-of-all", "opk_export-key-of-shop"
SITES = [ShownSite("shop", "Europe/Berlin"), ShownSite("other", "UTC")]
HERE, FAR = "127.0.0.1", "203.0.113.7"


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Fixture:
    """The console over an API of two routes."""

    def __init__(self, folder: Path, is_open: bool = False, running: bool = False) -> None:
        self.keys = [
            SecretKey("all", digest_of(ADMIN), frozenset({"admin"})),
            SecretKey("some", digest_of(SHOP_ONLY), frozenset({"export"}), frozenset({"shop"})),
        ]
        self.clock, self.changes = Clock(), 0
        self.access = Access(lambda: self.keys, is_open, sign_ins=SignIns(b"secret", self.clock))
        api = FastAPI()
        add_refusals(api)
        api.add_middleware(AuditTrail)

        @api.get("/read")
        async def read(caller: Caller = Depends(self.access.of)) -> dict[str, Any]:  # noqa: B008
            return {"who": caller.name}

        @api.post("/change")
        async def change(caller: Caller = Depends(self.access.scoped("admin").of)) -> dict[str, Any]:  # noqa: B008
            self.changes += 1
            return {"who": caller.name}

        pages = ConsolePages(folder, lambda: BuildState(running, "not there"))
        self.app = create_app(pages, api, self.access, lambda: SITES)

    @asynccontextmanager
    async def client(self, peer: str = FAR, base: str = "http://localhost:3000") -> AsyncIterator[httpx.AsyncClient]:
        transport = httpx.ASGITransport(self.app, client=(peer, 50_000))
        async with httpx.AsyncClient(transport=transport, base_url=base) as http:
            yield http


async def sign_in(http: httpx.AsyncClient, key: str = ADMIN) -> dict[str, Any]:
    answer = await http.post("/sign-in", json={"key": key})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_a_key_becomes_a_cookie_that_reads_and_with_its_token_changes(tmp_path: Path) -> None:
    console = Fixture(tmp_path)
    async with console.client() as http:
        assert (await http.get("/sign-in")).json()["state"] == "signed_out"
        assert (await http.get("/api/read")).status_code == 401
        given = await sign_in(http)
        assert (given["state"], given["who"], given["all_sites"]) == ("signed_in", "all", True)
        assert [site["name"] for site in given["sites"]] == ["shop", "other"]
        assert (await http.get("/sign-in")).json() == given
        assert (await http.get("/api/read")).json() == {"who": "all"}
        assert (await http.post("/api/change")).status_code == 403
        assert (await http.post("/api/change", headers={"x-opecom-csrf": "other"})).status_code == 403
        assert console.changes == 0
        headers = {"x-opecom-csrf": given["csrf"]}
        assert (await http.post("/api/change", headers=headers)).status_code == 200
        assert (await http.delete("/sign-in")).status_code == 403
        assert (await http.delete("/sign-in", headers=headers)).status_code == 204
        assert (await http.get("/api/read")).status_code == 401
    assert console.changes == 1


@pytest.mark.parametrize(
    ("base", "headers", "secure"),
    [
        pytest.param("http://localhost:3000", {}, False, id="plain"),
        pytest.param("https://console.example", {}, True, id="TLS here"),
        pytest.param("http://console.example", {"x-forwarded-proto": "https"}, True, id="TLS at a proxy"),
    ],
)
async def test_scripts_and_other_origins_do_not_get_the_cookie(
    tmp_path: Path, base: str, headers: dict[str, str], secure: bool
) -> None:
    async with Fixture(tmp_path).client(base=base) as http:
        answer = await http.post("/sign-in", json={"key": ADMIN}, headers=headers)
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert f"max-age={SECONDS}" in cookie
        assert ("secure" in cookie) is secure
        assert ADMIN.lower() not in cookie


async def test_a_sign_in_ends_with_its_hours_and_with_its_key(tmp_path: Path) -> None:
    console = Fixture(tmp_path)
    async with console.client() as http:
        await sign_in(http)
        console.clock.now += SECONDS - 1
        assert (await http.get("/api/read")).status_code == 200
        console.clock.now += 1
        assert (await http.get("/api/read")).status_code == 401
        assert (await http.get("/sign-in")).json()["state"] == "signed_out"
        await sign_in(http)
        gone, console.keys = console.keys, console.keys[1:]
        assert (await http.get("/api/read")).status_code == 401
        assert (await http.get("/sign-in")).json()["state"] == "signed_out"
        console.keys = gone
        assert (await http.get("/api/read")).status_code == 200


async def test_a_key_of_one_site_sees_that_site_and_its_scopes(tmp_path: Path) -> None:
    console = Fixture(tmp_path)
    async with console.client() as http:
        given = await sign_in(http, SHOP_ONLY)
        assert (given["scopes"], given["all_sites"]) == (["export"], False)
        assert [site["name"] for site in given["sites"]] == ["shop"]
        answer = await http.post("/api/change", headers={"x-opecom-csrf": given["csrf"]})
        assert (answer.status_code, answer.json()["error"]) == (403, "wrong_scope")


@pytest.mark.parametrize("forged", ["ops_", "ops_9999999999.00.x.y", "ops_{real}x", "opk_x", "", "ops_é.é"])
async def test_a_forged_cookie_is_none(tmp_path: Path, forged: str) -> None:
    console = Fixture(tmp_path)
    real = console.access.sign_ins.issue(console.keys[0]).removeprefix("ops_")
    value = forged.replace("{real}", real)
    async with console.client() as http:
        headers = {"cookie": f"opecom_sign_in={value}".encode()}
        assert (await http.get("/sign-in", headers=headers)).json()["state"] == "signed_out"
        assert (await http.get("/api/read", headers=headers)).status_code == 401


async def test_another_secret_signs_nothing_here(tmp_path: Path) -> None:
    console = Fixture(tmp_path)
    other = SignIns(b"another", console.clock).issue(console.keys[0])
    async with console.client() as http:
        assert (await http.get("/api/read", headers={"x-opecom-key": other})).status_code == 401
        assert await http.get("/api/read", headers={"x-opecom-key": console.access.sign_ins.issue(console.keys[0])})


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        pytest.param(b'{"key": "opk_wrong"}', {}, 401, id="wrong key"),
        pytest.param(b'{"kex": "x"}', {}, 422, id="misspelt"),
        pytest.param(b"x" * 5_000, {}, 413, id="too large"),
        pytest.param(b'{"key": "opk_wrong"}', {"content-type": "text/plain"}, 422, id="as another page may send it"),
    ],
)
async def test_a_wrong_sign_in_names_what_is_wrong(
    tmp_path: Path, body: bytes, headers: dict[str, str], status: int
) -> None:
    async with Fixture(tmp_path).client() as http:
        answer = await http.post("/sign-in", content=body, headers={"content-type": "application/json"} | headers)
        assert answer.status_code == status
        assert answer.json()["reason"]
        assert "set-cookie" not in answer.headers


async def test_a_sign_in_is_no_key_to_sign_in_with(tmp_path: Path) -> None:
    console = Fixture(tmp_path)
    async with console.client() as http:
        sign_in_text = console.access.sign_ins.issue(console.keys[0])
        assert (await http.post("/sign-in", json={"key": sign_in_text})).status_code == 401


async def test_keys_cannot_be_guessed_here_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.admission.limits.WRONG_KEYS_AT_ONCE", 5)
    async with Fixture(tmp_path).client() as http:
        found = [(await http.post("/sign-in", json={"key": f"opk_{n}"})).status_code for n in range(7)]
    assert found[0] == 401
    assert found[-1] == 429


async def test_this_machine_reads_without_a_key_where_the_api_lets_it(tmp_path: Path) -> None:
    console = Fixture(tmp_path, is_open=True)
    async with console.client(HERE) as http:
        assert (await http.get("/sign-in")).json() | {"sites": []} == {
            "state": "open",
            "who": "this machine",
            "scopes": ["read"],
            "all_sites": True,
            "sites": [],
            "csrf": "",
        }
        assert (await http.get("/api/read")).json() == {"who": "this machine"}
        assert (await http.post("/api/change")).status_code == 401
    async with console.client(HERE, "http://evil.example") as http:
        assert (await http.get("/sign-in")).json()["state"] == "signed_out"
        assert (await http.get("/api/read")).status_code == 401


async def test_a_page_may_run_its_own_scripts_alone(tmp_path: Path) -> None:
    first, second = "self.a = 1;", "self.b = 2;"
    (tmp_path / "live").mkdir()
    (tmp_path / "index.html").write_text(f'<script src="/a.js"></script><script id="x">{first}</script>')
    (tmp_path / "live/index.html").write_text(f"<script>{first}</script><script>{second}</script>")
    (tmp_path / "404.html").write_text("none")
    (tmp_path / "_next/static").mkdir(parents=True)
    (tmp_path / "_next/static/a.js").write_text("1")
    async with Fixture(tmp_path).client() as http:
        for path, scripts in {"/": [first], "/live/": [first, second], "/nowhere/": []}.items():
            answer = await http.get(path)
            policy = answer.headers["content-security-policy"]
            hashes = [base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in scripts]
            assert re.findall("'sha256-([^']*)'", policy) == hashes, path
            assert "unsafe" not in policy
            assert answer.headers["cache-control"] == "no-cache"
        assert (await http.get("/nowhere/")).status_code == 404
        assert "immutable" in (await http.get("/_next/static/a.js")).headers["cache-control"]
        assert (await http.get("/../secret")).status_code == 404


@pytest.mark.parametrize("running", [True, False])
async def test_before_the_build_each_address_reports_how_it_is(tmp_path: Path, running: bool) -> None:
    async with Fixture(tmp_path, running=running).client() as http:
        answer = await http.get("/live/")
        assert answer.status_code == 503
        assert "not there" in answer.text
        assert ('http-equiv="refresh"' in answer.text) is running
        assert (await http.get("/sign-in")).status_code == 200


async def test_the_state_of_a_build_is_that_of_its_lock_and_its_log(tmp_path: Path) -> None:
    assert state(tmp_path) == BuildState(
        False, "It has not been built. <code>make console</code> builds it, and the stack need not be stopped."
    )
    (tmp_path / ".build.log").write_text("npm ci failed: <no network>\n\n")
    assert "npm ci failed: &lt;no network&gt;" in state(tmp_path).text
    holder = await asyncio.create_subprocess_exec(
        "python3",
        "-c",
        "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX); print(1, flush=True); input()",
        str(tmp_path / ".build.lock"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert holder.stdout is not None
    await holder.stdout.readline()
    assert state(tmp_path).is_running
    await holder.communicate(b"\n")
    assert not state(tmp_path).is_running
