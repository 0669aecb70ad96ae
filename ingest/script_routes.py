"""Serves the tracker's files: what caches may keep, and for how long."""

from typing import Any

from fastapi import FastAPI, Request, Response

from ingest.script import TYPESCRIPT, Script, ScriptFile

#: A plain name follows the release within minutes; a pinned one has its content's hash in it.
PLAIN_CACHE = "public, max-age=600"
PINNED_CACHE = "public, max-age=31536000, immutable"


#: Operation ids of the plain names in the document, by what follows the script's own stem.
_OPERATIONS = {
    ".js": "getTrackerScript",
    ".mjs": "getTrackerModule",
    ".d.ts": "getTrackerTypes",
    ".stub.js": "getTrackerStub",
    ".private.mjs": "getTrackerPrivateModule",
    ".intent.mjs": "getTrackerIntentModule",
    ".domains.mjs": "getTrackerDomainsModule",
    ".commerce.mjs": "getTrackerCommerceModule",
    ".datalayer.mjs": "getTrackerDatalayerModule",
    ".locks.mjs": "getTrackerLocksModule",
    ".assignment.mjs": "getTrackerAssignmentModule",
    ".model.mjs": "getTrackerModelModule",
    ".fold.mjs": "getTrackerFoldModule",
    ".site.mjs": "getTrackerSiteModule",
    ".prior.mjs": "getTrackerPriorModule",
}


def add_script(app: FastAPI, script: Script) -> None:
    """Serve the files to pages of every origin: they are public, and the integrity attribute asks for CORS."""
    for path, file in script.plain.items():
        name = _OPERATIONS[path.removeprefix(script.stem)]
        _add(app, path, file, PLAIN_CACHE, "The tracker, as this release has it", name)
    for path, file in script.pinned.items():
        # Not in the document: its names change with every release.
        _add(app, path, file, PINNED_CACHE, None, None)
    manifest = ScriptFile(script.manifest(), "application/json")
    _add(app, f"{script.stem}.json", manifest, PLAIN_CACHE, "Names and hashes", "getTrackerManifest")


def _add(app: FastAPI, path: str, file: ScriptFile, cache: str, summary: str | None, operation_id: str | None) -> None:
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

    media_type = file.media_type.partition(";")[0]
    content: dict[str, Any] = {"description": f"The file, as {media_type}."}
    # Generators of clients leave an answer out whose type they do not know.
    if media_type != TYPESCRIPT.partition(";")[0]:
        schema = {"type": "string"} if media_type.startswith("text/") else {"type": "object"}
        content = content | {"content": {media_type: {"schema": schema}}}
    app.add_api_route(
        path,
        answer,
        methods=["GET"],
        summary=summary,
        tags=["tracker"],
        response_class=Response,
        responses={200: content, 304: {"description": "What the client has is current."}},
        operation_id=operation_id,
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
