"""The demonstration shop as it is served: files as they are, one page for all addresses, nothing from elsewhere.

The sources in web/shop run in a browser without a build; only the tracker's tag is filled in here.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deploy.errors import SetupError

_PACKAGE = Path(__file__).parents[1]
#: Where the files are: in an installed wheel, and in the source tree.
_FOLDERS = (_PACKAGE / "web" / "shop", _PACKAGE.parent / "web" / "shop")
#: The tag of web/shop/index.html, which Vite fills in by itself.
_TAG = re.compile(r'<script async src="%VITE_[^>]*></script>')


def folder() -> Path:
    """The folder of the shop's files; raises SetupError where this installation has none."""
    for each in _FOLDERS:
        if (each / "index.html").is_file():
            return each
    raise SetupError("the shop's files are not in this installation: install the wheel of op-ecom again")


def page(files: Path, tag: str) -> str:
    """The page of every address, with the tag of the tracker; raises ValueError where it has no place for one."""
    text, places = _TAG.subn(lambda _: tag, (files / "index.html").read_text(encoding="utf-8"))
    if places != 1:
        raise ValueError(f"index.html has {places} places for the tracker's tag instead of one")
    return text


def create_app(
    files: Path, html: Callable[[], str], ingest: str, inline: str, more: Sequence[BaseRoute] = ()
) -> Starlette:
    """The shop over `files`, whose page is `html()` now; `more` are further routes.

    Its pages may speak to the server `ingest` and to no other, and run the one inline script whose hash is `inline`.
    """
    public = StaticFiles(directory=files / "public")

    async def shown(request: Request) -> Response:
        path = request.path_params["path"]
        # What has no name of a file is an address of the page, which knows them.
        if "." in path.rpartition("/")[2]:
            return await public.get_response(path, request.scope)
        return HTMLResponse(html())

    folders = [Mount(f"/{name}", StaticFiles(directory=files / name)) for name in ("src", "styles")]
    guard = Middleware(_Guarded, _headers(ingest, inline))
    return Starlette(routes=[*more, *folders, Route("/{path:path}", shown)], middleware=[guard])


def _headers(ingest: str, inline: str) -> dict[str, str]:
    parts = urlsplit(ingest)
    server = f"{parts.scheme}://{parts.netloc}"
    policy = {
        "default-src": "'none'",
        "script-src": f"'self' {inline} {server}",
        "connect-src": server,
        "style-src": "'self'",
        "img-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
    }
    return {
        "content-security-policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "x-content-type-options": "nosniff",
        "referrer-policy": "strict-origin-when-cross-origin",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        # The files have no versions in their names.
        "cache-control": "no-cache",
    }


class _Guarded:
    """Adds the headers to every answer, refusals too."""

    def __init__(self, app: ASGIApp, headers: dict[str, str]) -> None:
        self._app = app
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._headers)
            await send(message)

        await self._app(scope, receive, guarded)
