"""The tracker's files as they are served: plain ones that follow the release, pinned ones that never change.

The files in ingest/static are what browsers get; nothing is built or made smaller on the way.
"""

import base64
import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files

import msgspec
from fastapi import FastAPI, Request, Response

#: A plain name follows the release within minutes; a pinned one has its content's hash in it.
PLAIN_CACHE = "public, max-age=600"
PINNED_CACHE = "public, max-age=31536000, immutable"
JAVASCRIPT = "text/javascript; charset=utf-8"
TYPESCRIPT = "application/typescript; charset=utf-8"


@dataclass(frozen=True)
class ScriptFile:
    """One file and what its tag needs: `integrity` is for the attribute of that name, `digest` for its pinned name."""

    content: bytes
    media_type: str = JAVASCRIPT

    @cached_property
    def gzipped(self) -> bytes:
        return gzip.compress(self.content, 9, mtime=0)

    @cached_property
    def digest(self) -> str:
        return hashlib.sha256(self.content).hexdigest()[:12]

    @cached_property
    def integrity(self) -> str:
        return "sha384-" + base64.b64encode(hashlib.sha384(self.content).digest()).decode()


@dataclass(frozen=True, slots=True)
class Script:
    """The classic script, the same as an ES module, and the module's types, beside each other under one name.

    `path` is where the script is, /static/tracker.js: whoever renames it renames all of them.
    """

    path: str
    script: ScriptFile
    module: ScriptFile
    types: ScriptFile

    @property
    def stem(self) -> str:
        return self.path.removesuffix(".js")

    @property
    def pinned_path(self) -> str:
        return f"{self.stem}.{self.script.digest}.js"

    @property
    def pinned_module_path(self) -> str:
        return f"{self.stem}.{self.module.digest}.mjs"

    @property
    def plain(self) -> Mapping[str, ScriptFile]:
        return {self.path: self.script, f"{self.stem}.mjs": self.module, f"{self.stem}.d.ts": self.types}

    @property
    def pinned(self) -> Mapping[str, ScriptFile]:
        return {self.pinned_path: self.script, self.pinned_module_path: self.module}

    def described(self) -> bytes:
        """The names and hashes as JSON, for programs that write pages."""
        return msgspec.json.encode(
            {
                "script": {"path": self.path, "pinned": self.pinned_path, "integrity": self.script.integrity},
                "module": {
                    "path": f"{self.stem}.mjs",
                    "pinned": self.pinned_module_path,
                    "integrity": self.module.integrity,
                },
            }
        )


def read(path: str) -> Script:
    """The tracker of this release, to be served as `path`."""
    folder = files("ingest") / "static"
    script = (folder / "tracker.js").read_bytes()
    module = script + (folder / "exports.mjs").read_bytes()
    return Script(
        path, ScriptFile(script), ScriptFile(module), ScriptFile((folder / "tracker.d.ts").read_bytes(), TYPESCRIPT)
    )


def add_script(app: FastAPI, script: Script) -> None:
    """Serve the files to pages of every origin: they are public, and the integrity attribute asks for CORS."""
    for path, file in script.plain.items():
        _add(app, path, file, PLAIN_CACHE, "The tracker, as this release has it")
    for path, file in script.pinned.items():
        # Not in the document: its names change with every release.
        _add(app, path, file, PINNED_CACHE, None)
    _add(
        app, f"{script.stem}.json", ScriptFile(script.described(), "application/json"), PLAIN_CACHE, "Names and hashes"
    )


def _add(app: FastAPI, path: str, file: ScriptFile, cache: str, summary: str | None) -> None:
    # Weak, as the bytes differ with the encoding.
    tag = f'W/"{file.digest}"'
    headers = {
        "cache-control": cache,
        "etag": tag,
        "vary": "accept-encoding",
        "access-control-allow-origin": "*",
        "cross-origin-resource-policy": "cross-origin",
        "x-content-type-options": "nosniff",
    }

    async def answer(request: Request) -> Response:
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        if takes_gzip(request.headers.get("accept-encoding", "")):
            return Response(file.gzipped, 200, headers | {"content-encoding": "gzip"}, file.media_type)
        return Response(file.content, 200, headers, file.media_type)

    content = {"content": {file.media_type.partition(";")[0]: {}}, "description": "The file."}
    app.add_api_route(
        path,
        answer,
        methods=["GET"],
        summary=summary,
        tags=["tracker"],
        response_class=Response,
        responses={200: content, 304: {"description": "What the client has is current."}},
        operation_id=path.strip("/").replace("/", "_"),
        include_in_schema=summary is not None,
    )
    app.add_api_route(path, answer, methods=["HEAD"], include_in_schema=False)


def takes_gzip(accept_encoding: str) -> bool:
    """Whether an Accept-Encoding header names gzip, and not to refuse it."""
    for part in accept_encoding.split(","):
        name, _, weight = part.strip().lower().partition(";")
        if name.strip() == "gzip":
            return weight.strip().replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
