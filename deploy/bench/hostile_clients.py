"""The clients of `opecom bench floods` that mean harm, as a program of their own: slow connections that are held, each
opened again once the server has ended it, and bombs.

They come from many addresses of 127.0.0.0/8, so no bound for one address keeps them out. Each second the program
writes a line of JSON: a HostileReport.
"""

import asyncio
import contextlib
import gzip
import socket
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from itertools import count
from typing import Any

import msgspec
from msgspec import Struct

#: Bytes of a body that is held back, which is the largest that the API takes.
BODY = 256 * 1024
#: Connections of one address.
PER_ADDRESS = 10
#: Seconds between two bytes of a slow client.
PAUSE = 2.0
#: Requests that a client sends at once which reads no answer, for the longest answer there is.
AHEAD = 3
#: Connections that are opened in a second, until all are.
OPENED_PER_SECOND = 200
#: Seconds after which a bomb counts as not answered.
PATIENCE = 30.0


class HostileTask(Struct, frozen=True):
    """What the program is to do: the port and write key of an ingest API, connections to hold, bombs a second."""

    port: int
    key: str
    slow: int
    bombs_per_second: float


class HostileReport(Struct, frozen=True):
    """Connections that are open by kind, how many were opened again, and the answers of bombs by bomb and status."""

    held: Mapping[str, int]
    reopened: int
    bombs: Mapping[str, int]


class HostileClients:
    """Holds the connections and sends the bombs, until it is cancelled."""

    def __init__(self, task: HostileTask) -> None:
        self._task = task
        self._held: Counter[str] = Counter()
        self._bombs: Counter[str] = Counter()
        self._opened = 0

    def report(self) -> HostileReport:
        return HostileReport(dict(self._held), max(0, self._opened - self._task.slow), dict(self._bombs))

    async def run(self) -> None:
        kinds = list(self._kinds().items())
        async with asyncio.TaskGroup() as group:
            for number in range(self._task.slow):
                group.create_task(self._slow(number, *kinds[number % len(kinds)]))
            group.create_task(self._send_bombs(group))

    def _kinds(self) -> dict[str, Callable[[asyncio.StreamWriter], Coroutine[Any, Any, None]]]:
        post = self._head("POST", "/v1/batch") + f"Content-Length: {BODY}\r\n\r\n".encode()
        get = self._head("GET", "/openapi.json") + b"\r\n"

        async def idle(_: asyncio.StreamWriter) -> None:
            await asyncio.Event().wait()

        async def headers(writer: asyncio.StreamWriter) -> None:
            await _drip(writer, self._head("GET", "/") + b"X-Slow: ")

        async def body(writer: asyncio.StreamWriter) -> None:
            await _drip(writer, post)

        async def held_body(writer: asyncio.StreamWriter) -> None:
            await _drip(writer, post + b" " * (BODY - 1_000))

        async def reader(writer: asyncio.StreamWriter) -> None:
            writer.write(get * AHEAD)
            await asyncio.Event().wait()

        return {"idle": idle, "headers": headers, "body": body, "held body": held_body, "reader": reader}

    def _head(self, method: str, path: str) -> bytes:
        return (
            f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-OPECOM-Key: {self._task.key}\r\n"
            "Content-Type: application/json\r\n"
        ).encode()

    async def _slow(
        self, number: int, kind: str, behave: Callable[[asyncio.StreamWriter], Coroutine[Any, Any, None]]
    ) -> None:
        await asyncio.sleep(number / OPENED_PER_SECOND)
        while True:
            with contextlib.suppress(OSError):
                async with self._connected(number, small=kind == "reader") as (reader, writer):
                    self._opened += 1
                    self._held[kind] += 1
                    behaving = asyncio.create_task(behave(writer))
                    try:
                        if kind == "reader":
                            await asyncio.Event().wait()
                        while await reader.read(4096):
                            pass
                    finally:
                        self._held[kind] -= 1
                        behaving.cancel()
                        with contextlib.suppress(asyncio.CancelledError, OSError):
                            await behaving
            await asyncio.sleep(0.01)

    @contextlib.asynccontextmanager
    async def _connected(
        self, number: int, small: bool = False
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """A connection from the address of this number; `small`: its receiver takes as little as it can."""
        own = socket.socket()
        try:
            own.setblocking(False)
            if small:
                own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            host = number // PER_ADDRESS
            own.bind((f"127.9.{host // 250}.{host % 250 + 1}", 0))
            await asyncio.get_running_loop().sock_connect(own, ("127.0.0.1", self._task.port))
            reader, writer = await asyncio.open_connection(sock=own, limit=1 if small else 2**16)
        except BaseException:
            own.close()
            raise
        try:
            yield reader, writer
        finally:
            writer.transport.abort()

    async def _send_bombs(self, group: asyncio.TaskGroup) -> None:
        bombs = list(bombs_of(self._head("POST", "/v1/batch")).items())
        begin = time.monotonic()
        for number in count():
            await asyncio.sleep(max(0.0, begin + number / self._task.bombs_per_second - time.monotonic()))
            group.create_task(self._bomb(number, *bombs[number % len(bombs)]))

    async def _bomb(self, number: int, name: str, request: bytes) -> None:
        status = "no answer"
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(PATIENCE), self._connected(self._task.slow + number % 1_000) as (reader, writer):
                writer.write(request)
                status = (await reader.read(4096))[9:12].decode("latin-1") or status
        self._bombs[f"{name} {status}"] += 1


def bombs_of(head: bytes) -> dict[str, bytes]:
    """Requests that would take far more of a careless server than of their sender; `head` has no empty line yet."""

    def post(body: bytes, more: bytes = b"") -> bytes:
        return head + more + b"Content-Length: %d\r\n\r\n" % len(body) + body

    gzipped = b"Content-Encoding: gzip\r\n"
    spaces = gzip.compress(b'{"events":[' + b" " * 100_000_000)
    return {
        "gzip": post(spaces[:BODY], gzipped),
        "gzip of gzip": post(gzip.compress(spaces), gzipped),
        "nesting": post(b'{"sent_at":0,"events":' + b"[" * (BODY - 100)),
        "empty events": post(b'{"sent_at":0,"events":[' + b"{}," * ((BODY - 100) // 3) + b"{}]}"),
        "long number": post(b'{"sent_at":' + b"9" * (BODY - 100) + b"}"),
        "headers": head + b"X-Long: " + b"x" * 100_000 + b"\r\n\r\n",
    }


async def _drip(writer: asyncio.StreamWriter, first: bytes) -> None:
    writer.write(first)
    while True:
        await writer.drain()
        await asyncio.sleep(PAUSE)
        writer.write(b" ")


async def main(task: HostileTask) -> None:
    """Run until the process is ended."""
    clients = HostileClients(task)
    running = asyncio.create_task(clients.run())
    while not running.done():
        sys.stdout.write(msgspec.json.encode(clients.report()).decode() + "\n")
        sys.stdout.flush()
        await asyncio.wait([running], timeout=1)
    await running


if __name__ == "__main__":
    asyncio.run(main(msgspec.json.decode(sys.argv[1], type=HostileTask)))
