"""Dead letters over HTTP, through the ingest API itself: who may, what stands in answers, and that it is taken once."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from deploy.settings.model import ApiSettings, KafkaSettings, Settings, SiteSettings
from deploy.wiring import dead_letters, ingest
from deploy.wiring.access import access
from deploy.wiring.dead_letters import HttpIngestClient
from deploy.wiring.storage import databases
from ingest.events import Event, Purchase, decode, encode, key_of
from ingest.orders import order_event_id
from storage.dead_letters.api import dead_letter_routes
from storage.dead_letters.ledger import ResentLedger
from storage.dead_letters.listing import DeadLetterListing
from storage.dead_letters.reads import DeadLetterReads
from storage.dead_letters.resend import LetterResender
from storage.http.audit import AuditTrail
from storage.http.refusals import add_refusals
from tests.support.events import event, event_id
from tests.support.operations import dead_letter, write_letters
from tests.support.publishers import ListPublisher

ADMIN = "admin-key-of-sixteen-or-more"
SECRET = "whsec_" + "c2VjcmV0" * 5
SITES = {
    "shop": SiteSettings(write_keys=("write-key-of-shop",), purchase_secrets=(SecretStr(SECRET),)),
    "other": SiteSettings(write_keys=("write-key-of-other",)),
}
BODY = {"type": "page_view", "session_id": "s1", "visitor_id": "v1", "page": {"url": "/fixed"}}
JSON = {"content-type": "application/json", "x-opecom-key": ADMIN}
LETTER = "/dead-letters/log:events:0:1"


class System:
    """The query API's routes and an ingest API, one asking the other."""

    def __init__(self, client: httpx.AsyncClient, log: ListPublisher, settings: Settings, opened: Any) -> None:
        self.client, self.log, self.settings, self.opened = client, log, settings, opened

    async def send(self, event: dict[str, Any], path: str = LETTER, **more: Any) -> httpx.Response:
        return await self.client.post(f"{path}/send", content=json.dumps({"event": event, **more}), headers=JSON)

    async def get(self, path: str) -> Any:
        answer = await self.client.get(path, headers=JSON)
        assert answer.status_code == 200, answer.text
        return answer.json()

    @property
    def events(self) -> list[Event]:
        found = [decode(key, value) for key, value in self.log.records]
        assert all(isinstance(each, Event) for each in found)
        return found  # type: ignore[return-value]


@asynccontextmanager
async def system(folder: Path, **given: Any) -> AsyncIterator[System]:
    settings = Settings(
        data_dir=folder,
        kafka=KafkaSettings(bootstrap="127.0.0.1:1"),
        api=ApiSettings(admin_keys=(SecretStr(ADMIN),), ingest_url="http://ingest.example"),
        sites=SITES,
        **given,
    )
    async with databases(settings) as opened:
        write_letters(opened.client, dead_letter(1, "shop"), dead_letter(2, "other"))
        log = ListPublisher()
        taking = ingest.app(settings, log)
        client_of_ingest = HttpIngestClient(settings, httpx.ASGITransport(taking, client=("127.0.0.1", 5000)))
        reads, ledger = DeadLetterReads(opened.client), ResentLedger(opened.engine)
        resender = LetterResender(reads, ledger, client_of_ingest, dead_letters._now)
        app = FastAPI()
        add_refusals(app)
        permitted = access(settings).scoped("admin")
        app.include_router(dead_letter_routes(DeadLetterListing(reads, ledger, dead_letters._now), resender, permitted))
        app.add_middleware(AuditTrail)
        transport = httpx.ASGITransport(app, client=("127.0.0.1", 5000))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            yield System(client, log, settings, opened)
        await taking.close()


async def test_a_letter_is_listed_fixed_sent_through_ingest_and_taken_once(tmp_path: Path) -> None:
    async with system(tmp_path) as made:
        listed = await made.get("/dead-letters?state=open")
        assert [(each["letter"], each["site"]) for each in listed["letters"]] == [
            ("log:events:0:2", "other"),
            ("log:events:0:1", "shop"),
        ]
        whole = await made.get(LETTER)
        assert whole["draft"]["page"] == {"url": "/p/1", "type": "ProductRelated"}
        answers = await asyncio.gather(*(made.send(BODY) for _ in range(4)))
        assert {answer.status_code for answer in answers} == {200}
        assert {each.event_id for each in made.events} == {event_id(1)}
        taken = len(made.events)
        assert (await made.send(BODY)).json()["sent_by"] == "api.admin_keys"
        assert len(made.events) == taken
        (first, *_) = made.events
        # Through the door: its own time, its own page types, no program, the visitor's id.
        assert (first.site, first.session_id, first.visitor_id, first.flags) == ("shop", "s1", "v1", ())
        assert (first.page and first.page.path, first.clock) == ("/fixed", "live")
        sent = (await made.get("/dead-letters?state=sent"))["letters"]
        assert [(each["letter"], each["resent"]["event_id"]) for each in sent] == [("log:events:0:1", event_id(1))]
        assert [each["letter"] for each in (await made.get("/dead-letters?state=open"))["letters"]] == [
            "log:events:0:2"
        ]


async def test_what_ingest_refuses_can_be_fixed(tmp_path: Path) -> None:
    async with system(tmp_path) as made:
        refused = await made.send({"type": "purchase", "session_id": "s1", "purchase": {"amount": "1" * 15}})
        assert refused.status_code == 422
        assert refused.json()["reason"].startswith("the ingest API refused it: invalid: ")
        assert (await made.send(BODY)).status_code == 200
        assert len(made.events) == 1


async def test_after_an_unknown_answer_the_same_event_goes_again(tmp_path: Path) -> None:
    async with system(tmp_path) as made:
        made.log.away = "Kafka does not answer"
        unknown = await made.send(BODY)
        assert (unknown.status_code, "retry-after" in unknown.headers) == (503, True)
        assert "counts once" in unknown.json()["reason"]
        made.log.away = ""
        done = await made.send({**BODY, "page": {"url": "/other"}})
        assert done.json()["event"]["page"] == {"url": "/fixed"}
        assert [each.event_id for each in made.events] == [event_id(1)]


async def test_what_the_shop_signed_is_signed_again_and_what_a_program_sent_is_a_programs(tmp_path: Path) -> None:
    bought = event(3, type="purchase", site="shop", session_id="s3", purchase=Purchase(9.5, "o1", "EUR", True))
    order = order_event_id((SECRET,), "shop", "o1")
    async with system(tmp_path) as made:
        for offset, of in ((3, bought), (4, event(4, site="other", type="purchase", purchase=bought.purchase))):
            raw, key = encode(of), key_of(of.site, of.session_id)
            write_letters(made.opened.client, dead_letter(offset, of.site, key=key, raw=raw))
        body = (await made.get("/dead-letters/log:events:0:3"))["draft"] | {"occurred_at": None}
        done = await made.send(body, "/dead-letters/log:events:0:3")
        assert (done.status_code, done.json()["event_id"]) == (200, order)
        assert (made.events[0].event_id, made.events[0].purchase) == (order, Purchase(9.5, "o1", "EUR", True))
        refused = await made.send(body, "/dead-letters/log:events:0:4")
        assert "no purchase secret" in refused.json()["reason"]
        assert len(made.events) == 1
        # And a program stays a program.
        of = event(5, site="shop", flags=("bot",))
        write_letters(made.opened.client, dead_letter(5, "shop", key=key_of("shop", "s1"), raw=encode(of)))
        await made.send(BODY, "/dead-letters/log:events:0:5")
        assert sorted(each.flags for each in made.events) == [(), ("bot",)]


NO_SITE = "/dead-letters/log:events:0:8"
REFUSED: list[tuple[str, dict[str, Any], int, str]] = [
    (LETTER, {"event": BODY, "more": 1}, 422, "body: "),
    (LETTER, {"event": BODY, "site": "other"}, 422, "is of the site shop"),
    (LETTER, {"event": {"x": "y" * 400_000}}, 413, "400,000 bytes"),
    ("/dead-letters/log:events:0:9", {"event": BODY}, 404, "no dead letter"),
    ("/dead-letters/nonsense", {"event": BODY}, 404, "no dead letter"),
    (NO_SITE, {"event": BODY}, 422, "name the site"),
    (NO_SITE, {"event": BODY, "site": "none"}, 422, "there is no site none"),
]


async def test_requests_that_fit_nothing_are_refused_and_leave_the_letter_as_it_is(tmp_path: Path) -> None:
    async with system(tmp_path) as made:
        write_letters(made.opened.client, dead_letter(8, "shop", key=None, raw=b"{"))
        for path, body, status, reason in REFUSED:
            answer = await made.client.post(f"{path}/send", content=json.dumps(body), headers=JSON)
            assert (answer.status_code, reason in answer.json()["reason"]) == (status, True), (path, answer.text)
        for query in ("sites=shop", "cursor=x", "reason=none", "limit=0", "limit=501"):
            answer = await made.client.get(f"/dead-letters?{query}", headers=JSON)
            assert (answer.status_code, answer.json()["error"]) == (422, "invalid"), query
        assert made.events == []
        assert (await made.send(BODY, NO_SITE, site="other")).json()["site"] == "other"
        assert (await made.send(BODY)).json()["site"] == "shop"
