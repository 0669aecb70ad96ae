"""Builds the routes of dead letters, and the way back in: one event to the ingest API of this system, over HTTP."""

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import uuid4

import msgspec
from fastapi import APIRouter
from standardwebhooks import Webhook as Signer

from deploy.errors import SetupError
from deploy.processes.probes import ProbeAddress
from deploy.settings.access_file import Reloading, sites_of
from deploy.settings.model import Settings, SiteSettings
from deploy.wiring.storage import DatabaseHandles
from storage.dead_letters.api import dead_letter_routes
from storage.dead_letters.ingest_client import IngestResponse
from storage.dead_letters.ledger import ResentLedger
from storage.dead_letters.listing import DeadLetterListing
from storage.dead_letters.reads import DeadLetterReads
from storage.dead_letters.resend import LetterResender
from storage.http.access import Access

if TYPE_CHECKING:
    import httpx

#: Seconds that the ingest API may take: longer than Kafka may, whose answer it waits for.
PATIENCE = 30.0
#: Programs must stay programs; the second is no name of any browser, and of no program either.
BOT_AGENT, PLAIN_AGENT = "op-ecom resend bot", "op-ecom resend"
#: Answers after which the same may be sent again and nothing is in the log.
_LATER = (408, 429)


def routes(settings: Settings, opened: DatabaseHandles, permitted: Access) -> APIRouter:
    """The routes under /dead-letters; raises SetupError for an api.ingest_url that is no address."""
    reads, ledger = DeadLetterReads(opened.client), ResentLedger(opened.engine)
    resender = LetterResender(reads, ledger, HttpIngestClient(settings), _now)
    return dead_letter_routes(DeadLetterListing(reads, ledger, _now), resender, permitted.scoped("admin"))


class HttpIngestClient:
    """An IngestClient: the ingest API at api.ingest_url, with the write key or the purchase secret of the site."""

    def __init__(self, settings: Settings, transport: "httpx.AsyncBaseTransport | None" = None) -> None:
        given, ingest = settings.api.ingest_url, settings.ingest
        url = urlsplit(given or ProbeAddress.reached(ingest.host, ingest.port).url)
        if url.scheme not in ("http", "https") or not url.hostname or url.path not in ("", "/") or url.query:
            raise SetupError(f"api.ingest_url: {given!r} is no address of a server; write it as http://host:8001")
        self._url = f"{url.scheme}://{url.netloc}"
        self._sites = Reloading(settings, lambda file: sites_of(settings, file))
        self._transport = transport

    async def __call__(self, site: str, event: bytes, is_verified: bool, is_bot: bool) -> IngestResponse:
        known = self._sites().get(site)
        if known is None:
            return IngestResponse("refused", reason=f"there is no site {site}: `opecom sites add {site}` makes it")
        if is_verified and not known.count_unverified_purchases:
            if not known.purchase_secrets:
                remedy = f"`opecom sites rotate {site} --purchase` makes one"
                return IngestResponse(
                    "refused", reason=f"the site {site} has no purchase secret to sign it with: {remedy}"
                )
            return await self._post(*_signed(known, event), _key(known), is_bot)
        return await self._post("/v1/batch", _batch(site, event), {}, _key(known), is_bot)

    async def _post(
        self, path: str, body: bytes, signed: dict[str, str], key: dict[str, str], is_bot: bool
    ) -> IngestResponse:
        # Here, so that who never sends a letter again does not load it.
        import httpx

        headers = {"Content-Type": "application/json", "User-Agent": BOT_AGENT if is_bot else PLAIN_AGENT}
        try:
            # No proxy of the environment: this is a part of the same system.
            async with httpx.AsyncClient(timeout=PATIENCE, trust_env=False, transport=self._transport) as client:
                answer = await client.post(self._url + path, content=body, headers=headers | signed | key)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            line = f"nobody answers at {self._url} ({type(error).__name__}): start ingest, or see api.ingest_url"
            return IngestResponse("not_sent", reason=line)
        except httpx.HTTPError as error:
            return IngestResponse("unknown", reason=f"{self._url} gave no answer ({type(error).__name__})")
        return _meaning(answer)


def _meaning(answer: "httpx.Response") -> IngestResponse:
    """What an answer of the ingest API says of the one event that was sent."""
    try:
        read = msgspec.json.decode(answer.content, type=dict)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return IngestResponse("unknown", reason=f"{answer.status_code}, and no answer of our ingest API")
    if answer.status_code == 202:
        refused = read.get("refused") or []
        if refused:
            return IngestResponse("refused", reason=f"{refused[0]['code']}: {refused[0]['reason']}")
        return IngestResponse("accepted", event_id=str(read.get("event_id", "")))
    reason = f"{read.get('error', answer.status_code)}: {read.get('reason', '')}"
    if answer.status_code >= 500:
        return IngestResponse("unknown", reason=reason, retry_after=_wait(answer))
    if answer.status_code in _LATER:
        return IngestResponse("not_sent", reason=reason, retry_after=_wait(answer))
    return IngestResponse("refused", reason=reason)


def _wait(answer: "httpx.Response") -> int | None:
    given = answer.headers.get("Retry-After", "")
    return int(given) if given.isdigit() else None


def _batch(site: str, event: bytes) -> bytes:
    return msgspec.json.encode({"site": site, "sent_at": _now(), "events": [msgspec.Raw(event)]})


def _signed(site: SiteSettings, event: bytes) -> tuple[str, bytes, dict[str, str]]:
    """Path, body and headers of an event that the site's server vouched for before: a purchase, or a refund."""
    fields = msgspec.json.decode(event, type=dict)
    kind = fields.pop("type")
    money = fields.pop(kind)
    for name in ("page", "history"):
        fields.pop(name, None)
    body = msgspec.json.encode(money | fields | {"sent_at": _now()})
    name, moment = f"msg_{uuid4().hex}", datetime.now(UTC)
    signature = Signer(site.purchase_secrets[0].get_secret_value()).sign(name, moment, body.decode())
    headers = {
        "webhook-id": name,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": signature,
    }
    return f"/tracker/{kind}", body, headers


def _key(site: SiteSettings) -> dict[str, str]:
    # A site without one takes writes of its own machine.
    return {"X-OPECOM-Key": site.write_keys[0]} if site.write_keys else {}


def _now() -> int:
    return int(time.time() * 1000)
