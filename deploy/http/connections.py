"""Connections of an HTTP server within their limits: how large and how slow a request may be, and how many an address
may hold.

uvicorn checks none of this. What a proxy in front of us would refuse, we refuse where there is none.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from ingest.admission.limits import ConcurrencyLimit

#: Bytes of the request line and the headers of one request, trailers as well.
HEADER_BYTES = 32 * 1024
#: A chunk may add so much to each byte of a body.
CHUNK_OVERHEAD = 8
#: Seconds from a connection, or from the first byte of a request, to the end of its headers; then to that of its body.
HEADER_SECONDS, BODY_SECONDS = 10.0, 120.0
#: Requests that may wait on a connection for the answer of the one before them: each takes some kB.
REQUESTS_AHEAD = 32
#: A client that leaves its answers lying must take this many bytes of them within so many seconds.
ANSWER_BYTES, ANSWER_SECONDS = 16 * 1024, 60.0
#: Seconds for which a refused client may go on sending, so that it reads why: unread data would reset the connection.
LINGER_SECONDS = 2.0


def nobody(_: str) -> bool:
    """Trusts no proxy."""
    return False


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """`per_address` connections are held at once for an address or an IPv6 /64, sixteen times as many for a /48; None:
    any number. For proxies that are trusted no such bound holds.
    """

    per_address: int | None = None
    is_trusted: Callable[[str], bool] = nobody
    header_bytes: int = HEADER_BYTES
    header_seconds: float = HEADER_SECONDS
    body_seconds: float = BODY_SECONDS
    answer_seconds: float = ANSWER_SECONDS


class OpenConnections:
    """How many connections each address and network holds."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self.limits = limits
        self._held = None if limits.per_address is None else ConcurrencyLimit(limits.per_address)

    def enter(self, address: str) -> bool | None:
        """Count a connection: True until `leave`, None where none need be counted, False where there are too many."""
        if self._held is None or self.limits.is_trusted(address):
            return None
        return self._held.enter(address)

    def leave(self, address: str) -> None:
        """Count a connection no more that `enter` counted."""
        if self._held is not None:
            self._held.leave(address)


class LimitedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which ends a connection that breaks its limits with one line that says which."""

    def __init__(self, *args: Any, connections_open: OpenConnections, **named: Any) -> None:
        super().__init__(*args, **named)
        self._open = connections_open
        self._limits = connections_open.limits
        self._counted: str | None = None
        self._refused = False
        #: Whether the headers of a request are on their way, or its body.
        self._reads_headers = self._reads_body = False
        #: Bytes of the fields of this request, of its body, and of all else that came for it.
        self._fields = self._body = self._rest = 0
        self._begun = False
        self._timer: asyncio.TimerHandle | None = None
        self._taking: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        address = self.client[0] if self.client else ""
        entered = self._open.enter(address)
        if entered is False:
            self._refuse(503, "busy", f"{self._limits.per_address} connections of this address are open; close some")
            self.transport.close()
        else:
            self._counted = address if entered else None
            self._expect_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self._stop_taking()
        if self._counted is not None:
            self._open.leave(self._counted)
            self._counted = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        self._begun, before = False, self._body
        super().data_received(data)
        self._check(len(data), before)

    def _check(self, received: int, before: int) -> None:
        """After data: whether the request is too large, and how long the rest of it may take."""
        if self._refused:
            return
        # Of a request that began within this data its own share is not known: its fields are counted one by one.
        self._rest += 0 if self._begun else received - (self._body - before)
        if self._rest > self._limits.header_bytes + CHUNK_OVERHEAD * self._body:
            self._refuse_large()
        elif self._timer is None and not self.transport.is_closing():
            if self._reads_headers or (self.timeout_keep_alive_task is None and self._is_idle()):
                self._expect_headers()
            elif self._reads_body:
                self._timer = self.loop.call_later(self._limits.body_seconds, self._too_slow, "body")

    def on_message_begin(self) -> None:
        self._begun = self._reads_headers = True
        self._fields = self._body = self._rest = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._fields += len(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields += len(name) + len(value) + 4
        if self._fields > self._limits.header_bytes:
            self._refuse_large()
        else:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._stop_timer()
        self._reads_headers, self._reads_body = False, True
        if self._fields > self._limits.header_bytes:
            self._refuse_large()
        elif len(self.pipeline) >= REQUESTS_AHEAD:
            self._refuse(429, "too_far_ahead", f"{REQUESTS_AHEAD} requests wait for the answer of the one before them")
        if not self._refused:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._body += len(body)
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._stop_timer()
        self._reads_body = False
        if not self._refused:
            super().on_message_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._expect_taking()

    def resume_writing(self) -> None:
        self._stop_taking()
        super().resume_writing()

    def _expect_taking(self) -> None:
        """Watch that the client takes what waits for it."""
        waiting = self.transport.get_write_buffer_size()
        self._taking = self.loop.call_later(self._limits.answer_seconds, self._check_taking, waiting)

    def _check_taking(self, before: int) -> None:
        self._taking = None
        if before - self.transport.get_write_buffer_size() < ANSWER_BYTES:
            self.transport.abort()
        else:
            self._expect_taking()

    def _stop_taking(self) -> None:
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _expect_headers(self) -> None:
        self._timer = self.loop.call_later(self._limits.header_seconds, self._too_slow, "headers")

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self, what: str) -> None:
        self._timer = None
        if what == "body":
            self._refuse(408, "slow_body", f"the body took more than {self._limits.body_seconds:g} s to arrive")
        elif self._is_idle() and self._reads_headers:
            seconds = self._limits.header_seconds
            self._refuse(408, "slow_headers", f"the headers took more than {seconds:g} s to arrive")
        elif self._is_idle():
            self.transport.close()

    def _refuse_large(self) -> None:
        most = self._limits.header_bytes
        self._refuse(431, "large_headers", f"the request line and headers have more than {most} bytes")

    def _refuse(self, status: int, code: str, reason: str) -> None:
        """End the connection, with an answer where none has begun."""
        if self._refused:
            return
        self._refused = True
        self._stop_timer()
        answers = self._is_idle() or not (self.pipeline or self.cycle.response_started)
        if not self._is_idle():
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if not answers:
            self.transport.close()
            return
        body = f'{{"error":"{code}","reason":"{reason}"}}'.encode()
        head = f"content-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        self.transport.write(STATUS_LINE[status] + head.encode() + body)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._timer = self.loop.call_later(LINGER_SECONDS, self.transport.close)
