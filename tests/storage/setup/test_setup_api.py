"""Sites, keys, the tag and arrivals over HTTP: what is answered, to which key, and what it changes."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry

from deploy.http.tag import script_tag
from deploy.processes.audit_file import audit_file
from deploy.settings.access_file import place, read, sites_of
from deploy.settings.model import ApiSettings, Settings
from deploy.sites import changes
from deploy.wiring import api
from deploy.wiring.access_registry import FileRegistry
from storage.http.errors import ReadError
from storage.http.secret_keys import digest_of
from stream.scored import Cause
from tests.support.databases import filled
from tests.support.events import NOON
from tests.support.ingest_app import FAR
from tests.support.scored import scored

RUN = "shop~run1"


@asynccontextmanager
async def service(folder: Path, as_own: bool = False) -> AsyncIterator[tuple[httpx.AsyncClient, Settings, Any]]:
    """The query API over sessions of two sites and a run, asked with a key of all sites, or of shop `as_own`."""
    settings = Settings(data_dir=folder, sites={"shop": {"timezone": "Europe/Vienna"}, "other": {}})  # type: ignore[arg-type]
    key = changes.add_key(settings, "ops", {"admin"}, None)
    own = changes.add_key(settings, "own", {"admin"}, ["shop"])
    changes.add_key(settings, "both", {"read"}, ["shop", "other"])
    sites = enumerate(["shop", "shop", "other", RUN], 1)
    updates = [scored(number, site=site, updated_at=NOON + 1_000 * number) for number, site in sites]
    # What a clock closes is no event.
    nothing = Cause(9, None, None, None, None)
    updates.append(scored(9, closed=True, site="shop", updated_at=NOON + 90_000, event=nothing))
    async with filled(settings, updates) as opened:
        app = api.app(
            settings, opened, api.access(settings), CollectorRegistry(), asyncio.Event(), api.jobs(settings, opened)
        )
        transport = httpx.ASGITransport(app, client=(FAR, 5_000))
        headers = {"x-opecom-key": own if as_own else key}
        async with httpx.AsyncClient(transport=transport, base_url="http://api", headers=headers) as http:
            yield http, settings, opened.client


async def test_a_site_is_made_changed_and_removed(tmp_path: Path) -> None:
    async with service(tmp_path) as (http, settings, _):
        fields = {"origins": ["https://new.example"], "path_rules": [{"prefix": "/p/", "type": "ProductRelated"}]}
        made = await http.post("/sites", json={"name": "new", "fields": fields})
        assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
        site = made.json()["site"]
        assert site["write_keys"] == list(sites_of(settings)["new"].write_keys)
        assert {name: site["fields"][name] for name in fields} == fields
        assert (await http.post("/sites", json={"name": "new"})).json()["error"] == "conflict"
        changed = (await http.patch("/sites/new", json={"timezone": "Europe/Rome", "origins": []})).json()
        assert [line.partition(":")[0] for line in changed["notices"]] == [
            "new has no origins",
            "the calendar of a site that was known holds until the worker starts again",
        ]
        assert sites_of(settings)["new"].timezone == "Europe/Rome"
        listed = (await http.get("/sites")).json()
        assert [each["name"] for each in listed["sites"]] == sorted(sites_of(settings))
        assert listed["file"] == {"path": str(place(settings)), "is_writable": True, "remedy": ""}
        assert (await http.delete("/sites/new")).json() == {"name": "new", "is_known_still": False}
        assert "new" not in sites_of(settings)
        assert 'who="key ops" action="sites remove" site="new"' in audit_file(settings).read_text()


WRONG: dict[str, tuple[str, str, Any, int, str]] = {
    "a field of the settings": ("PATCH", "/sites/shop", {"timezone": "UTC"}, 409, "OPECOM_SITES__SHOP__TIMEZONE"),
    "a site of the settings": ("DELETE", "/sites/shop", None, 404, "has no site shop"),
    "a field that is none": ("PATCH", "/sites/shop", {"colour": 1}, 422, "colour"),
    "a key as a field": ("PATCH", "/sites/shop", {"write_keys": ["mine"]}, 422, "write_keys"),
    "no time zone": ("PATCH", "/sites/other", {"timezone": "Mars/Base"}, 422, "timezone"),
    "no site": ("PATCH", "/sites/none", {"currency": "EUR"}, 404, "there is no site none"),
    "no name": ("POST", "/sites", {"name": "A B"}, 422, "cannot be the name of a site"),
    "a key's name in use": ("POST", "/keys", {"name": "ops", "scopes": ["read"]}, 409, "opecom keys revoke ops"),
    "a key of no site": ("POST", "/keys", {"name": "b", "scopes": ["read"], "sites": ["x"]}, 404, "no site x"),
    "a scope that is none": ("POST", "/keys", {"name": "b", "scopes": ["all"]}, 422, "scopes"),
    "no key": ("DELETE", "/keys?name=none", None, 404, "has no key none"),
    "another tag's key": ("GET", "/sites/shop/tag?write_key=wk_none", None, 404, "no such write key"),
}


async def test_what_cannot_be_is_one_line_and_changes_nothing(tmp_path: Path) -> None:
    async with service(tmp_path) as (http, settings, _):
        before = place(settings).read_text()
        for what, (method, path, body, status, line) in WRONG.items():
            answer = await http.request(method, path, json=body)
            assert (answer.status_code, line in answer.json()["reason"]) == (status, True), f"{what}: {answer.text}"
        assert place(settings).read_text() == before


async def test_keys_are_shown_by_the_answer_that_makes_them_and_by_no_other(tmp_path: Path) -> None:
    async with service(tmp_path) as (http, settings, _):
        asked = {"name": "a b/c", "scopes": ["read", "export"], "sites": ["shop"]}
        key = (await http.post("/keys", json=asked)).json()["key"]
        assert digest_of(key) in {each.digest for each in read(place(settings)).secret_keys()}
        secret = (await http.post("/sites/other/keys", json={"kind": "purchase"})).json()["key"]
        public = (await http.post("/sites/other/keys", json={"kind": "write"})).json()["key"]
        listed = (await http.get("/keys")).text + (await http.get("/sites")).text
        assert (key in listed, digest_of(key).hex() in listed, secret in listed, public in listed) == (
            *[False] * 3,
            True,
        )
        assert '"purchase_secrets":1' in listed
        tag = (await http.get("/sites/other/tag?datalayer=true")).json()
        assert (tag["key"], f'data-key="{public}"' in tag["tag"], "data-datalayer" in tag["tag"]) == (
            public,
            True,
            True,
        )
        assert (await http.get("/sites/other/tag")).json()["tag"] == script_tag(settings, "other", public)
        newer = (await http.post("/sites/other/keys", json={"kind": "write"})).json()["key"]
        assert (await http.delete("/sites/other/keys/write")).json()["ended"] == 1
        assert sites_of(settings)["other"].write_keys == (newer,)
        named = {each["name"]: (each["scopes"], each["sites"]) for each in (await http.get("/keys")).json()["keys"]}
        assert (named["ops"], named["a b/c"]) == ((["admin"], None), (["export", "read"], ["shop"]))
        assert (await http.delete("/keys", params={"name": "a b/c"})).status_code == 200
        assert list(read(place(settings)).keys) == ["ops", "own", "both"]


async def test_arrivals_are_those_of_the_timeline(tmp_path: Path) -> None:
    async with service(tmp_path) as (http, _, client):
        query = "SELECT site, toUnixTimestamp64Milli(updated_at) FROM scored_sessions WHERE event_id IS NOT NULL"
        rows = sorted(client.query(query).result_rows)
        assert rows == [("other", NOON + 3_000), ("shop", NOON + 1_000), ("shop", NOON + 2_000), (RUN, NOON + 4_000)]
        expected = [
            {"site": "other", "first_at": NOON + 3_000, "newest_at": NOON + 3_000},
            {"site": "shop", "first_at": NOON + 1_000, "newest_at": NOON + 2_000},
        ]
        assert (await http.get("/sites/arrivals")).json()["sites"] == expected
        assert (await http.get("/sites/arrivals?site=shop")).json()["sites"] == expected[1:]
        run = (await http.get("/sites/arrivals", params={"site": RUN})).json()["sites"]
        assert [each["site"] for each in run] == [RUN]
        assert (await http.get("/sites/arrivals?site=new")).json()["sites"] == []


async def test_a_key_of_one_site_reads_that_site_and_changes_none(tmp_path: Path) -> None:
    async with service(tmp_path, as_own=True) as (http, _, _):
        listed = (await http.get("/sites")).json()
        assert ([each["name"] for each in listed["sites"]], listed["may_change"]) == (["shop"], False)
        assert [each["name"] for each in (await http.get("/keys")).json()["keys"]] == ["own"]
        assert [each["site"] for each in (await http.get("/sites/arrivals")).json()["sites"]] == ["shop"]
        assert (await http.get("/sites/shop/tag")).status_code == 200
        refused = {
            "GET /sites/other/tag": 404,
            "GET /sites/arrivals?site=other": 403,
            "POST /sites": 403,
            "PATCH /sites/shop": 403,
            "DELETE /sites/shop": 403,
            "POST /sites/shop/keys": 403,
            "DELETE /sites/shop/keys/write": 403,
            "POST /keys": 403,
            "DELETE /keys?name=own": 403,
        }
        body = json.dumps({"name": "mine", "scopes": ["read"], "sites": ["shop"]})
        sent = {"content-type": "application/json"}
        got = {each: (await http.request(*each.split(" "), content=body, headers=sent)).status_code for each in refused}
        assert got == refused


def test_a_file_that_is_read_only_is_one_line_that_names_the_setting(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    registry = FileRegistry(Settings(data_dir=tmp_path, access_file=in_the_way / "access.toml"))
    with pytest.raises(ReadError, match="access_file") as refused:
        registry.make_site("new", {}, "key ops")
    assert (refused.value.code, refused.value.status) == ("conflict", 409)
    state = registry.state()
    assert not state.is_writable
    assert "OPECOM_ACCESS_FILE" in state.remedy


def test_keys_of_the_settings_are_listed_by_their_setting(tmp_path: Path) -> None:
    keys = ApiSettings(read_keys=("read-key-of-sixteen-or-more",), admin_keys=("admin-key-of-sixteen-or-more",))  # type: ignore[arg-type]
    found = FileRegistry(Settings(data_dir=tmp_path, api=keys)).keys()
    assert [(each.name, each.scopes, each.kept_in) for each in found] == [
        ("api.read_keys", ["read"], "settings"),
        ("api.admin_keys", ["admin"], "settings"),
    ]
