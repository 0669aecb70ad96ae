"""A proxy between a browser and the ingest API: it keeps its own list of what was sent and what was answered."""

import http.client
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from deploy.processes.probes import ProbeAddress

HOSTS = ("shop.example", "checkout.shop.example", "pay.example")
BATCH, STREAM = "/v1/batch", "/tracker/intent/stream"
#: Headers of one connection, which the next one has its own of.
HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host", "date", "server"}


@dataclass(frozen=True)
class Sent:
    """A batch as it went by; `status` 0: it got no answer. `beacon`: sent by a page that could not wait."""

    events: list[dict[str, Any]]
    sent_at: int
    size: int
    beacon: bool
    status: int
    refused: set[int] = field(default_factory=set)

    @property
    def accepted(self) -> list[dict[str, Any]]:
        if self.status != 202:
            return []
        return [event for index, event in enumerate(self.events) if index not in self.refused]


@dataclass(frozen=True)
class Failure:
    """How the proxy answers in place of the API; status 0 cuts the connection."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)


#: Answers a path by itself: gets the request, and is done when it returns.
Route = Callable[[BaseHTTPRequestHandler], None]


class Proxy:
    """Passes everything on, unless it is told to fail.

    A page that is closed still sends, maybe when the next test has begun. So each test has a lane, a first part of the
    path: the list and the failures are those of the newest lane.
    """

    def __init__(self, target: ProbeAddress, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.failure: Failure | None = None
        self.routes: dict[str, Route] = {}
        self._target = target
        self._lane = 0
        self._sent: list[Sent] = []
        self._lock = threading.Lock()

    def fail(self, status: int, **headers: str) -> None:
        """From now on batches are answered with `status` and not passed on."""
        self.failure = Failure(status, {name.replace("_", "-"): value for name, value in headers.items()})

    def well(self) -> None:
        self.failure = None

    @property
    def api(self) -> str:
        """The address of the API in the newest lane."""
        return f"{self.url}/lane-{self._lane}"

    def clear(self) -> None:
        """Forget what went by, and what it was told: a new lane."""
        with self._lock:
            self._sent.clear()
            self._lane += 1
        self.routes.clear()
        self.well()

    def is_newest(self, lane: str) -> bool:
        return lane == f"lane-{self._lane}"

    @property
    def sent(self) -> list[Sent]:
        with self._lock:
            return list(self._sent)

    def note(self, lane: str, sent: Sent) -> None:
        with self._lock:
            if self.is_newest(lane):
                self._sent.append(sent)

    def passed(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, Any, bytes]:
        """The API's own answer."""
        with self.forwarded(method, path, headers, body) as answer:
            return answer.status, answer.getheaders(), answer.read()

    @contextmanager
    def forwarded(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
    ) -> Iterator[http.client.HTTPResponse]:
        """The API's own answer, not read yet."""
        connection = http.client.HTTPConnection(self._target.host, self._target.port, timeout=30)
        try:
            kept = {name: value for name, value in headers.items() if name.lower() not in HOP}
            connection.request(method, path, body or None, kept)
            yield connection.getresponse()
        finally:
            connection.close()


def split(path: str) -> tuple[str, str]:
    """The lane of a path, if it has one, and the path that the API knows."""
    lane, _, rest = path.removeprefix("/").partition("/")
    return (lane, "/" + rest) if lane.startswith("lane-") else ("", path)


class _Request(BaseHTTPRequestHandler):
    # One request per connection: a browser repeats by itself what fails on a connection that it has used before.
    protocol_version = "HTTP/1.0"
    proxy: Proxy

    def log_message(self, *_: Any) -> None:
        """Says nothing: the list is the record."""

    def do_GET(self) -> None:
        self._take()

    do_POST = do_OPTIONS = do_HEAD = do_GET  # noqa: N815 - http.server's names

    def _take(self) -> None:
        lane, self.path = split(self.path)
        path = urlsplit(self.path).path
        if route := self.proxy.routes.get(path):
            route(self)
            return
        if self.command == "GET" and path == STREAM:
            self._pass_stream()
            return
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        is_batch = path == BATCH and self.command == "POST"
        failure = self.proxy.failure if is_batch and self.proxy.is_newest(lane) else None
        if failure is not None:
            self._note(lane, body, failure.status, b"")
            if failure.status:
                origin = self.headers.get("origin", "*")
                cors = {"access-control-allow-origin": origin, "access-control-expose-headers": "retry-after"}
                self.answer(failure.status, {**cors, **failure.headers}.items(), b'{"error":"x","reason":"told to"}')
            return
        status, headers, answer = self.proxy.passed(self.command, self.path, dict(self.headers), body)
        if is_batch:
            self._note(lane, body, status, answer)
        self.answer(status, [(name, value) for name, value in headers if name.lower() not in HOP], answer)

    def _pass_stream(self) -> None:
        """Pass a stream on as it comes, until one of its ends is closed."""
        with self.proxy.forwarded("GET", self.path, dict(self.headers)) as answer:
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in HOP:
                    self.send_header(name, value)
            self.end_headers()
            while part := answer.read1(65_536):
                self.wfile.write(part)
                self.wfile.flush()

    def _note(self, lane: str, body: bytes, status: int, answer: bytes) -> None:
        whole = json.loads(body)
        refused = {each["index"] for each in json.loads(answer)["refused"]} if status == 202 else set()
        # Without X-OPECOM-Key and with text/plain: that is how sendBeacon sends.
        beacon = self.headers.get("content-type", "").startswith("text/plain")
        self.proxy.note(lane, Sent(whole["events"], whole["sent_at"], len(body), beacon, status, refused))

    def answer(self, status: int, headers: Any, body: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@contextmanager
def served(handler: type[BaseHTTPRequestHandler]) -> Iterator[ThreadingHTTPServer]:
    """An HTTP server on a free port of this machine, each connection in a thread."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        # Browsers open many connections at once, and hang up as they like.
        request_queue_size = 64

        def handle_error(self, *_: Any) -> None:
            """A browser that hung up."""

    server = Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


@contextmanager
def proxy(target: ProbeAddress) -> Iterator[Proxy]:
    """A proxy to the API at `target`."""

    class Request(_Request):
        pass

    with served(Request) as server:
        made = Request.proxy = Proxy(target, server.server_address[1])
        yield made


@dataclass
class Pages:
    """A site of its own origin: what each path answers; paths that it does not have are the page of "*"."""

    url: str
    content: dict[str, str | bytes] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def origins(self) -> list[str]:
        """By address and by the names that the tests' browser knows: two hosts of one domain, and another domain."""
        return [self.url, *(self.origin(host) for host in HOSTS)]

    def origin(self, host: str) -> str:
        return f"http://{host}:{urlsplit(self.url).port}"


@contextmanager
def pages() -> Iterator[Pages]:
    class Request(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            found = site.content.get(path, site.content.get("*", ""))
            body = found.encode() if isinstance(found, str) else found
            self.send_response(200)
            kind = "text/javascript" if path.endswith(".js") else "text/html; charset=utf-8"
            # no-store would keep a page out of the back/forward cache.
            for name, value in {"content-type": kind, "cache-control": "no-cache", **site.headers}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - http.server's names

    with served(Request) as server:
        site = Pages(f"http://127.0.0.1:{server.server_address[1]}")
        yield site


def reply(request: BaseHTTPRequestHandler, kind: str, body: str, status: int = 200) -> None:
    request.send_response(status)
    for name, value in {
        "content-type": kind,
        "content-length": str(len(body)),
        "access-control-allow-origin": "*",
        "access-control-allow-headers": "*",
    }.items():
        request.send_header(name, value)
    request.end_headers()
    request.wfile.write(body.encode())


def preflighted(route: Callable[[BaseHTTPRequestHandler], None]) -> Callable[[BaseHTTPRequestHandler], None]:
    """The same route, which answers the browser's question before it."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        if request.command == "OPTIONS":
            reply(request, "text/plain", "", 200)
        else:
            route(request)

    return answer
