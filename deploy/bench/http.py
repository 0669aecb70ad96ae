"""The load generator's HTTP: connections that are kept, one request on each at a time."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from deploy.bench.errors import BenchError
from ingest.outage import reason_of

#: Most connections at once.
MOST = 256
#: Browsers of the visitors; each connection has one, so that ingest meets many user agents.
_BROWSERS = tuple(
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    f"Chrome/{version}.0.0.0 Safari/537.36"
    for version in range(110, 150)
)


#: What an answer has in it that accepts some events of a batch and refuses others.
REFUSED = b'"refused":[{'


class Connection:
    """One connection to a server on loopback."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: str, wanted: bytes) -> None:
        self._reader = reader
        self._writer = writer
        self._head = head
        self._wanted = wanted

    async def post(self, path: str, body: bytes) -> None:
        """Returns when the server has answered as wanted; raises BenchError for any other answer."""
        status, answer = await self.request(path, body)
        if status != self._wanted:
            raise BenchError(f"POST {path} was answered {status.decode()}: {answer[:200].decode(errors='replace')}")
        if REFUSED in answer:
            raise BenchError(f"POST {path} refused events: {answer[:300].decode(errors='replace')}")

    async def request(self, path: str, body: bytes) -> tuple[bytes, bytes]:
        """Post, whatever is answered: status and body; raises BenchError when the connection ends before."""
        self._writer.write(f"POST {path}{self._head}{len(body)}\r\n\r\n".encode() + body)
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
            answer = await self._reader.readexactly(_length(head))
        except (OSError, asyncio.IncompleteReadError) as error:
            raise BenchError(f"the API closed the connection: {reason_of(error)}") from error
        return head[9:12], answer

    def close(self) -> None:
        self._writer.close()


class Connections:
    """As many connections as are in use at once, up to MOST; beyond, a request waits for a free one."""

    def __init__(self, port: int, key: str, wanted: bytes = b"202") -> None:
        """`wanted` is the status of every answer."""
        self._wanted = wanted
        self._port = port
        self._key = key
        self._free: list[Connection] = []
        self._room = asyncio.Semaphore(MOST)
        self.opened: list[Connection] = []

    async def open(self) -> Connection:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        browser = _BROWSERS[len(self.opened) % len(_BROWSERS)]
        head = (
            f" HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nUser-Agent: {browser}\r\nAccept-Language: de-DE,de;q=0.9\r\n"
            f"X-OPECOM-Key: {self._key}\r\nContent-Type: application/json\r\nContent-Length: "
        )
        self.opened.append(Connection(reader, writer, head, self._wanted))
        return self.opened[-1]

    async def post(self, path: str, body: bytes) -> None:
        """Post on a free connection, or on a new one."""
        async with self._room:
            connection = self._free.pop() if self._free else await self.open()
            await connection.post(path, body)
            self._free.append(connection)


@asynccontextmanager
async def connections(port: int, key: str) -> AsyncIterator[Connections]:
    them = Connections(port, key)
    try:
        yield them
    finally:
        for connection in them.opened:
            connection.close()


async def post_all(them: Connections, requests: Iterator[tuple[str, bytes]], at_once: int) -> None:
    """Post all requests, `at_once` at a time, each as soon as a connection is free."""

    async def one() -> None:
        connection = await them.open()
        for path, body in requests:
            await connection.post(path, body)

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(one())


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        if line[:15].lower() == b"content-length:":
            return int(line[15:])
    raise BenchError("the API answered without a Content-Length")
