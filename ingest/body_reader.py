"""Reads a request's body within its limits: as sent, after gzip, and in time."""

import asyncio
import zlib
from collections.abc import Mapping

from starlette.types import Receive

from ingest.errors import IngestError, RequestRefusedError
from ingest.pending_bodies import PendingBodies

#: sendBeacon sends text/plain, which needs no preflight; a body without a type is taken for JSON.
JSON_TYPES = frozenset({b"", b"application/json", b"text/plain"})
BODY_SECONDS = 15.0
#: A gzip body may always unpack to max_bytes; beyond that, to at most 50 times its size. Batches of events unpack to 10
#: to 25 times theirs.
MOST_RATIO = 50
#: Bytes of a body that cost as much as one event.
BYTES_PER_TOKEN = 1024
#: What whoever had to make room is answered.
BUSY = "too many bodies are on their way, and this one the longest (ingest.max_pending_body_bytes): send it again"
#: Bytes of all bodies that are on their way, where nobody sets a bound.
PENDING_BYTES = 64 * 1024 * 1024


def price(size: int) -> int:
    """The tokens of a body of so many bytes: those of the events that fit into it, if they are small."""
    return max(1, -(-size // BYTES_PER_TOKEN))


class ClientGoneError(IngestError):
    """The client hung up before its body was whole; there is nobody to answer."""


class BodyReader:
    """`max_bytes` of a body as sent, `max_decompressed` of one after gzip, `max_pending` of all under way."""

    def __init__(self, max_bytes: int, max_decompressed: int, max_pending: int = PENDING_BYTES) -> None:
        #: The tokens of a body that was refused for its size, or as no gzip: the most that looking at it can cost.
        self.price_of_refused = price(max_bytes)
        self._max_bytes = max_bytes
        self._max_decompressed = max_decompressed
        self.pending = PendingBodies(max_pending)

    async def read(self, headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
        """The whole body, decompressed.

        Raises RequestRefusedError (media_type, encoding, too_large, slow_body, unavailable) and ClientGoneError.
        """
        gzipped = _check_types(headers)
        body = await self.received(headers, receive)
        return decompress(body, self._at_most(body)) if gzipped else body

    def _at_most(self, body: bytes) -> int:
        """What a gzip body may open to: never less than a plain body may have."""
        return min(self._max_decompressed, max(self._max_bytes, MOST_RATIO * len(body)))

    async def received(self, headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
        """The whole body as it was sent, of any type.

        Raises RequestRefusedError (too_large, slow_body, unavailable) and ClientGoneError.
        """
        declared = headers.get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > self._max_bytes:
            raise self._too_large()
        parts: list[bytes] = []
        more = True
        try:
            async with asyncio.timeout(BODY_SECONDS) as limit:
                with self.pending.receiving(limit) as body:
                    while more:
                        message = await receive()
                        if message["type"] == "http.disconnect":
                            raise ClientGoneError
                        parts.append(message.get("body", b""))
                        body.grow(len(parts[-1]))
                        more = message.get("more_body", False)
                        if body.size > self._max_bytes:
                            raise self._too_large()
        except TimeoutError:
            if body.evicted:
                raise RequestRefusedError("unavailable", BUSY, 1) from None
            raise RequestRefusedError("slow_body", f"the body took more than {BODY_SECONDS:.0f} s to arrive") from None
        return b"".join(parts)

    def _too_large(self) -> RequestRefusedError:
        return RequestRefusedError(
            "too_large", f"the body has more than {self._max_bytes} bytes (ingest.max_body_bytes)"
        )


def _check_types(headers: Mapping[bytes, bytes]) -> bool:
    """Whether the body is gzipped; raises RequestRefusedError for other types and encodings."""
    kind, _, parameters = headers.get(b"content-type", b"").partition(b";")
    charset = parameters.strip().lower().replace(b'"', b"")
    if kind.strip().lower() not in JSON_TYPES or charset not in (b"", b"charset=utf-8", b"charset=utf8"):
        raise RequestRefusedError("media_type", "send JSON in UTF-8, with Content-Type application/json or text/plain")
    encoding = headers.get(b"content-encoding", b"identity").strip().lower()
    if encoding not in (b"identity", b"gzip"):
        raise RequestRefusedError("media_type", "send the body plain or with Content-Encoding gzip")
    return encoding == b"gzip"


def decompress(body: bytes, at_most: int) -> bytes:
    """One gzip member, unpacked only as far as `at_most` bytes: a bomb never gets to its size.

    Raises RequestRefusedError: too_large, or encoding when it is not gzip, is cut off, or more follows.
    """
    unpacker = zlib.decompressobj(wbits=31)
    too_large = RequestRefusedError(
        "too_large",
        f"the gzip body of {len(body)} bytes opens to more than {at_most} bytes (ingest.max_decompressed_bytes): "
        "send fewer events at once, or send them plain",
    )
    try:
        whole = unpacker.decompress(body, at_most + 1)
    except zlib.error:
        raise RequestRefusedError("encoding", "the body is not gzip, though Content-Encoding says so") from None
    if len(whole) > at_most:
        raise too_large
    if not unpacker.eof or unpacker.unused_data:
        raise RequestRefusedError("encoding", "the gzip body is cut off or has something behind it")
    return whole
