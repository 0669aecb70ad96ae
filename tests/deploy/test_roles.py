"""Route x role: who is answered what, for every route of every application that runs.

The rows are taken from the applications themselves: a route without a line in ROUTES fails, and so does a line without
a route. Add a line with the route; `Row` says what it needs.
"""

import asyncio
import json
import logging
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest
from fastapi.routing import APIRoute
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Route

from deploy.http.serve import serve
from deploy.http.status import create_status_app
from deploy.processes.ports import listen
from deploy.settings.model import KafkaSettings, Settings
from deploy.sites import changes as access_changes
from deploy.wiring import api, ingest, predict, shop
from deploy.wiring.admin import eraser
from deploy.wiring.promotions import promotion_jobs
from ingest.api import IngestApp
from scoring import registry
from storage.http.secret_keys import SCOPES
from storage.learner.runs import LearnerRuns
from storage.replay.account import Account
from storage.replay.jobs import Jobs, ReplayRequest
from storage.replay.request import ReplaySelection
from stream.fold.erasures import session_digest, visitor_digest
from tests.support.databases import filled
from tests.support.ingest_app import FAR, events
from tests.support.learners import learner_run
from tests.support.operations import fill_operations
from tests.support.predictions import EXAMPLE
from tests.support.publishers import ListPublisher
from tests.support.scored import scored

Need = Literal["nothing", "token", "read", "export", "personal", "admin", "write"]
Profile = Literal["embedded", "services"]
#: yes: as it was asked. own: what of it is the key's own site's, or nothing. Else the status of the refusal.
Answer = Literal["yes", "own", 401, 403, 404, 422]

HERE = "127.0.0.1"
MODEL = registry.current()
WRITE, OTHER_WRITE, IMPORT = "write-key-of-shop", "write-key-of-other", "import-key-of-shop"


@dataclass(frozen=True)
class Row:
    """`needs` says whose key; `path` and `body` a request that is `well` answered; `other` what a key of another site
    gets, `in_the_url` what one gets there. `tells` stands in the answer of whoever may hear it, and in no other.
    """

    needs: Need
    path: str = ""
    body: Any = None
    well: tuple[int, ...] = (200,)
    other: Answer = "yes"
    in_the_url: Answer = 401
    tells: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    open_here: bool = True


OPEN = Row("nothing")
PROBES = {"GET /livez": OPEN, "GET /readyz": OPEN}
OPEN_METRICS = {"GET /metrics": OPEN}
METRICS = {"GET /metrics": Row("read", other=403, tells="opecom_")}
DOCUMENTS = {
    "GET /openapi.json": OPEN,
    "GET /docs": OPEN,
    "GET /docs/static/{path}": Row("nothing", "/docs/static/swagger-ui.css"),
}
SESSION: dict[str, Any] = {"session_id": "s1"}
BATCH = {"site": "shop", "sent_at": 0, "events": [{"type": "session_end", "session_id": "s1"}]}
#: Good as a page call and as a track call.
SEGMENT = Row(
    "write", body={"anonymousId": "v1", "event": "Cart Viewed", "context": {"page": {"path": "/"}}}, other="own"
)
PREDICTIONS = {
    "GET /": OPEN,
    "GET /health": OPEN,
    "GET /models": Row("read"),
    "POST /predict": Row("read", body=EXAMPLE),
    "POST /predict/batch": Row("read", body=[EXAMPLE]),
}
INTERVENTION = {"name": "help", "site": "shop", "when": "page_views >= 2"}
EXPERIMENT = {
    "name": "chat",
    "site": "shop",
    "arms": [{"name": "control", "share": 50}, {"name": "treatment", "share": 50}],
}
#: The broker of these tests is away: whoever is let in hears that.
AWAY = (503,)
JOB = Row("admin", "/replays/1", other=404, tells='"site":"shop"')
PROMOTION = Row("admin", "/promotions/1", other=404, tells='"site":"shop"')

OVERVIEW = {
    f"GET /admin/overview/{name}": Row(
        "export", f"/admin/overview/{name}?site=shop&from=2025-01-01&to=2025-01-02", other=403, tells='"zone"'
    )
    for name in ("summary", "series", "funnel", "carts", "bands", "calibration", "segments", "pages")
}
VISITOR = '"visitor_id":"v1"'
ADMIN = {
    "GET /admin/sessions": Row("export", other="own", tells=VISITOR),
    "GET /admin/sessions/{session_id}": Row("export", "/admin/sessions/s1", other=404, tells=VISITOR),
    # The test's session came without its log.
    "GET /admin/sessions/{session_id}/records": Row(
        "export", "/admin/sessions/s1/records?site=shop", well=(404,), other=403, tells="there is no record"
    ),
    "GET /admin/stats": Row("export", other="own", tells='"sessions":1'),
    "GET /admin/model-fit": Row("export"),
    # One session is too few to compare.
    "GET /admin/drift": Row("export", "/admin/drift?site=shop", well=(422,), other=403, tells="the window has"),
    "GET /admin/features/days": Row("export", "/admin/features/days?site=shop", other=403, tells='"fingerprint"'),
    "GET /admin/features/rows": Row(
        "export", "/admin/features/rows?site=shop&from=2025-01-01&to=2025-01-02", other=403, tells="checkout_step"
    ),
    "GET /admin/drift/checks": Row("export"),
    **OVERVIEW,
    "GET /admin/export": Row("export", "/admin/export?status=open", other="own", tells="Returning_Visitor"),
    "GET /admin/visitors/{visitor_id}": Row("personal", "/admin/visitors/v1?site=shop", other=404, tells=VISITOR),
    "DELETE /admin/visitors/{visitor_id}": Row("personal", "/admin/visitors/v9?site=shop", well=(202,), other=404),
    "GET /admin/visitors/{visitor_id}/erasure": Row(
        "personal", "/admin/visitors/v9/erasure?site=shop", other=404, tells='"state"'
    ),
}

#: Of the site shop; another one, whose key names it, is not there.
LETTER = "/dead-letters/log:events:0:1"
HOOK, DELIVERY = "/webhooks/wh_shop", "/webhook-deliveries/msg_shop"
OF_SHOP = '"site":"shop"'
OPERATIONS = {
    "GET /health/parts": Row("admin", other=403, tells='"findings"'),
    "GET /health/lag": Row("admin", well=AWAY, other=403),
    "GET /dead-letters": Row("admin", other="own", tells=OF_SHOP),
    "GET /dead-letters/{letter}": Row("admin", LETTER, other=404, tells=OF_SHOP),
    # No ingest API listens here.
    "POST /dead-letters/{letter}/send": Row(
        "admin",
        f"{LETTER}/send",
        body={"event": {"type": "session_end", "session_id": "s1"}},
        well=AWAY,
        other=404,
    ),
    "GET /retention": Row("admin", other="own", tells=OF_SHOP),
    "POST /retention": Row("admin", body={"site": "shop", "dry_run": True}, other=403, tells='"preview"'),
    "GET /webhooks": Row("admin", other="own", tells=OF_SHOP),
    "POST /webhooks": Row(
        "admin", body={"site": "shop", "url": "https://127.0.0.1/hook"}, well=(422,), other=403, tells="not a public"
    ),
    "DELETE /webhooks/{webhook}": Row("admin", "/webhooks/wh_old", other=404, tells=OF_SHOP),
    "POST /webhooks/{webhook}/pause": Row("admin", f"{HOOK}/pause", body={}, other=404, tells=OF_SHOP),
    "POST /webhooks/{webhook}/enable": Row("admin", f"{HOOK}/enable", body={}, other=404, tells=OF_SHOP),
    "POST /webhooks/{webhook}/test": Row("admin", f"{HOOK}/test", body={}, other=404, tells=OF_SHOP),
    "POST /webhooks/{webhook}/rotate": Row("admin", f"{HOOK}/rotate", body={}, other=404, tells=OF_SHOP),
    "GET /webhook-deliveries": Row("admin", other="own", tells=OF_SHOP),
    "GET /webhook-deliveries/{delivery}": Row("admin", DELIVERY, other=404, tells=OF_SHOP),
    "POST /webhook-deliveries/{delivery}/send": Row("admin", f"{DELIVERY}/send", body={}, other=404, tells=OF_SHOP),
}

ROUTES: dict[str, dict[str, Row]] = {
    "queries": {
        **PROBES,
        **METRICS,
        **DOCUMENTS,
        **PREDICTIONS,
        **ADMIN,
        **OPERATIONS,
        "GET /asyncapi.json": OPEN,
        "GET /sessions/live": Row("read", other="own", tells='"site":"shop"'),
        "GET /sessions/{session_id}/intent": Row("read", "/sessions/s1/intent", other=404, tells='"site":"shop"'),
        "GET /features": OPEN,
        "GET /sessions/{session_id}/features": Row("read", "/sessions/s1/features", other=404, tells='"site":"shop"'),
        "GET /sessions/{session_id}/timeline": Row("read", "/sessions/s1/timeline", other=404, tells='"site":"shop"'),
        "GET /intents/stream": Row("read", well=AWAY, in_the_url=422),
        "POST /intents/token": Row("read"),
        "GET /intents/session": Row("token", "/intents/session?token=forged", in_the_url=422),
        "GET /sites": Row("admin", other="own", tells='"name":"shop"'),
        # All are of sites or keys that are not there: the table asks many times, and nothing may come of it.
        "POST /sites": Row("admin", body={"name": "shop"}, well=(409,), other=403),
        "PATCH /sites/{site}": Row("admin", "/sites/away", body={}, well=(404,), other=403),
        "DELETE /sites/{site}": Row("admin", "/sites/away", well=(404,), other=403),
        "GET /sites/arrivals": Row("read", other="own", tells='"site":"shop"'),
        "GET /sites/{site}/tag": Row("admin", "/sites/shop/tag", other=404, tells=WRITE),
        "POST /sites/{site}/keys": Row("admin", "/sites/away/keys", body={"kind": "write"}, well=(404,), other=403),
        "DELETE /sites/{site}/keys/{kind}": Row("admin", "/sites/away/keys/write", well=(404,), other=403),
        "GET /keys": Row("admin", other="own", tells='"name":"export"'),
        "POST /keys": Row("admin", body={"name": "other", "scopes": ["read"]}, well=(409,), other=403),
        "DELETE /keys": Row("admin", "/keys?name=away", well=(404,), other=403),
        "GET /experiments": Row("admin", well=AWAY),
        "POST /experiments": Row("admin", body=EXPERIMENT, well=AWAY, other=403),
        "GET /experiments/{name}": Row("admin", "/experiments/chat", well=AWAY),
        "GET /experiments/{name}/results": Row("admin", "/experiments/chat/results", well=AWAY),
        "DELETE /experiments/{name}": Row("admin", "/experiments/chat", well=AWAY),
        "POST /experiments/{name}/start": Row("admin", "/experiments/chat/start", body={}, well=AWAY),
        "POST /experiments/{name}/grow": Row(
            "admin", "/experiments/chat/grow", body={"shares": {"treatment": 60}}, well=AWAY
        ),
        "POST /experiments/{name}/stop": Row("admin", "/experiments/chat/stop", body={}, well=AWAY),
        "GET /interventions": Row("admin", well=AWAY),
        "POST /interventions": Row("admin", body=INTERVENTION, well=AWAY, other=403),
        "GET /interventions/{name}": Row("admin", "/interventions/help", well=AWAY),
        "DELETE /interventions/{name}": Row("admin", "/interventions/help", well=AWAY),
        "POST /interventions/{name}/start": Row("admin", "/interventions/help/start", body={}, well=AWAY),
        "POST /interventions/{name}/stop": Row("admin", "/interventions/help/stop", body={}, well=AWAY),
        "GET /holdouts": Row("admin", well=AWAY),
        "PUT /holdouts/{site}": Row("admin", "/holdouts/shop", body={"share": 5}, well=AWAY, other=403),
        "GET /registry": Row("admin"),
        "GET /registry/{version}": Row("admin", f"/registry/{MODEL}", tells='"card"'),
        "POST /promotions": Row("admin", body={"version": MODEL, "site": "shop"}, well=(202, 409), other=403),
        "POST /promotions/rollback": Row("admin", body={"site": "shop"}, well=(202, 409), other=403),
        "GET /promotions": Row("admin", other="own", tells='"site":"shop"'),
        "GET /promotions/{job}": PROMOTION,
        "DELETE /promotions/{job}": PROMOTION,
        "GET /replays": Row("admin", other="own", tells='"site":"shop"'),
        "POST /replays": Row("admin", body={"request": {"site": "shop"}}, well=(202, 409), other=403),
        "GET /replays/{job}": JOB,
        "DELETE /replays/{job}": JOB,
        "GET /activity": Row("read", other=403, tells='"parts":["store"'),
        "GET /learning": Row("admin", other="own", tells='"site":"shop"'),
        "GET /learning/rows": Row("admin", "/learning/rows?site=shop&since=0&until=4000000000000", other=403),
        "GET /pages": Row("read", well=AWAY),
        "GET /pages/explain": Row("read", "/pages/explain?site=shop&path=/", well=AWAY, other=404),
        "POST /pages/refresh": Row("admin", body={}, well=AWAY, other=403),
        "POST /pages/restore": Row("admin", "/pages/restore?version=1", body={}, well=AWAY, other=403),
    },
    "predictions": {**PROBES, **METRICS, **DOCUMENTS, **PREDICTIONS},
    "status": {**PROBES, **OPEN_METRICS},
    # What port 8001 passes on to the query API.
    "passed": ADMIN,
    "shop": {
        **PROBES,
        **OPEN_METRICS,
        "GET /src/{path}": Row("nothing", "/src/main.js"),
        "GET /styles/{path}": Row("nothing", "/styles/base.css"),
        "GET /{path:path}": Row("nothing", "/products"),
    },
    "ingest": {
        **PROBES,
        # A proxy that says nothing of itself makes the whole world this machine.
        "GET /metrics": Row("read", other=403, tells="opecom_", open_here=False),
        **DOCUMENTS,
        "GET /static/tracker.js": OPEN,
        "GET /static/tracker.mjs": OPEN,
        "GET /static/tracker.d.ts": OPEN,
        "GET /static/tracker.json": OPEN,
        "GET /static/tracker.{hash}.js": OPEN,
        "GET /static/tracker.{hash}.mjs": OPEN,
        "GET /static/tracker.stub.js": OPEN,
        "GET /static/tracker.assignment.mjs": OPEN,
        "GET /static/tracker.commerce.mjs": OPEN,
        "GET /static/tracker.datalayer.mjs": OPEN,
        "GET /static/tracker.domains.mjs": OPEN,
        "GET /static/tracker.intent.mjs": OPEN,
        "GET /static/tracker.locks.mjs": OPEN,
        "GET /static/tracker.model.mjs": OPEN,
        "GET /static/tracker.fold.mjs": OPEN,
        "GET /static/tracker.site.mjs": OPEN,
        "GET /static/tracker.prior.mjs": OPEN,
        "GET /static/tracker.private.mjs": OPEN,
        "GET /static/tracker.{hash}.assignment.mjs": OPEN,
        "GET /static/tracker.{hash}.commerce.mjs": OPEN,
        "GET /static/tracker.{hash}.datalayer.mjs": OPEN,
        "GET /static/tracker.{hash}.domains.mjs": OPEN,
        "GET /static/tracker.{hash}.intent.mjs": OPEN,
        "GET /static/tracker.{hash}.locks.mjs": OPEN,
        "GET /static/tracker.{hash}.model.mjs": OPEN,
        "GET /static/tracker.{hash}.fold.mjs": OPEN,
        "GET /static/tracker.{hash}.site.mjs": OPEN,
        "GET /static/tracker.{hash}.prior.mjs": OPEN,
        "GET /static/tracker.{hash}.private.mjs": OPEN,
        "POST /tracker/session/start": Row("write", body={}, well=(202,), other="own"),
        "POST /tracker/session/end": Row("write", body=SESSION, well=(202,), other="own"),
        "POST /tracker/pageview": Row("write", body={**SESSION, "page_url": "/"}, well=(202,), other="own"),
        "POST /tracker/event": Row("write", body={**SESSION, "category": "c", "action": "a"}, well=(202,), other="own"),
        "POST /tracker/commerce": Row("write", body={**SESSION, "action": "view_cart"}, well=(202,), other="own"),
        "POST /tracker/purchase": Row("write", body={**SESSION, "amount": 1}, well=(202,), other="own"),
        "POST /v1/batch": Row("write", body=BATCH, well=(202,), other=403),
        "POST /segment/v1/page": SEGMENT,
        "POST /segment/v1/track": SEGMENT,
        # Nothing is written: it has no equivalent here.
        "POST /segment/v1/identify": Row("write", body=SEGMENT.body),
        "POST /segment/v1/batch": Row("write", body={"batch": [{**SEGMENT.body, "type": "page"}]}, other="own"),
        "POST /tracker/intent/token": Row("write", body=SESSION, tells='"token"'),
        "GET /tracker/intent/stream": Row("token", "/tracker/intent/stream?token=forged"),
    },
}


@dataclass(frozen=True)
class Role:
    """Where a request comes from, and what it brings."""

    peer: str = FAR
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)


def key(value: str) -> Role:
    return Role(headers={"x-opecom-key": value})


def roles(keys: Mapping[str, str]) -> dict[str, Role]:
    """Everybody; `keys` are the secret keys by name."""
    return {
        "nobody": Role(),
        "this machine": Role(HERE),
        "a page by a name of its own": Role(HERE, {"host": "evil.example", "origin": "https://evil.example"}),
        "a proxy on this machine": Role(HERE, {"x-forwarded-for": FAR}),
        "write key": key(WRITE),
        "import key": key(IMPORT),
        **{f"{scope} key": key(keys[scope]) for scope in SCOPES},
        "another site's admin key": key(keys["other"]),
        "another site's write key": key(OTHER_WRITE),
        "wrong key": key("opk_nobody-was-ever-given-this"),
        "admin key in the URL": Role(query={"key": keys["admin"]}),
        "import key in the URL": Role(query={"key": IMPORT}),
        "write key in the URL": Role(query={"key": WRITE}),
    }


def expected(row: Row, role: str, profile: Profile) -> Answer:
    """The table: who gets what of a route."""
    here: Answer = "yes" if profile == "embedded" else 401
    if row.needs == "nothing":
        return "yes"
    if row.needs == "token":
        # No key is one, and the row's is forged.
        return row.in_the_url if role.endswith("in the URL") else 401
    if row.needs == "write":
        # An import key sends batches, which give received_at; a tracker's single events do not.
        batches: Answer = "yes" if row.body is BATCH else 403
        by_role: dict[str, Answer] = {
            "this machine": here if row.body is not BATCH else (403 if profile == "embedded" else 401),
            "write key": "yes",
            "write key in the URL": "yes",
            "import key": batches,
            "another site's write key": row.other,
            # Its sender is not known: the browser says the page, and that page is not the site's.
            "a page by a name of its own": 403 if profile == "embedded" else 401,
        }
        return by_role.get(role, 401)
    opens = {"admin", row.needs}
    secret: dict[str, Answer] = {f"{scope} key": "yes" if scope in opens else 403 for scope in SCOPES}
    if role.endswith("in the URL"):
        return row.in_the_url
    here = here if row.needs == "read" and row.open_here else 401
    return {"this machine": here, "another site's admin key": row.other, **secret}.get(role, 401)


@pytest.mark.parametrize("profile", ["embedded", "services"])
@pytest.mark.parametrize("name", ROUTES)
async def test_every_route_answers_every_role_as_the_table_states(
    name: str,
    profile: Profile,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # An erasure waits for a broker that is away.
    monkeypatch.setattr("storage.admin.api.ERASE_SECONDS", 0.01)
    # The table has more cells with a wrong key than an address may guess at once (tests/storage/http/test_access.py).
    monkeypatch.setattr("ingest.admission.limits.WRONG_KEYS_AT_ONCE", 10_000)
    caplog.set_level(logging.DEBUG)
    # The client's own lines have the URLs that it asks.
    caplog.set_level(logging.WARNING, "httpx")
    async with served(name, profile, tmp_path) as (app, keys, log):
        assert await answered_by(name, app) == set(ROUTES[name]), "a route needs a line in ROUTES, and a line a route"
        found, wanted, undocumented = {}, {}, set()
        document = await statuses(name, app)
        for route, row in ROUTES[name].items():
            for role, who in roles(keys).items():
                status, found[route, role] = await answer(app, route, row, who, log)
                wanted[route, role] = expected(row, role, profile)
                if status not in document.get(route, {status}):
                    undocumented.add((route, status))
        told = (await send_request(app, "GET /metrics", OPEN, key(keys["admin"]))).text
    assert {cell: got for cell, got in found.items() if got != wanted[cell]} == {}
    assert undocumented == set()
    for secret in (*keys.values(), IMPORT, WRITE, OTHER_WRITE):
        assert secret not in told
        assert secret not in caplog.text


#: Routes of scope read that show what single people did.
AUDITED_READS = {"GET /sessions/{session_id}/timeline", "GET /intents/stream", "POST /intents/token"}


def audited_routes() -> set[str]:
    """Those that need more than read, from the table, which the application itself completes."""
    scoped = {route for route, row in ROUTES["queries"].items() if row.needs in ("export", "personal", "admin")}
    return scoped | AUDITED_READS


async def test_every_read_export_or_deletion_is_one_line_that_names_the_key(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.admin.api.ERASE_SECONDS", 0.01)
    caplog.set_level(logging.INFO, "storage.http.audit")
    wrong: dict[str, list[str]] = {}
    async with served("queries", "embedded", tmp_path) as (app, keys, _):
        for route, row in ROUTES["queries"].items():
            for role, who in (("admin", key(keys["admin"])), ("nobody known", Role())):
                caplog.clear()
                answer = await send_request(app, route, row, who)
                lines = [each.getMessage() for each in caplog.records if each.name == "storage.http.audit"]
                begins = f'audit who="{role}" action="{route}" '
                is_well = len(lines) == 1 and lines[0].startswith(begins)
                is_well = is_well and lines[0].endswith(f' result="{answer.status_code}"')
                if is_well != (route in audited_routes()) or (lines and route not in audited_routes()):
                    wrong[f"{role}: {route}"] = lines
                assert not [secret for secret in (*keys.values(), "v1", "v9") if secret in "".join(lines)]
    assert wrong == {}


async def test_a_line_names_site_and_subject_and_a_key_of_another_scope(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "storage.http.audit")
    async with served("queries", "embedded", tmp_path) as (app, keys, _):
        table = ROUTES["queries"]
        for route, scope in (
            ("GET /admin/visitors/{visitor_id}", "personal"),
            ("GET /admin/sessions/{session_id}", "export"),
            ("GET /sessions/{session_id}/timeline", "read"),
            ("GET /replays/{job}", "admin"),
            ("GET /admin/visitors/{visitor_id}", "export"),
        ):
            await send_request(app, route, table[route], key(keys[scope]))
    lines = [each.getMessage() for each in caplog.records if each.name == "storage.http.audit"]
    visitor, session = visitor_digest("shop", "v1"), session_digest("shop", "s1")
    assert [each.partition(" action=")[0] for each in lines] == [
        f'audit who="{name}"' for name in ("personal", "export", "read", "admin", "export")
    ]
    assert [each.partition(" site=")[2] for each in lines] == [
        f'"shop" subject="visitor {visitor}" result="200"',
        f'"shop" subject="session {session}" result="200"',
        f'"shop" subject="session {session}" result="200"',
        '"all of the key" subject="job 1" result="200"',
        f'"shop" subject="visitor {visitor}" result="403"',
    ]


@asynccontextmanager
async def served(
    name: str, profile: Profile, folder: Path
) -> AsyncIterator[tuple[Starlette, dict[str, str], ListPublisher]]:
    """The application as its part builds it, with the keys of the file and a session of the site shop."""
    sites = {
        "default": {"keyless_loopback": "embedded", "intent_in_browser": "embedded"},
        "shop": {"write_keys": [WRITE], "import_keys": [IMPORT], "intent_in_browser": True},
        "other": {"write_keys": [OTHER_WRITE], "intent_in_browser": True},
    }
    kafka = KafkaSettings(bootstrap="127.0.0.1:1", request_timeout_ms=1_000)
    embedded = Settings(
        data_dir=folder,
        kafka=kafka,
        sites=sites,
        ingest={"api_url": "http://127.0.0.1:1"},
        api={"token_secret": "secret", "ingest_url": "http://127.0.0.1:1"},
    )  # type: ignore[arg-type]
    settings = embedded.model_copy(update={"profile": profile})
    keys = {scope: access_changes.add_key(settings, scope, {scope}, None) for scope in SCOPES}
    keys["other"] = access_changes.add_key(settings, "other", {"admin"}, ["other"])
    log = ListPublisher()
    if name in ("queries", "passed"):
        async with filled(embedded, [scored(1, site="shop")]) as opened:
            LearnerRuns(opened.engine).put(learner_run(site="shop"))
            fill_operations(opened)
            replays = Jobs(_ended)
            replays.start(ReplayRequest(ReplaySelection(site="shop")))
            erasing, permitted, stop = eraser(settings, opened), api.access(settings), asyncio.Event()
            promoting = promotion_jobs(settings, replays)
            given = (permitted, CollectorRegistry(), stop, replays, erasing)
            queries = api.app(settings, opened, *given, promotions=promoting)
            if name == "queries":
                yield queries, keys, log
            else:
                # Made once; a busy machine may take longer for it than the ingest API waits.
                queries.openapi()
                async with listening(queries) as url:
                    at = settings.ingest.model_copy(update={"api_url": url})
                    passing = ingest.app(settings.model_copy(update={"ingest": at}), log)
                    yield passing, keys, log
                    await passing.close()
            await promoting.stop()
            await erasing.stop()
    elif name == "predictions":
        yield predict.app(settings, CollectorRegistry()), keys, log
    elif name == "shop":
        yield shop.app(settings), keys, log
    elif name == "status":
        yield create_status_app(CollectorRegistry(), lambda: True, ""), keys, log
    else:
        yield ingest.app(settings, log), keys, log


@asynccontextmanager
async def listening(app: Starlette) -> AsyncIterator[str]:
    """The URL of the application, served."""
    stop = asyncio.Event()
    with listen(HERE, 0) as listener:
        port = listener.getsockname()[1]
        serving = asyncio.create_task(serve(app, HERE, port, stop, listener=listener))
        try:
            yield f"http://{HERE}:{port}"
        finally:
            stop.set()
            await serving


async def answered_by(name: str, app: Starlette) -> set[str]:
    """All that the application answers; of one that passes requests on, what it says that it passes."""
    if name != "passed":
        return routes(app)
    return {route for route in await statuses(name, app) if " /admin" in route}


async def statuses(name: str, app: Starlette) -> dict[str, set[int]]:
    """What each route may answer by the application's document; an application without one promises nothing."""
    if name == "passed":
        document = (await send_request(app, "GET /openapi.json", OPEN, Role())).json()
    else:
        document = getattr(app, "openapi", dict)()
    return {
        f"{method.upper()} {path}": set(map(int, operation["responses"]))
        for path, methods in document.get("paths", {}).items()
        for method, operation in methods.items()
    }


async def _ended(*_: Any) -> Account:
    return Account()


def routes(app: Starlette) -> set[str]:
    """All that the application answers, from its routes and from its document."""
    found = set(_walked(app.routes))
    document = getattr(app, "openapi", dict)()
    found |= {f"{method.upper()} {path}" for path, methods in document.get("paths", {}).items() for method in methods}
    if isinstance(app, IngestApp):
        assert set(app._endpoints) <= set(document["paths"])
    return {re.sub(r"\.[0-9a-f]{12}\.", ".{hash}.", route) for route in found}


def _walked(given: list[BaseRoute]) -> Iterator[str]:
    for route in given:
        if isinstance(route, Mount):
            yield f"GET {route.path}/{{path}}"
        else:
            assert isinstance(route, APIRoute | Route)
            yield from (f"{method} {route.path}" for method in route.methods or () if method != "HEAD")


async def send_request(app: Starlette, route: str, row: Row, who: Role) -> httpx.Response:
    method, _, path = route.partition(" ")
    if "{hash}" in path:
        path = next(each.path for each in app.routes if re.fullmatch(path.replace("{hash}", "[0-9a-f]{12}"), each.path))  # type: ignore[attr-defined]
    transport = httpx.ASGITransport(app, client=(who.peer, 50_000))
    sent = {"content-type": "application/json", **who.headers}
    body = None if row.body is None else json.dumps(row.body)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as http:
        url = httpx.URL(row.path or path).copy_merge_params(who.query)
        return await http.request(method, url, content=body, headers=sent)


async def answer(app: Starlette, route: str, row: Row, who: Role, log: ListPublisher) -> tuple[int, Answer]:
    """The status, and what came of it in the words of the table."""
    before = Counter(event.site for event in events(log))
    got = await send_request(app, route, row, who)
    if got.status_code not in row.well:
        assert row.tells == "" or row.tells not in got.text
        assert Counter(event.site for event in events(log)) == before
        return got.status_code, got.status_code  # type: ignore[return-value]
    if row.needs == "write":
        written = Counter(event.site for event in events(log)) - before
        return got.status_code, "own" if written.keys() == {"other"} else "yes"
    return got.status_code, "yes" if row.tells in got.text else "own"
