"""A TCP gate in front of a service: shut, it cuts every connection and lets no new one through."""

import asyncio
import contextlib
from collections.abc import AsyncIterator


class Gate:
    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self.port = 0

    async def open(self) -> None:
        """Listens on loopback, always on the same port."""
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def shut(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._open):
            writer.transport.abort()
        await self._server.wait_closed()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*self._target)
        self._open |= {writer, far_writer}
        try:
            await asyncio.wait(
                [asyncio.create_task(_copy(reader, far_writer)), asyncio.create_task(_copy(far_reader, writer))],
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            for each in (writer, far_writer):
                each.close()
                self._open.discard(each)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()


@contextlib.asynccontextmanager
async def gate(host: str, port: int) -> AsyncIterator[Gate]:
    """An open gate."""
    made = Gate(host, port)
    await made.open()
    try:
        yield made
    finally:
        await made.shut()
