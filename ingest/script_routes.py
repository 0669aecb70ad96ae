"""Serves the tracker's files: what caches may keep, and for how long."""

from fastapi import FastAPI, Request, Response

from ingest.script import Script, ScriptFile

#: A plain name follows the release within minutes; a pinned one has its content's hash in it.
PLAIN_CACHE = "public, max-age=600"
PINNED_CACHE = "public, max-age=31536000, immutable"


def add_script(app: FastAPI, script: Script) -> None:
    """Serve the files to pages of every origin: they are public, and the integrity attribute asks for CORS."""
    for path, file in script.plain.items():
        _add(app, path, file, PLAIN_CACHE, "The tracker, as this release has it")
    for path, file in script.pinned.items():
        # Not in the document: its names change with every release.
        _add(app, path, file, PINNED_CACHE, None)
    _add(app, f"{script.stem}.json", ScriptFile(script.manifest(), "application/json"), PLAIN_CACHE, "Names and hashes")


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
