"""Answers of the query API: how they are encoded, and how a route documents them."""

from typing import Any

import msgspec
from fastapi import Response
from msgspec import Struct

from storage.http.errors import STATUS, ErrorAnswer, ReadCode

REF = "#/components/schemas/{name}"
#: The `content` of an answer that streams.
EVENT_STREAM = {"text/event-stream": {"schema": {"type": "string"}}}


def answered(answer: type[Struct], *refusals: ReadCode) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that answers so, or refuses so; keys and bad parameters are refused everywhere."""
    return {200: {"description": "Found.", "content": _json(answer)}} | refused_with(*refusals)


def made(answer: type[Struct], *refusals: ReadCode) -> dict[int | str, dict[str, Any]]:
    """The same for a route that makes something, and answers 201."""
    documented = answered(answer, *refusals)
    documented[201] = documented.pop(200) | {"description": "Made."}
    return documented


def takes(request: type[Struct]) -> dict[str, Any]:
    """The `openapi_extra` of a route whose body is this struct."""
    return {"requestBody": {"required": True, "content": _json(request)}}


def refused_with(*refusals: ReadCode) -> dict[int | str, dict[str, Any]]:
    """The refusals among the `responses` of a route."""
    by_status: dict[int, list[str]] = {}
    for code in ("no_key", "wrong_key", "wrong_scope", "invalid", "rate", *refusals):
        by_status.setdefault(STATUS[code], []).append(code)
    return {
        status: {"description": ", ".join(codes), "content": _json(ErrorAnswer)}
        for status, codes in sorted(by_status.items())
    }


def refused(status: int, description: str) -> dict[int | str, dict[str, Any]]:
    """The one refusal of a route that takes neither a key nor parameters."""
    return {status: {"description": description, "content": _json(ErrorAnswer)}}


def _json(answer: type[Struct]) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": REF.format(name=answer.__name__)}}}


def unkept(answer: Struct, status: int = 200) -> Response:
    """An answer that no cache keeps, as it may show a key or a visitor."""
    return Response(encode(answer), status, media_type="application/json", headers={"Cache-Control": "no-store"})


def encode(answer: Struct) -> bytes:
    return _encoder.encode(answer)


_encoder = msgspec.json.Encoder()
