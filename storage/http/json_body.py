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


async def json_body(
    request: Request, kind: type[Requested], what: str = "a request", most: int = MOST_BYTES
) -> Requested:
    """The body, of at most `most` bytes; raises ReadError: invalid for another type or a wrong field, too_large.

    `what` is how a refusal calls it.
    """
    require_json(request.headers)
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > most:
            raise ReadError("too_large", f"body: {what} has at most {most:,} bytes")
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ReadError("invalid", f"body: {error}") from None
