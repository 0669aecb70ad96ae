"""A server that the ingest API passes requests on to, and the ingest API before it, both on sockets."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
from fastapi import FastAPI, Request, Response
from pydantic import BaseModel
from starlette.responses import StreamingResponse

from deploy.http.serve import serve
from deploy.processes.ports import listen
from deploy.settings.model import IngestSettings, Settings
from deploy.wiring import ingest
from ingest.publish import ListPublisher
from tests.support.ingest_app import READ_KEY
from tests.support.ports import free_port

PART = b"0123456789abcdef" * 4096


class ErrorAnswer(BaseModel):
    """Has the name of a schema of the ingest API."""

    of_the_other: str


class Other:
    """What answers at and below /admin; `made` counts the bytes of the large answer, `left` is set when a client of
    the endless one is gone.
    """

    def __init__(self) -> None:
        self.made = 0
        self.left = asyncio.Event()
        self.app = FastAPI()
        methods = ["GET", "POST", "DELETE", "OPTIONS", "HEAD"]
        self.app.api_route("/admin/echo/{path:path}", methods=methods, include_in_schema=False)(self._echo)
        self.app.get("/admin/large")(self._large)
        self.app.get("/admin/endless")(self._endless)
        self.app.get("/admin/cut")(self._cut)
        self.app.get("/admin/typed/{number}", response_model=ErrorAnswer)(self._echo)
        self.app.get("/admin/kept")(self._kept)
        self.app.get("/secret")(self._echo)

    async def _echo(self, request: Request) -> Response:
        told = {
            "method": request.method,
            "path": request.scope["raw_path"].decode(),
            "query": request.scope["query_string"].decode(),
            "headers": [[name.decode(), value.decode()] for name, value in request.scope["headers"]],
            "body": len(await request.body()),
        }
        answer = httpx.Response(418, json=told)
        headers = {"access-control-allow-origin": "*", "x-own": "kept", "content-type": "application/json"}
        return Response(answer.content, 418, headers)

    async def _kept(self, request: Request) -> Response:
        """For who sends the key `right`."""
        return Response(status_code=200 if request.headers.get("x-opecom-key") == "right" else 401)

    async def _large(self, parts: int) -> Response:
        async def body() -> AsyncIterator[bytes]:
            for _ in range(parts):
                self.made += len(PART)
                yield PART

        return StreamingResponse(body(), media_type="text/csv")

    async def _endless(self) -> Response:
        async def body() -> AsyncIterator[bytes]:
            try:
                yield b"begun"
                await asyncio.Event().wait()
            finally:
                self.left.set()

        return StreamingResponse(body())

    async def _cut(self) -> Response:
        async def body() -> AsyncIterator[bytes]:
            yield b"begun"
            raise ConnectionError

        return StreamingResponse(body())


@contextlib.asynccontextmanager
async def served(app: Any) -> AsyncIterator[int]:
    """The application on a port of this machine."""
    stop, listener = asyncio.Event(), listen("127.0.0.1", 0)
    serving = asyncio.create_task(serve(app, "127.0.0.1", 0, stop, listener=listener))
    try:
        yield listener.getsockname()[1]
    finally:
        stop.set()
        await asyncio.wait_for(serving, 90)


@contextlib.asynccontextmanager
async def before(port: int | None = None, **of_ingest: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an ingest API that passes on to `port`; None: to nobody."""
    url = f"http://127.0.0.1:{port or free_port()}"
    given = Settings(ingest=IngestSettings(api_url=url, **of_ingest), api={"read_keys": [READ_KEY]})
    app = ingest.app(given, ListPublisher())
    try:
        async with (
            served(app) as own,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{own}", timeout=90) as client,
        ):
            yield client
    finally:
        await app.close()
