"""Page statistics over HTTP are of the sites of the key alone."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx
import msgspec
from fastapi import FastAPI

from storage.http.access import Access
from storage.http.refusals import add_refusals
from storage.http.secret_keys import SecretKey, digest_of
from storage.pages.api import page_routes
from storage.pages.refresh import Refresher
from storage.pages.tally import Tally
from tests.storage.pages.test_refresh import FakeTallies, Topic

KEYS = [
    SecretKey("all", digest_of("key-of-all"), frozenset({"admin"})),
    SecretKey("shop", digest_of("key-of-shop"), frozenset({"admin"}), frozenset({"shop"})),
]


@asynccontextmanager
async def served(later: Sequence[Tally] = ()) -> AsyncIterator[httpx.AsyncClient]:
    """The API; with `later`, these are counted once the first refresh is done."""
    topic = Topic()
    counted = FakeTallies(*(Tally(site, "/a", 200, 100, 100, 50, 20, 300.0) for site in ("shop", "shop~run", "other")))
    refresher = Refresher(counted, topic.statistics, topic.caught_up, topic.put)  # type: ignore[arg-type]

    @asynccontextmanager
    async def opening() -> AsyncIterator[Refresher]:
        yield refresher
        if later and topic.puts:
            counted.tallies = list(later)

    app = FastAPI()
    add_refusals(app)
    app.include_router(page_routes(opening, Access(lambda: KEYS, False)))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as http:
        yield http


async def test_a_key_hears_of_the_pages_of_its_sites() -> None:
    async with served() as http:
        every, shop = {"x-opecom-key": "key-of-all"}, {"x-opecom-key": "key-of-shop"}
        assert (await http.post("/pages/refresh", json={}, headers=shop)).status_code == 403
        assert (await http.post("/pages/refresh", json={}, headers=every)).json()["written"] == 6

        async def sites(headers: dict[str, str], asked: str = "") -> set[str]:
            answer = await http.get("/pages", params={"site": asked}, headers=headers)
            return {page["site"] for page in answer.json()["pages"]}

        assert await sites(every) == {"shop", "shop~run", "other"}
        assert await sites(shop) == {"shop", "shop~run"}
        assert await sites(shop, "other") == set()
        explained = [
            (await http.get("/pages/explain", params={"site": site, "path": "/a"}, headers=shop)).status_code
            for site in ("shop", "shop~run", "other", "nowhere")
        ]
    assert explained == [200, 200, 404, 404]


async def test_a_version_is_put_back_and_released_by_who_may_for_all_sites() -> None:
    async with served() as http:
        every, shop = {"x-opecom-key": "key-of-all"}, {"x-opecom-key": "key-of-shop"}
        version = (await http.post("/pages/refresh", json={}, headers=every)).json()["version"]

        async def restored(headers: dict[str, str], wanted: int) -> httpx.Response:
            return await http.post("/pages/restore", params={"version": wanted}, json={}, headers=headers)

        assert (await restored(shop, version)).status_code == 403
        assert (await restored(every, 9_999)).status_code == 404
        assert (await restored(every, version)).json()["pinned"] is True
        assert (await http.post("/pages/refresh", json={}, headers=every)).json()["pinned"] is True
        released = await http.post("/pages/refresh", params={"release": True}, json={}, headers=every)
        assert released.json()["pinned"] is False


async def test_a_key_hears_of_what_is_held_of_its_sites_and_one_of_all_sites_releases_it() -> None:
    every, shop = {"x-opecom-key": "key-of-all"}, {"x-opecom-key": "key-of-shop"}
    sent = Tally("shop", "/a", 4_200, 4_100, 4_100, 4_050, 4_020, 300.0)
    counted = [sent, msgspec.structs.replace(sent, site="other")]
    async with served(counted) as http:
        await http.post("/pages/refresh", json={}, headers=every)
        answer = (await http.post("/pages/refresh", json={}, headers=every)).json()
        assert [each["site"] for each in answer["held"]] == ["other", "shop"]

        async def held(headers: dict[str, str]) -> list[str]:
            return [each["site"] for each in (await http.get("/pages", headers=headers)).json()["held"]]

        assert await held(every) == ["other", "shop"]
        assert await held(shop) == ["shop"]
        release = {"release": True, "site": "shop"}
        assert (await http.post("/pages/refresh", params=release, json={}, headers=shop)).status_code == 403
        assert (await http.post("/pages/refresh", params=release, json={}, headers=every)).status_code == 200
        assert await held(every) == ["other"]
        assert await held(shop) == []
