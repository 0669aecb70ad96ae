"""Requests to the query API of a system that starts again, and of one that does not."""

import http.server
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.errors import AwayError
from deploy.processes import data_folder
from deploy.processes.probes import ProbeAddress
from deploy.terminal import query_client
from deploy.terminal.query_client import QueryApi, RefusedReadError, call_api, read
from tests.support.ports import free_port


class CountedHandler(http.server.BaseHTTPRequestHandler):
    """Breaks the connection of the first requests, and answers those that follow."""

    broken = 0
    requests = 0

    def do_GET(self) -> None:
        type(self).requests += 1
        if type(self).requests <= self.broken:
            self.connection.close()
            return
        self.send_response(404 if self.path == "/missing" else 200)
        self.end_headers()
        self.wfile.write(b'{"error": "not_found", "reason": "no"}')

    do_POST = do_GET  # noqa: N815 - the name that the base class calls

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def listening(port: int, broken: int = 0) -> Iterator[type[CountedHandler]]:
    handler = type("Handler", (CountedHandler,), {"broken": broken})
    socketserver.TCPServer.allow_reuse_address = True
    with socketserver.TCPServer(("127.0.0.1", port), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield handler
        server.shutdown()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[QueryApi]:
    """An API that does not listen yet, of a system that runs."""
    with data_folder.held(tmp_path) as held:
        data_folder.announce(held, "127.0.0.1:1")
        yield QueryApi(ProbeAddress("127.0.0.1", free_port()), tmp_path)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_api_that_starts_again_is_waited_for(running: QueryApi, method: str) -> None:
    answers = list[bytes]()
    asking = threading.Thread(target=lambda: answers.append(call_api(running, method, "/pages", b"{}")))
    asking.start()
    asking.join(0.5)
    assert asking.is_alive()
    with listening(running.address.port) as handler:
        asking.join(30)
    assert answers
    assert handler.requests == 1


def test_a_wait_is_announced_once(
    running: QueryApi, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(query_client, "SILENT_SECONDS", 0.0)
    monkeypatch.setattr(query_client, "RESTART_SECONDS", 1.0)
    with pytest.raises(AwayError, match="no query API answers"):
        read(running, "/pages", {})
    assert capsys.readouterr() == ("", f"the API at {running.url} starts again: asked for 1 s at most\n")


def test_a_request_that_may_have_been_taken_is_repeated_only_where_that_is_harmless(running: QueryApi) -> None:
    with listening(running.address.port, broken=2) as handler:
        assert read(running, "/pages", {})
        assert handler.requests == 3
        handler.requests = 0
        with pytest.raises(AwayError, match="no query API answers"):
            call_api(running, "POST", "/replays", b"{}")
    assert handler.requests == 1


def test_a_refusal_has_its_status(running: QueryApi) -> None:
    with listening(running.address.port), pytest.raises(RefusedReadError, match=r"no \(404 not_found\)") as caught:
        read(running, "/missing", {})
    assert caught.value.status == 404


@pytest.mark.parametrize("data_dir", [None, Path("nothing-runs-here")], ids=["services", "embedded"])
def test_an_api_that_nobody_starts_is_a_line_at_once(data_dir: Path | None) -> None:
    api = QueryApi(ProbeAddress("127.0.0.1", free_port()), data_dir)
    with pytest.raises(AwayError, match="no query API answers"):
        read(api, "/pages", {})
