"""The query API over real databases in a folder: answers, refusals, keys, tokens, documents."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from msgspec import structs
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from deploy.errors import SetupError
from deploy.settings.model import ApiSettings, Settings, StorageSettings
from deploy.wiring import api
from scoring.features import NAMES
from scoring.signals import SESSION_NAMES
from storage.http.answers import encode
from storage.query.intents import intent_of
from storage.query.queries import Queries
from stream.scored import Cause, Reason, ScoredSession
from tests.support.databases import filled
from tests.support.disk import fill_disk
from tests.support.events import NOON, event_id
from tests.support.scored import FEATURES, SIGNALS, scored

KEY = "read-key-of-sixteen-or-more"


@asynccontextmanager
async def client(
    folder: Path, updates: list[ScoredSession], url: str = "", **api_settings: Any
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the API on these updates; the relational database is SQLite unless `url` says otherwise."""
    storage = StorageSettings(url=SecretStr(url))
    settings = Settings(data_dir=folder, api=ApiSettings(**api_settings), storage=storage)
    async with filled(settings, updates) as opened:
        app = api.app(
            settings, opened, api.access(settings), CollectorRegistry(), asyncio.Event(), api.jobs(settings, opened)
        )
        transport = httpx.ASGITransport(app, client=("127.0.0.1", 5000))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as made:
            yield made


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def url(request: pytest.FixtureRequest) -> str:
    """Each relational database in turn."""
    return str(request.getfixturevalue("mariadb_url")) if request.param == "mariadb" else ""


async def test_features_are_those_that_were_known_at_an_offset(tmp_path: Path) -> None:
    later = structs.replace(FEATURES, ProductRelated=9)
    updates = [scored(7, signals=SIGNALS), scored(9, features=later), scored(12, probability=0.7, features=later)]
    async with client(tmp_path, updates) as http:
        known = {at: await http.get("/sessions/s1/features", params={"at": at}) for at in (6, 7, 8, 11)}
        now = (await http.get("/sessions/s1/features?site=default")).json()
        described = (await http.get("/features")).json()
    assert known[6].status_code == 404
    assert known[6].json()["reason"] == "session 's1' has no update up to offset 6"
    found = {at: answer.json() for at, answer in known.items() if at != 6}
    assert [found[at]["event"]["offset"] for at in found] == [7, 7, 9]
    assert found[7]["features"] == structs.asdict(FEATURES)
    assert found[7]["signals"] == structs.asdict(SIGNALS)
    assert found[11]["features"] == now["features"] == structs.asdict(later)
    assert now["event"]["offset"] == 12
    assert now["signals"] is None
    assert [each["name"] for each in described["features"]] == list(SESSION_NAMES)


async def test_intent_reports_the_newest_score_and_why(tmp_path: Path, url: str) -> None:
    updates = [
        scored(1, probability=0.1),
        scored(2, probability=0.7654321, label="YES", band="high", updated_at=NOON + 4_321, signals=SIGNALS),
    ]
    async with client(tmp_path, updates, url) as http:
        answer = await http.get("/sessions/s1/intent")
    assert answer.status_code == 200
    assert answer.json() == {
        "site": "default",
        "session_id": "s1",
        "opened_at": NOON,
        "status": "open",
        "probability": 0.7654321,
        "label": "YES",
        "band": "high",
        "reasons": [
            {
                "feature": "PageValues",
                "value": 4.5,
                "contribution": 0.2,
                "text": "value of the pages, 4.5, raises it by 20 points",
            },
            {
                "feature": "Month",
                "value": "Feb",
                "contribution": -0.05,
                "text": "month, February, lowers it by 5 points",
            },
            {"feature": "Weekend", "value": True, "contribution": 0.01, "text": "weekend, yes, raises it by 1 point"},
        ],
        "features": {name: getattr(FEATURES, name) for name in NAMES},
        "signals": {"cart_quantity": 2.0, "cart_value": 49.8, "checkout_step": 1, "previous_sessions": 3},
        "counts": {"events": 5, "page_views": 4, "pings": 1, "customs": 0, "purchases": 0},
        "updated_at": NOON + 4_321,
        "model_version": "first",
        "version": 2 << 12,
        "experiments": [],
        "holdout": False,
        "held": False,
        "interventions": [],
        # Of streams alone.
        "path": None,
    }


async def test_signals_are_whole_in_the_timeline_and_null_where_the_record_had_none(tmp_path: Path, url: str) -> None:
    unknown = structs.replace(SIGNALS, cart_value=None, previous_sessions=None, last_page_type=None, device_class=None)
    updates = [scored(1), scored(2, signals=SIGNALS), scored(3, signals=unknown)]
    for count, listed in (
        (1, None),
        (2, {"cart_quantity": 2.0, "cart_value": 49.8, "checkout_step": 1, "previous_sessions": 3}),
        (3, {"cart_quantity": 2.0, "cart_value": None, "checkout_step": 1, "previous_sessions": None}),
    ):
        async with client(tmp_path, updates[:count], url) as http:
            intent = (await http.get("/sessions/s1/intent")).json()
            timeline = (await http.get("/sessions/s1/timeline")).json()
        assert intent["signals"] == listed == json.loads(encode(intent_of(updates[count - 1])))["signals"]
        assert [each["signals"] for each in timeline["updates"]] == [
            None if each.signals is None else structs.asdict(each.signals) for each in updates[:count]
        ]


async def test_intent_of_an_id_used_again_is_that_of_the_newest_session(tmp_path: Path) -> None:
    updates = [scored(9, closed=True, probability=0.9), scored(20, opened_at=NOON + 86_400_000, probability=0.2)]
    async with client(tmp_path, updates) as http:
        answer = (await http.get("/sessions/s1/intent")).json()
        timeline = (await http.get("/sessions/s1/timeline")).json()
    assert (answer["opened_at"], answer["probability"]) == (NOON + 86_400_000, 0.2)
    assert (timeline["opened_at"], len(timeline["updates"])) == (NOON + 86_400_000, 1)


@pytest.mark.parametrize("what", ["intent", "timeline"])
async def test_an_id_of_several_sites_needs_the_site(what: str, tmp_path: Path) -> None:
    updates = [scored(1), scored(2, site="shop-2", probability=0.5), scored(3, site="uci~run1", probability=0.6)]
    async with client(tmp_path, updates) as http:
        ambiguous = await http.get(f"/sessions/s1/{what}")
        told = await http.get(f"/sessions/s1/{what}", params={"site": "uci~run1"})
        elsewhere = await http.get(f"/sessions/s1/{what}", params={"site": "shop-9"})
    assert (ambiguous.status_code, ambiguous.json()) == (
        409,
        {
            "error": "ambiguous",
            "reason": "several sites have a session of this id: add ?site= with one of default, shop-2, uci~run1",
        },
    )
    assert told.json()["site"] == "uci~run1"
    assert (elsewhere.status_code, elsewhere.json()["reason"]) == (404, "there is no session 's1' on site shop-9")


async def test_any_other_id_is_one_line_of_404(tmp_path: Path, url: str) -> None:
    others = {
        "unknown": "nobody",
        "or-1-1": "s1' OR '1'='1",
        "comment": 's1" --',
        "backslash": "s1\\",
        "placeholder": "{session_id:String}",
        "format": "%s",
        "nul": "s1\x00",
        "line": "s1\n",
        "case": "S1",
        "space": "s1 ",
        "long": "é" * 90,
    }
    async with client(tmp_path, [scored(1)], url) as http:
        answers = {
            (name, what): await http.get(f"/sessions/{quote(session_id, safe='')}/{what}")
            for name, session_id in others.items()
            for what in ("intent", "timeline")
        }
    assert {case: answer.status_code for case, answer in answers.items()} == dict.fromkeys(answers, 404)
    for answer in answers.values():
        assert answer.json()["error"] == "not_found"
        assert answer.json()["reason"].startswith("there is no session")
        assert "\n" not in answer.json()["reason"]


async def test_live_lists_open_sessions_the_highest_first(tmp_path: Path, url: str) -> None:
    bands = {0.1: "low", 0.4: "building", 0.6: "high", 0.9: "high"}
    updates = [
        scored(number, session_id=f"s{number}", probability=probability, band=band, site=f"shop-{number % 2}")
        for number, (probability, band) in enumerate(bands.items(), 1)
    ] + [scored(9, closed=True, session_id="s9", probability=0.99), scored(8, status="ended", session_id="s8")]
    updates.append(scored(7, session_id="program", probability=0.95, band="high", bot=True))

    async with client(tmp_path, updates, url) as http:

        async def live(**asked: Any) -> list[str]:
            answer = await http.get("/sessions/live", params=asked)
            return [session["session_id"] for session in answer.json()["sessions"]]

        assert await live() == ["s4", "s3", "s2", "s1"]
        assert await live(min_probability=0.6) == ["s4", "s3"]
        assert await live(band="high", limit=1) == ["s4"]
        assert await live(site="shop-1") == ["s3", "s1"]
        assert await live(site="nowhere") == []
        assert await live(bots="true") == ["program", "s4", "s3", "s2", "s1"]


async def test_wrong_parameters_are_one_line(tmp_path: Path) -> None:
    refusals = {
        "limit=0": "query limit: Input should be greater than or equal to 1",
        "limit=1001": "query limit: Input should be less than or equal to 1000",
        "min_probability=nan": "query min_probability: Input should be",
        "min_probability=2": "query min_probability: Input should be",
        "band=huge": "query band: Input should be 'low', 'building' or 'high'",
        "min_prob=0.5": "query min_prob: Extra inputs are not permitted",
    }
    async with client(tmp_path, []) as http:
        answers = {query: await http.get(f"/sessions/live?{query}") for query in refusals}
    for query, said in refusals.items():
        assert (answers[query].status_code, answers[query].json()["error"]) == (422, "invalid")
        assert answers[query].json()["reason"].startswith(said)


async def test_timeline_reports_every_update_in_order(tmp_path: Path) -> None:
    updates = [
        scored(1, probability=0.1, reasons=(Reason("PageValues", 4.5, 0.2),)),
        scored(5, probability=0.3, occurred_at=NOON + 7, revenue=True, amount=12.5),
        scored(5, closed=True, probability=0.3, event=Cause(5), updated_at=NOON + 9_000),
    ]
    async with client(tmp_path, updates[::-1]) as http:
        timeline = (await http.get("/sessions/s1/timeline", params={"site": "default"})).json()
    assert [(each["version"], each["closed"], each["status"]) for each in timeline["updates"]] == [
        (1 << 12, False, "open"),
        (5 << 12, False, "open"),
        (5 << 12 | 1 << 11, True, "closed"),
    ]
    first, second, last = timeline["updates"]
    assert first["event"] == {
        "offset": 1,
        "id": event_id(1),
        "type": "page_view",
        "page_type": "ProductRelated",
        "path": "/p/1",
    }
    assert first["reasons"][0]["text"] == "value of the pages, 4.5, raises it by 20 points"
    assert first["features"] == {name: getattr(FEATURES, name) for name in NAMES}
    assert (second["occurred_at"], second["revenue"], second["amount"]) == (NOON + 7, True, 12.5)
    assert last["event"] == {"offset": 5}


async def test_a_timeline_that_is_too_long_reports_the_newest_updates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.query.queries.MOST_UPDATES", 3)
    updates = [scored(offset, updated_at=NOON + offset) for offset in range(1, 6)]
    async with client(tmp_path, [*updates, scored(5, closed=True, updated_at=NOON + 5)]) as http:
        timeline = (await http.get("/sessions/s1/timeline")).json()
        document = (await http.get("/openapi.json")).json()
    told = [(each["event"]["offset"], each["closed"]) for each in timeline["updates"]]
    assert told == [(4, False), (5, False), (5, True)]
    said = document["paths"]["/sessions/{session_id}/timeline"]["get"]["description"]
    assert said == "The oldest first; of more than 10,000 updates the newest."


async def test_a_full_disk_of_the_databases_is_503(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with client(tmp_path, [scored(1)]) as http:
        assert (await http.get("/readyz")).status_code == 200
        line = fill_disk(monkeypatch, tmp_path)
        answer = await http.get("/readyz")
        # What is stored can still be read.
        assert (await http.get("/sessions/s1/intent")).status_code == 200
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert answer.json() == {"error": "unavailable", "reason": line}


async def test_databases_that_are_away_are_503(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    async with filled(settings, [scored(1)]) as opened:
        app = api.app(
            settings, opened, api.access(settings), CollectorRegistry(), asyncio.Event(), api.jobs(settings, opened)
        )
        transport = httpx.ASGITransport(app, client=("127.0.0.1", 5000))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as http:
            assert (await http.get("/readyz")).status_code == 200
            metrics = (await http.get("/metrics")).text
            assert 'opecom_api_database_seconds_count{database="ClickHouse"} 1.0' in metrics
            assert 'opecom_api_database_failures_total{database="ClickHouse"} 0.0' in metrics
            assert "opecom_api_requests_in_flight 1.0" in metrics
            opened.client.command("DROP TABLE scored_sessions")
            timeline = await http.get("/sessions/s1/timeline")
            opened.engine.dispose()
            (tmp_path / "opecom.sqlite").unlink()
            (tmp_path / "opecom.sqlite").mkdir()
            others = [await http.get(path) for path in ("/sessions/s1/intent", "/sessions/live", "/readyz")]
            metrics = (await http.get("/metrics")).text
    assert 'opecom_api_database_failures_total{database="the relational database"} 3.0' in metrics
    assert 'opecom_api_database_failures_total{database="ClickHouse"} 1.0' in metrics
    said = {(answer.status_code, answer.headers["retry-after"], answer.text) for answer in others}
    relational = "the relational database does not answer; storage.url says where it is"
    assert said == {(503, "2", f'{{"error":"unavailable","reason":"{relational}"}}')}
    assert (timeline.status_code, timeline.json()["reason"]) == (
        503,
        "ClickHouse does not answer; storage.clickhouse_host says where it is",
    )


READERS = {
    "here": ("127.0.0.1", {}, 200),
    "here-ipv6": ("::1", {"host": "[::1]:8000"}, 200),
    "elsewhere": ("10.0.0.7", {}, 401),
    "rebound": ("127.0.0.1", {"host": "rebound.example:8000"}, 401),
    "by-proxy": ("127.0.0.1", {"x-forwarded-for": "203.0.113.9"}, 401),
    "wrong-here": ("127.0.0.1", {"x-opecom-key": "wrong"}, 401),
    "key": ("10.0.0.7", {"x-opecom-key": KEY}, 200),
    "longer": ("10.0.0.7", {"x-opecom-key": KEY + "x"}, 401),
    "empty": ("10.0.0.7", {"x-opecom-key": ""}, 401),
}


async def test_reads_are_open_on_loopback_and_need_a_key_elsewhere(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, api=ApiSettings(read_keys=("other-key-of-sixteen", KEY)))
    reads = [("GET", "/sessions/live"), ("GET", "/sessions/s1/intent"), ("GET", "/sessions/s1/timeline")]
    reads.append(("GET", "/models"))
    async with filled(settings, [scored(1)]) as opened:
        app = api.app(
            settings, opened, api.access(settings), CollectorRegistry(), asyncio.Event(), api.jobs(settings, opened)
        )
        for name, (peer, headers, status) in READERS.items():
            transport = httpx.ASGITransport(app, client=(peer, 5000))
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as http:
                for method, path in [*reads, ("POST", "/intents/token")]:
                    assert (await http.request(method, path, headers=headers)).status_code == status, (name, path)
                assert (await http.get("/livez", headers=headers)).status_code == 200


def test_outside_the_embedded_profile_nobody_reads_without_a_key() -> None:
    with pytest.raises(SetupError, match="there is no key of scope read"):
        api.access(Settings(profile="services"))
    with pytest.raises(SetupError, match="fewer than 16"):
        api.access(Settings(profile="services", api=ApiSettings(read_keys=("short",))))
    closed = api.access(Settings(profile="services", api=ApiSettings(read_keys=(KEY,))))
    with pytest.raises(Exception, match="X-OPECOM-Key"):
        closed.check({"host": "localhost"}, "127.0.0.1")


async def test_only_listed_origins_may_read_in_a_browser(tmp_path: Path) -> None:
    async with client(tmp_path, [scored(1)], origins=("https://shop.example",)) as http:
        allowed = await http.get("/sessions/s1/intent", headers={"origin": "https://shop.example"})
        refused = await http.get("/sessions/s1/intent", headers={"origin": "https://evil.example"})
    assert allowed.headers["access-control-allow-origin"] == "https://shop.example"
    assert "access-control-allow-origin" not in refused.headers


async def test_wrong_routes_are_refused_alike(tmp_path: Path) -> None:
    async with client(tmp_path, []) as http:
        nowhere, wrong_method = await http.get("/nothing"), await http.post("/sessions/live")
    assert (nowhere.status_code, nowhere.json()) == (
        404,
        {"error": "not_found", "reason": "there is no GET /nothing; /docs lists what there is"},
    )
    assert (wrong_method.status_code, wrong_method.json()["error"]) == (405, "wrong_method")


async def test_a_defect_of_ours_reports_nothing_of_its_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(Queries, "intent", fail)
    async with client(tmp_path, []) as http:
        http._transport.raise_app_exceptions = False  # type: ignore[attr-defined]
        answer = await http.get("/sessions/s1/intent")
    assert (answer.status_code, answer.json()["error"]) == (500, "internal")
    assert "secret" not in answer.text


async def test_the_documents_describe_what_is_answered(tmp_path: Path) -> None:
    async with client(tmp_path, [scored(1)]) as http:
        openapi = (await http.get("/openapi.json")).json()
        topics = (await http.get("/asyncapi.json")).json()
        docs = await http.get("/docs")
        intent = (await http.get("/sessions/s1/intent")).json()
        metrics = (await http.get("/metrics")).text
    assert {"/sessions/live", "/sessions/{session_id}/intent", "/intents/stream"} <= set(openapi["paths"])
    assert {"/", "/health", "/models", "/predict", "/predict/batch"} <= set(openapi["paths"])
    assert set(openapi["components"]["schemas"]["Intent"]["required"]) == set(intent)
    for document in (openapi, topics):
        for reference in _references(document):
            assert _resolve(document, reference) is not None
    assert docs.status_code == 200
    assert 'opecom_api_requests_total{route="/sessions/{session_id}/intent",status="200"} 1.0' in metrics


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + list(itertools.chain.from_iterable(map(_references, node.values())))
    return list(itertools.chain.from_iterable(map(_references, node))) if isinstance(node, list) else []


def _resolve(document: Any, reference: str) -> Any:
    for step in reference.removeprefix("#/").split("/"):
        document = document[step]
    return document
