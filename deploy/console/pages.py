"""The console's pages as Next.js exported them, each with a policy that runs its own scripts and no others."""

import base64
import hashlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles
from starlette.types import Message, Receive, Scope, Send

from deploy.console.build import BuildState

#: A script within the page; those with a source are the server's own.
_INLINE = re.compile(rb"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.DOTALL)
_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


class ConsolePages:
    """Serves the files of `folder` once they are there; until then each address is a page that says what is missing.

    `state` is how the build is. Files with a hash in their names may be kept for ever, all others are asked again.
    """

    def __init__(self, folder: Path, state: Callable[[], BuildState]) -> None:
        self._folder = folder
        self._files = StaticFiles(directory=folder, html=True, check_dir=False)
        self._state = state
        self._policies: dict[tuple[str, int], str] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        folder = self._folder
        if not (folder / "index.html").is_file():
            page = HTMLResponse(_missing_page(self._state()), 503, {"retry-after": "5"})
            await page(scope, receive, self._guarded(send, _policy(()), "no-store"))
            return
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        kept = "public, max-age=31536000, immutable" if path.startswith("/_next/static/") else "no-cache"
        guarded = self._guarded(send, self._policy_of(folder, path), kept)
        await self._files(scope, receive, guarded)

    def _policy_of(self, folder: Path, path: str) -> str:
        """The policy of this address's page, which allows its inline scripts by their hashes."""
        file = folder / path.strip("/") / "index.html"
        if not file.is_file():
            file = folder / "404.html"
        known = (str(file), file.stat().st_mtime_ns)
        if known not in self._policies:
            hashes = [hashlib.sha256(text).digest() for text in _INLINE.findall(file.read_bytes())]
            self._policies[known] = _policy([f"'sha256-{base64.b64encode(each).decode()}'" for each in hashes])
        return self._policies[known]

    @staticmethod
    def _guarded(send: Send, policy: str, kept: str) -> Send:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                found = {**_HEADERS, "content-security-policy": policy, "cache-control": kept}
                MutableHeaders(scope=message).update(found)
            await send(message)

        return guarded


def _policy(scripts: Sequence[str]) -> str:
    return "; ".join(
        (
            "default-src 'none'",
            " ".join(("script-src 'self'", *scripts)),
            "connect-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            "font-src 'self'",
            "manifest-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


def _missing_page(state: BuildState) -> str:
    refresh = '<meta http-equiv="refresh" content="3">' if state.is_running else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<meta name="color-scheme" content="light dark">{refresh}<title>OP-ECOM console</title></head>'
        f"<body><h1>OP-ECOM console</h1><p>{state.text}</p></body></html>"
    )
