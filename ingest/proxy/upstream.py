"""Passes a request on to another of our servers and its answer back, in bounded memory; knows only that one's URL.

What a server concludes from where a request comes, it must conclude alike when the request comes through here: Host is
passed unchanged, and X-Forwarded-For tells of whoever is not on this machine, or may not be.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
from starlette.types import Receive, Scope, Send

from ingest.addresses import is_loopback, is_proxy_header
from ingest.admission.origins import RawHeaders
from ingest.body_reader import BodyReader, ClientGoneError
from ingest.errors import RequestRefusedError
from ingest.outage import reason_of

_log = logging.getLogger(__name__)

#: Seconds: until the server takes the connection, until it says something more, until the client takes a part of it.
CONNECT_SECONDS, READ_SECONDS, SEND_SECONDS = 2.0, 120.0, 60.0
#: A connection that was idle so long may be closed by the server just as the next request goes out on it.
IDLE_SECONDS = 15.0

_HOP_BY_HOP = frozenset({
    *(b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection"),
    *(b"te", b"trailer", b"transfer-encoding", b"upgrade", b"http2-settings"),
})  # fmt: skip
#: The body is whole when it goes on: its length is set again, and nobody has to be asked for it.
_OF_THE_BODY = frozenset({b"content-length", b"expect"})
#: What `Connection` cannot take away, as access rests on it; neither can it take a proxy's marks.
_KEPT = frozenset({b"host", b"x-opecom-key", b"origin", b"content-type"})
_SET_HERE = frozenset({b"date", b"server"})


@dataclass(frozen=True, slots=True)
class ProxyOptions:
    """`began` is called with the status when the answer begins. `target` is the path and query to ask the server for,
    None: those of the request, as they were written. `headers` are added to the answer; `until` ends it where it
    stands, as a stream has no end of its own.
    """

    began: Callable[[int], None] = lambda _: None
    target: bytes | None = None
    headers: RawHeaders = field(default_factory=list)
    until: asyncio.Event | None = None


class Upstream:
    """The server at `url`, which `setting` names; at most `most` requests are passed on at once. `public`: a proxy may
    stand before us, and not every one says so, so that nobody is on this machine.

    httpx's transport is asked itself, without a client around it: no redirects, no cookies, no proxies of the
    environment.
    """

    def __init__(self, url: str, setting: str, reader: BodyReader, most: int, public: bool = False) -> None:
        self._url = httpx.URL(url)
        self._setting = setting
        self._reader = reader
        self._most = most
        self._public = public
        limits = httpx.Limits(max_connections=most, max_keepalive_connections=20, keepalive_expiry=IDLE_SECONDS)
        self._transport = httpx.AsyncHTTPTransport(limits=limits)
        self._open = 0

    async def close(self) -> None:
        await self._transport.aclose()

    async def pass_on(self, scope: Scope, receive: Receive, send: Send, how: ProxyOptions) -> None:
        """Answer as the server does. Raises RequestRefusedError, before anything is sent, and ClientGoneError.

        The body is whole before the server hears of it: whoever sends slowly, or too much, holds nothing there.
        """
        body = await self._reader.received(dict(scope["headers"]), receive)
        if self._open >= self._most:
            raise RequestRefusedError("busy", f"{self._most} requests are being passed on (ingest.max_passed)", 5)
        self._open += 1
        try:
            relay = _Relay(send, how)
            with contextlib.ExitStack() as watching:
                answered = asyncio.ensure_future(self._relay(self._request(scope, body, how.target), relay))
                ends: list[asyncio.Future[Any]] = [asyncio.ensure_future(_gone(receive))]
                if how.until is not None:
                    ends.append(asyncio.ensure_future(how.until.wait()))
                watching.callback(lambda: [each.cancel() for each in (answered, *ends)])
                await asyncio.wait((answered, *ends), return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait((answered, *ends))
            if answered.cancelled():
                if how.until is None or not how.until.is_set():
                    raise ClientGoneError
                return await relay.end()
            answered.result()
        finally:
            self._open -= 1

    async def read(self, path: str, seconds: float, most_bytes: int = 4_000_000) -> bytes:
        """The body of `GET path`, requested in our own name; raises RequestRefusedError unless the answer is 200."""
        extensions = {"target": path.encode(), "timeout": _timeouts(seconds)}
        request = httpx.Request("GET", self._url, extensions=extensions)
        try:
            async with asyncio.timeout(seconds), self._answer(request) as response:
                whole = b""
                async for part in response.aiter_raw():
                    whole += part
                    if len(whole) > most_bytes:
                        raise self._away("a longer answer than ours")
        except (httpx.TransportError, TimeoutError) as error:
            raise self._away(type(error).__name__) from error
        if response.status_code != 200:
            raise self._away(f"status {response.status_code}")
        return whole

    def _request(self, scope: Scope, body: bytes, target: bytes | None) -> httpx.Request:
        if target is None:
            query = scope["query_string"]
            target = scope["raw_path"].partition(b"?")[0] + (b"?" + query if query else b"")
        peer = scope["client"][0] if scope.get("client") else ""
        # As the target is given, httpx neither resolves dots nor encodes again: the server sees what was checked here.
        extensions = {"target": target, "timeout": _timeouts(READ_SECONDS)}
        headers = forwarded(scope["headers"], peer, self._public)
        return httpx.Request(scope["method"], self._url, headers=headers, content=body, extensions=extensions)

    async def _relay(self, request: httpx.Request, relay: "_Relay") -> None:
        async with contextlib.AsyncExitStack() as held:
            try:
                response = await held.enter_async_context(self._answer(request))
            except httpx.LocalProtocolError as error:
                raise RequestRefusedError("malformed", f"this request cannot be passed on: {error}") from error
            except httpx.TransportError as error:
                raise self._away(reason_of(error)) from error
            await relay.begin(response.status_code, returned(response.headers.raw))
            try:
                async for part in response.aiter_raw():
                    await relay.part(part)
            except (httpx.TransportError, TimeoutError) as error:
                # Without its last part the server closes the connection: what was cut off must not look whole.
                _log.warning("an answer of %s was cut off: %s", self._url, reason_of(error))
                return
            await relay.end()

    @contextlib.asynccontextmanager
    async def _answer(self, request: httpx.Request) -> AsyncIterator[httpx.Response]:
        response = await self._transport.handle_async_request(request)
        try:
            yield response
        finally:
            await response.aclose()

    def _away(self, why: str) -> RequestRefusedError:
        reason = f"{self._url} does not answer ({' '.join(why.split()):.100}); {self._setting} says where it is"
        return RequestRefusedError("api_away", reason, 2)


class _Relay:
    """An answer on its way to the client."""

    def __init__(self, send: Send, how: ProxyOptions) -> None:
        self._send = send
        self._how = how
        self._begun = False

    async def begin(self, status: int, headers: RawHeaders) -> None:
        self._begun = True
        self._how.began(status)
        await self._send({"type": "http.response.start", "status": status, "headers": [*headers, *self._how.headers]})

    async def part(self, part: bytes) -> None:
        """Raises TimeoutError when the client takes nothing."""
        async with asyncio.timeout(SEND_SECONDS):
            await self._send({"type": "http.response.body", "body": part, "more_body": True})

    async def end(self) -> None:
        """Raises RequestRefusedError where nothing has begun."""
        if not self._begun:
            raise RequestRefusedError("api_away", "this server stops; ask again", 1)
        await self._send({"type": "http.response.body", "body": b""})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def forwarded(headers: Iterable[tuple[bytes, bytes]], peer: str, public: bool = False) -> RawHeaders:
    """The headers of a request as they are passed on; raises nothing, whatever a client sent.

    `public`: as of Upstream.
    """
    given = list(headers)
    named = {name for name in _named_in_connection(given) - _KEPT if not is_proxy_header(name.decode("latin-1"))}
    dropped = _HOP_BY_HOP | _OF_THE_BODY | named
    kept = [(name, value) for name, value in given if name not in dropped and name != b"x-forwarded-for"]
    chain = [value for name, value in given if name == b"x-forwarded-for"]
    names = {name for name, _ in given}
    proxied = any(is_proxy_header(name.decode("latin-1")) for name in names)
    if public or proxied or not is_loopback(peer) or b"host" not in names:
        kept.append((b"x-forwarded-for", b", ".join([*chain, peer.encode() or b"unknown"])))
    return kept


def returned(headers: Iterable[tuple[bytes, bytes]]) -> RawHeaders:
    """The headers of an answer as they are passed back: CORS is decided here, not there."""
    given = [(name.lower(), value) for name, value in headers]
    dropped = _HOP_BY_HOP | _SET_HERE | _named_in_connection(given)
    return [(n, v) for n, v in given if n not in dropped and not n.startswith(b"access-control-")]


def _named_in_connection(headers: Iterable[tuple[bytes, bytes]]) -> frozenset[bytes]:
    named = b",".join(value for name, value in headers if name == b"connection")
    return frozenset(each.strip().lower() for each in named.split(b",")) - {b""}


def _timeouts(read: float) -> Mapping[str, float]:
    return {"connect": CONNECT_SECONDS, "read": read, "write": READ_SECONDS, "pool": CONNECT_SECONDS}
