"""The live intent of a session for the page that it is on: a token, and the stream that the token opens.

The intents are the query API's; here is asked who may have them.
"""

import asyncio
import contextlib
import logging
from collections.abc import Generator, Mapping
from typing import Annotated, Any
from urllib.parse import parse_qs, quote

import msgspec
from msgspec import Meta, Struct
from starlette.types import Receive, Scope, Send

from ingest import collect
from ingest.admission.guard import origin_of
from ingest.admission.limits import ConcurrencyLimit
from ingest.answers import ResponseSender
from ingest.body_reader import ClientGoneError
from ingest.endpoints import IngestContext, PostEndpoint, admit, read_body
from ingest.errors import FAULT, RequestRefusedError
from ingest.events import SessionId
from ingest.headers import joined
from ingest.openapi import refused
from ingest.proxy.upstream import ProxyOptions, Upstream
from ingest.tokens import SessionTokens, TokenError

_log = logging.getLogger(__name__)

TOKEN_PATH, STREAM_PATH = "/tracker/intent/token", "/tracker/intent/stream"
#: What the query API calls the stream.
THERE = b"/intents/session?token="


class IntentTokenRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Whose intent is wanted: of this session, on the key's site."""

    session_id: Annotated[SessionId, Meta(description="Know it, and you may read its intent: keep ids unguessable.")]


class IntentTokenEndpoint(PostEndpoint):
    """POST: a token for the intent of one session. `tokens` None: there is no secret to sign with."""

    status = 200

    def __init__(self, context: IngestContext, tokens: SessionTokens | None) -> None:
        super().__init__(TOKEN_PATH, context)
        self._tokens = tokens
        self._decoder = msgspec.json.Decoder(IntentTokenRequest)

    async def _accept(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive) -> bytes:
        admitted = admit(self._context, scope, headers)
        grant = admitted.grant
        if grant.scope == "import":
            raise RequestRefusedError("wrong_scope", "an import key is no browser's: ask with a write key of the site")
        site = grant.site
        body, _ = await read_body(self._context, admitted, headers, receive)
        wanted = collect.decoded(self._decoder, body)
        if site.intent is None:
            raise RequestRefusedError(
                "intent_off", f"pages do not show their intent (sites.{site.name}.intent_in_browser)"
            )
        if self._tokens is None:
            raise RequestRefusedError(
                "intent_off", "tokens cannot be signed: set api.token_secret, the same for ingest and for the query API"
            )
        return msgspec.json.encode(self._tokens.issue(site.name, wanted.session_id, site.intent))


class IntentStream:
    """GET: the stream of the query API, for the session of the token; `stop` ends it."""

    def __init__(
        self,
        context: IngestContext,
        tokens: SessionTokens | None,
        upstream: Upstream,
        stop: asyncio.Event,
        places: ConcurrencyLimit,
    ) -> None:
        self._context = context
        self._tokens = tokens
        self._upstream = upstream
        self._stop = stop
        self._places = places
        self._responses = ResponseSender(STREAM_PATH, context.metrics)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = joined(scope["headers"])
        cors = self._context.origins.headers(origin_of(headers))
        try:
            token = self._permitted(scope, headers)
            how = ProxyOptions(self._responses.count, THERE + quote(token).encode(), cors, self._stop)
            with self._place(scope, headers):
                await self._upstream.pass_on(scope, receive, send, how)
        except ClientGoneError:
            return
        except RequestRefusedError as refusal:
            await self._responses.refuse(refusal, cors, send)
        except Exception:
            _log.exception("a request to %s failed", STREAM_PATH)
            await self._responses.refuse(RequestRefusedError("internal", FAULT, 1), cors, send)

    @contextlib.contextmanager
    def _place(self, scope: Scope, headers: Mapping[bytes, bytes]) -> Generator[None, None, None]:
        """A place among the streams of the client's address; this machine itself has any number."""
        client = self._context.guard.client(headers, scope["client"][0] if scope.get("client") else "")
        if client.on_this_machine:
            yield
            return
        if not self._places.enter(client.address):
            most = self._places.most
            raise RequestRefusedError(
                "busy", f"{most} streams of this address are open (ingest.max_streams_per_address)", 5
            )
        try:
            yield
        finally:
            self._places.leave(client.address)

    async def close(self) -> None:
        await self._upstream.close()

    def _permitted(self, scope: Scope, headers: Mapping[bytes, bytes]) -> str:
        """The token, for the origin of whose site this request comes; raises RequestRefusedError."""
        if scope["method"] != "GET":
            raise RequestRefusedError("wrong_method", f"{STREAM_PATH} takes GET, not {scope['method']}")
        token: str = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if self._tokens is None:
            raise RequestRefusedError("wrong_token", "no token is valid here: api.token_secret is empty")
        try:
            claim = self._tokens.read(token)
        except TokenError as error:
            raise RequestRefusedError("wrong_token", str(error)) from None
        self._context.origins.check_named(origin_of(headers), claim.site)
        return token


def stream_described() -> dict[str, Any]:
    """The stream, for people: the OpenAPI operation of its path."""
    return {
        "summary": "The intent of a session as it changes (server-sent events)",
        "description": "Events are named `intent`; their data is what `GET /sessions/{id}/intent` of the query API "
        "answers, or less where the site shows only the band. The current one comes first. An event `intervention` "
        "brings what one sends to the page: intervention, opened_at, fired_at, payload.",
        "operationId": "streamIntent",
        "tags": ["intent"],
        "parameters": [{"name": "token", "in": "query", "required": True, "schema": {"type": "string"}}],
        "responses": {
            "200": {
                "description": "Until the token expires.",
                "content": {"text/event-stream": {"schema": {"type": "string"}}},
            },
            "401": refused("wrong_token"),
            "403": refused("wrong_origin"),
            "503": refused("api_away, busy, too_many_streams, unavailable"),
        },
    }
