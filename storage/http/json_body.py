"""The JSON body of a request, decoded into a struct."""

from typing import TypeVar

import msgspec
from fastapi import Request
from msgspec import Struct

from storage.http.access import require_json
from storage.http.errors import ReadError

#: Bytes of a request to change something: names, paths and short lists.
MOST_BYTES = 65_536

Requested = TypeVar("Requested", bound=Struct)


async def json_body(request: Request, kind: type[Requested]) -> Requested:
    """Raises ReadError: invalid for another type or a wrong field, too_large."""
    require_json(request.headers)
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BYTES:
            raise ReadError("too_large", f"body: a request has at most {MOST_BYTES:,} bytes")
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ReadError("invalid", f"body: {error}") from None
