"""ClickHouse's HTTP interface over chDB, as much as clickhouse-connect uses: no registry has a server to test with.

Run as a program (`python -m deploy.chaos.clickhouse_front FOLDER [PORT [stay]]`), because one process may hold one chDB
folder; it prints its port and ends when its standard input does, or, where it is to stay, at SIGTERM.
"""

import os
import signal
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import chdb
import lz4.frame

#: Query parameters that are no settings of the engine.
TRANSPORT = {"query", "database", "session_id", "query_id", "compress", "wait_end_of_query", "default_format", "role"}
TRANSPORT |= {"enable_http_compression", "client_protocol_version", "send_progress_in_http_headers", "buffer_size"}
TRANSPORT |= {"http_headers_progress_interval_ms", "cancel_http_readonly_queries_on_client_close"}


class ClickHouseFrontHandler(BaseHTTPRequestHandler):
    """One request; all are answered one after the other by one engine."""

    protocol_version = "HTTP/1.1"
    engine: Any
    lock: threading.Lock

    def do_GET(self) -> None:
        if urlsplit(self.path).path == "/ping":
            self._answer(200, b"Ok.\n", {})
        else:
            self._run(b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or self._chunks()
        self._run(_decompressed(body) if self.headers.get("Content-Encoding") == "lz4" else body)

    def log_message(self, *_: object) -> None:
        pass

    def _chunks(self) -> bytes:
        body, size = b"", int(self.headers.get("Transfer-Encoding") == "chunked")
        while size:
            size = int(self.rfile.readline(), 16)
            body += self.rfile.read(size)
            self.rfile.readline()
        return body

    def _run(self, body: bytes) -> None:
        given = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        query = given.get("query", "").encode()
        statement, data = (query, body) if query else (body, b"")
        first, _, rest = statement.partition(b"\n")
        if first[:11].upper() == b"INSERT INTO" and b" FORMAT " in first and not data:
            statement, data = first, rest
        params = {name[6:]: value for name, value in given.items() if name.startswith("param_")}
        settings = {k: v for k, v in given.items() if k not in TRANSPORT and not k.startswith("param_")}
        style = self.headers.get("X-ClickHouse-Format") or given.get("default_format") or "TabSeparated"
        try:
            with self.lock:
                if given.get("database"):
                    self.engine.query(f"USE `{given['database']}`")
                for name, value in settings.items():
                    self.engine.query(f"SET {name} = '{value}'")
                result = self._insert(statement, data) if data else self.engine.query(statement, style, params=params)
                answer = result.bytes() if result is not None else b""
        except RuntimeError as error:
            message = str(error)[str(error).find("Code: ") :]
            code = message[6:].partition(".")[0]
            self._answer(404 if code == "81" else 400, message.encode(), {"X-ClickHouse-Exception-Code": code})
            return
        self._answer(200, answer or b"", {"X-ClickHouse-Format": style, "X-ClickHouse-Summary": "{}"})

    def _insert(self, statement: bytes, data: bytes) -> Any:
        head, _, style = statement.decode().rpartition(" FORMAT ")
        with tempfile.NamedTemporaryFile(suffix=".native") as file:
            file.write(data)
            file.flush()
            return self.engine.query(f"{head} FROM INFILE '{file.name}' FORMAT {style}")

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body)), "X-ClickHouse-Timezone": "UTC"}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def _decompressed(body: bytes) -> bytes:
    """All frames: a large insert has one for each of its blocks."""
    whole = b""
    while body:
        frame = lz4.frame.LZ4FrameDecompressor()
        whole += frame.decompress(body)
        body = frame.unused_data or b""
    return whole


def main() -> None:
    # Before any thread is made, as all take over what this one blocks.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM} if sys.argv[3:] == ["stay"] else set())
    ClickHouseFrontHandler.engine, ClickHouseFrontHandler.lock = chdb.connect(sys.argv[1]), threading.Lock()
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 0), ClickHouseFrontHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)  # noqa: T201 - for whoever starts it
    if sys.argv[3:] == ["stay"]:
        signal.sigwait({signal.SIGTERM})
    else:
        sys.stdin.read()
    ClickHouseFrontHandler.engine.close()
    os._exit(0)


if __name__ == "__main__":
    main()
