"""A TCP proxy whose network fails on order: resets, black holes, slow links, half-open and one-way connections."""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine
from typing import Any, Literal

NetworkFault = Literal["reset", "black hole", "slow", "half-open", "one-way up", "one-way down"]
_Direction = Literal["up", "down"]
_PIECE = 64 * 1024
#: A slow link: bytes of one piece, and the seconds that it takes.
_SLOW_PIECE, _SLOW_SECONDS = 4 * 1024, 0.05


class FaultyProxy:
    """From `port` to `target`, both on loopback, in a thread of its own; its methods may be called from any thread.

    reset: connections are cut by RST, new ones at once. black hole: nothing passes, nothing is refused. slow: 80 kB/s.
    half-open: the server's side is closed and the client is not informed until `heal`. one-way: what goes up (to the
    server) or comes down is held. What is held passes after `heal`, as TCP would send it again.
    """

    def __init__(self, port: int, target: int) -> None:
        self.port = port
        self._target = target
        self._fault: NetworkFault | None = None
        self._healed = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"proxy-{port}", daemon=True)
        self._server: asyncio.Server | None = None

    def start(self) -> None:
        """Raises OSError where the port is taken."""
        self._thread.start()
        self._call(self._listen())

    def stop(self) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def fail(self, fault: NetworkFault) -> None:
        self._call(self._fail(fault))

    def heal(self) -> None:
        self._call(self._heal())

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    async def _listen(self) -> None:
        self._healed.set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=_PIECE)

    async def _close(self) -> None:
        self._healed.set()
        self._fault = None
        if self._server is not None:
            self._server.close()
        self._reset_all()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _fail(self, fault: NetworkFault) -> None:
        self._fault = fault
        self._healed.clear()
        if fault == "reset":
            self._reset_all()

    async def _heal(self) -> None:
        was, self._fault = self._fault, None
        self._healed.set()
        if was == "half-open":
            self._reset_all()

    def _reset_all(self) -> None:
        for writer in list(self._writers):
            _reset(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        upstream: asyncio.StreamWriter | None = None
        try:
            if self._fault == "reset":
                _reset(writer)
                return
            if self._fault in ("black hole", "half-open"):
                await self._healed.wait()
            answers, upstream = await asyncio.open_connection("127.0.0.1", self._target, limit=_PIECE)
            self._writers.add(upstream)
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._pump(reader, upstream, "up"))
                pumps.create_task(self._pump(answers, writer, "down"))
        except* (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            for each in filter(None, (writer, upstream)):
                self._writers.discard(each)
                each.close()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, direction: _Direction) -> None:
        while piece := await source.read(_PIECE):
            await self._pass(piece, sink, direction)
        with contextlib.suppress(OSError):
            sink.write_eof()

    async def _pass(self, piece: bytes, sink: asyncio.StreamWriter, direction: _Direction) -> None:
        if self._fault in ("black hole", "half-open", f"one-way {'down' if direction == 'up' else 'up'}"):
            await self._healed.wait()
        while self._fault == "slow" and piece:
            sink.write(piece[:_SLOW_PIECE])
            piece = piece[_SLOW_PIECE:]
            await asyncio.sleep(_SLOW_SECONDS)
        sink.write(piece)
        await sink.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close by RST, as a host does that has lost the connection."""
    found: socket.socket | None = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        if found is not None:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
