"""A receiver of webhooks on loopback that answers as it is told, and keeps what came."""

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

import msgspec
from standardwebhooks import Webhook

Behaviour = Literal["take", "fail", "busy", "gone", "redirect", "hang", "close", "drip", "flood"]


@dataclass(frozen=True)
class Got:
    """One request: its path, headers by lower-case name, body, and when it came (monotonic seconds)."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def data(self) -> dict[str, Any]:
        return dict(msgspec.json.decode(self.body)["data"])

    def verified(self, secret: str) -> dict[str, Any]:
        """The message, if the signature is right; raises WebhookVerificationError."""
        return dict(Webhook(secret).verify(self.body, self.headers))


@dataclass
class Receiver:
    """`script` says how the next requests are answered, one after the other; after them `always`."""

    port: int = 0
    script: list[Behaviour] = field(default_factory=list)
    always: Behaviour = "take"
    got: list[Got] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def next(self) -> Behaviour:
        return self.script.pop(0) if self.script else self.always


@contextlib.contextmanager
def receiver(*script: Behaviour, always: Behaviour = "take") -> Iterator[Receiver]:
    """A receiver that listens until the end of the block."""
    made = Receiver(script=list(script), always=always)
    server = _Server(("127.0.0.1", 0), _handler(made))
    made.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.released.set()
        server.shutdown()
        server.server_close()
        thread.join(10)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is what is tested."""


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.close_connection = True
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length)
            if len(body) < length:
                # Whoever sent it was killed in the middle: no server would take that.
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            got = Got(self.path, headers, body, time.monotonic())
            receiver.got.append(got)
            getattr(self, receiver.next())(got)

        def do_GET(self) -> None:
            """What follows a redirect would come so."""
            receiver.got.append(Got(self.path, {}, b"", time.monotonic()))
            self.take(receiver.got[-1])

        def take(self, got: Got) -> None:
            receiver.taken.append(got.headers.get("webhook-id", ""))
            self.answer(200, b"thanks")

        def fail(self, got: Got) -> None:
            self.answer(500, b"out of\norder")

        def busy(self, got: Got) -> None:
            self.answer(503, b"later", ("Retry-After", "7"))

        def gone(self, got: Got) -> None:
            self.answer(410, b"never again")

        def redirect(self, got: Got) -> None:
            self.answer(302, b"", ("Location", f"http://127.0.0.1:{receiver.port}/elsewhere"))

        def hang(self, got: Got) -> None:
            receiver.released.wait(60)

        def close(self, got: Got) -> None:
            """Nothing is said; the connection ends."""

        def drip(self, got: Got) -> None:
            """A byte now and then, for ever: each one in time, the whole never."""
            self.start(500, 10_000_000)
            while not receiver.released.wait(0.05):
                self.wfile.write(b"x")
                self.wfile.flush()

        def flood(self, got: Got) -> None:
            """More than anybody should read."""
            self.start(500, 1 << 30)
            while not receiver.released.is_set():
                self.wfile.write(b"x" * 65_536)

        def start(self, status: int, length: int, *headers: tuple[str, str]) -> None:
            self.send_response(status)
            for name, value in (*headers, ("Content-Length", str(length)), ("Connection", "close")):
                self.send_header(name, value)
            self.end_headers()

        def answer(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
            self.start(status, len(body), *headers)
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
