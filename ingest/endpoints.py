"""One path that takes events, as a bare ASGI application: admit, read, collect, publish, answer.

Read this file downward to follow one request from the socket to Kafka.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct
from starlette.types import Receive, Scope, Send

from ingest import collect, enrich
from ingest.admission import signatures
from ingest.admission.guard import Admission, Guard, origin_of
from ingest.admission.origins import Origins
from ingest.answers import ResponseSender
from ingest.body_reader import BodyReader, ClientGoneError, price
from ingest.collect import Collected, SenderContext
from ingest.errors import FAULT, RequestRefusedError
from ingest.headers import joined
from ingest.metrics import IngestMetrics
from ingest.parsing.agents import MAX_USER_AGENT, agent
from ingest.publish import LogUnavailableError, Publisher
from ingest.schemas import BatchAnswer, SentEvent

_log = logging.getLogger(__name__)
_json = msgspec.json.Encoder()

#: Turns the body of one request into records and, for a single event, the answer; `batched` has none.
BodyHandler = Callable[[bytes, SenderContext], tuple[Collected, Struct | None]]


def now_ms() -> int:
    """Wall time in ms UTC."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class IngestContext:
    """What all endpoints share. `region_header` is the lower-case name of a header with the country, or empty;
    `degraded` says why Kafka cannot be relied on although it answers, or ""."""

    guard: Guard
    origins: Origins
    reader: BodyReader
    publisher: Publisher
    metrics: IngestMetrics
    region_header: bytes = b""
    clock: Callable[[], int] = now_ms
    degraded: Callable[[], str] = str


class PostEndpoint:
    """An endpoint for POST requests, CORS included. Subclasses make the answer in `_accept`."""

    #: Of what is accepted.
    status = 202

    def __init__(self, path: str, context: IngestContext) -> None:
        self._path = path
        self._context = context
        self._responses = ResponseSender(path, context.metrics)
        self._seconds = context.metrics.request_seconds.labels(path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = joined(scope["headers"])
        if scope["method"] != "POST":
            await self._not_a_post(scope["method"], headers, send)
            return
        cors = self._context.origins.headers(origin_of(headers)) if b"origin" in headers else []
        began = time.perf_counter()
        try:
            answer = await self._accept(scope, headers, receive)
        except ClientGoneError:
            return
        except RequestRefusedError as refusal:
            await self._responses.refuse(refusal, cors, send)
        except Exception:
            _log.exception("a request to %s failed", self._path)
            await self._responses.refuse(RequestRefusedError("internal", FAULT, 1), cors, send)
        else:
            await self._responses.send(self.status, answer, cors, send)
        self._seconds.observe(time.perf_counter() - began)

    async def _not_a_post(self, method: str, headers: Mapping[bytes, bytes], send: Send) -> None:
        origin = origin_of(headers)
        if method != "OPTIONS":
            refusal = RequestRefusedError("wrong_method", f"{self._path} takes POST, not {method}")
            await self._responses.refuse(refusal, [(b"allow", b"POST, OPTIONS")], send)
            return
        cors = self._context.origins.headers(origin, preflight=True)
        if self._context.origins.allows(origin):
            await self._responses.send(204, b"", cors, send)
        else:
            reason = f"pages of {origin[:100]} may not send events" if origin else "OPTIONS is for preflights"
            await self._responses.refuse(RequestRefusedError("wrong_origin", reason), cors, send)

    async def _accept(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive) -> bytes:
        """The answer; raises RequestRefusedError and ClientGoneError."""
        raise NotImplementedError


class EventEndpoint(PostEndpoint):
    """One path that takes events; `handle_body` says what its bodies mean, `signable` whether a shop may sign them."""

    def __init__(self, path: str, handle_body: BodyHandler, context: IngestContext, signable: bool = False) -> None:
        super().__init__(path, context)
        self._handle_body = handle_body
        self._signable = signable

    async def _accept(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive) -> bytes:
        """The answer of an accepted request, after Kafka's acknowledgement; raises RequestRefusedError."""
        context = self._context
        admitted = admit(context, scope, headers)
        body, paid = await read_body(context, admitted, headers, receive)
        sender = self._sender(admitted, headers, body)
        collected, answer = self._handle_body(body, sender)
        events = len(collected.records) + len(collected.refused)
        context.guard.require_tokens(admitted, events, time.monotonic(), paid)
        context.guard.begin_sessions(admitted, {key for key, _ in collected.records}, time.monotonic())
        for refused in collected.refused:
            context.metrics.refused.labels(refused.code).inc()
        began = time.perf_counter()
        try:
            # The tick that ends an import is written to the log itself, and must not overtake the import's events.
            await context.publisher.publish(collected.in_order(), in_log=admitted.grant.scope == "import")
        except LogUnavailableError as away:
            raise RequestRefusedError("unavailable", away.reason, away.retry_after, _ids(collected, answer)) from None
        except Exception:
            _log.exception("a request to %s failed", self._path)
            raise RequestRefusedError("internal", FAULT, 1, _ids(collected, answer)) from None
        context.metrics.publish_seconds.observe(time.perf_counter() - began)
        context.metrics.request_events.observe(len(collected.records))
        context.metrics.events.labels(admitted.grant.site.name).inc(len(collected.records))
        bots = len(collected.records) if sender.agent.bot else collected.bots
        if bots:
            context.metrics.bot_events.labels(admitted.grant.site.name).inc(bots)
        return _json.encode(answer or BatchAnswer(len(collected.records), collected.refused))

    def _sender(self, admitted: Admission, headers: Mapping[bytes, bytes], body: bytes) -> SenderContext:
        received_at, site = self._context.clock(), admitted.grant.site
        if self._signable and signatures.signed(headers):
            signatures.prove(headers, body, site.name, site.purchase_secrets)
            # The request is the shop's, and tells nothing of the visitor.
            return SenderContext(admitted.grant, received_at, verified=True)
        if admitted.grant.scope == "import":
            return SenderContext(admitted.grant, received_at)
        country = headers.get(self._context.region_header, b"") if self._context.region_header else b""
        return SenderContext(
            admitted.grant,
            received_at,
            agent(headers.get(b"user-agent", b"").decode("latin-1")[:MAX_USER_AGENT]),
            enrich.region(country.decode("latin-1")[:8], headers.get(b"accept-language", b"").decode("latin-1")[:200]),
            enrich.cut_address(admitted.client.address),
            urlsplit(admitted.origin).hostname if admitted.origin else None,
        )


def admit(context: IngestContext, scope: Scope, headers: Mapping[bytes, bytes]) -> Admission:
    """Who sends this request; raises RequestRefusedError."""
    peer = scope["client"][0] if scope.get("client") else ""
    return context.guard.admit(headers, scope["query_string"], peer, time.monotonic())


async def read_body(
    context: IngestContext, admitted: Admission, headers: Mapping[bytes, bytes], receive: Receive
) -> tuple[bytes, int]:
    """The body and the tokens taken for it: by its size, before it is decoded."""
    guard, reader = context.guard, context.reader
    try:
        body = await reader.read(headers, receive)
    except RequestRefusedError as refusal:
        if refusal.code in ("too_large", "encoding"):
            guard.penalize(admitted, reader.price_of_refused, time.monotonic())
        raise
    tokens = price(len(body))
    guard.require_tokens(admitted, tokens, time.monotonic())
    return body, tokens


def single(
    decoder: "msgspec.json.Decoder[Any]", make: Callable[[Any, SenderContext], tuple[SentEvent, Struct]]
) -> BodyHandler:
    """The work of a single-event path: `make` turns its body into a sent event and the answer."""

    def handle_body(body: bytes, sender: SenderContext) -> tuple[Collected, Struct]:
        if sender.grant.scope == "import":
            raise RequestRefusedError("wrong_scope", "an import key sends to /v1/batch, where received_at can be given")
        read = collect.decoded(decoder, body)
        sent, answer = make(read, sender)
        return Collected([collect.record(sent, sender.grant.site.name, read.sent_at, sender)]), answer

    return handle_body


def batched(max_events: int) -> BodyHandler:
    """The work of /v1/batch."""

    def handle_body(body: bytes, sender: SenderContext) -> tuple[Collected, None]:
        return collect.batch(body, sender, max_events), None

    return handle_body


def _ids(collected: Collected, answer: Struct | None) -> dict[str, Any]:
    """The ids with which the same can be sent again and counts once: those of the answer, or of the batch's events."""
    return {"event_ids": collected.event_ids()} if answer is None else msgspec.structs.asdict(answer)
