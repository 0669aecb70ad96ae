"""Short-lived tokens that open streams where a browser cannot send a header: `EventSource` takes only a URL.

A token says until when it holds, of which key it is and of which sites it hears, signed with HMAC-SHA-256; nothing is
stored.
"""

import hmac
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass

from ingest.tokens import Token, signature
from storage.http.errors import ReadError


@dataclass(frozen=True, slots=True)
class StreamClaim:
    """Of which sites a token hears (None: all), and of which key it is ("": of none)."""

    sites: frozenset[str] | None
    key_id: str


class Tokens:
    """`now` tells the time in seconds since 1970."""

    def __init__(self, secret: bytes, seconds: int, now: Callable[[], float]) -> None:
        self._secret = secret
        self._seconds = seconds
        self._now = now

    def issue(self, sites: Collection[str] | None = None, key_id: str = "") -> Token:
        """A new token for these sites, None: for all; and of this key, "": of none."""
        ends = int(self._now()) + self._seconds
        # Two tokens of one second differ, so that a log line tells them apart.
        text = f"{ends}.{secrets.token_urlsafe(6)}{'~' if key_id else ''}{key_id}"
        if sites is not None:
            # No site's own name has a "~".
            text += f".{'~'.join(sorted(sites))}"
        return Token(f"{text}.{self._signature(text)}", ends * 1000, self._seconds)

    def check(self, token: str) -> StreamClaim:
        """What this token says; raises ReadError(wrong_token) unless it is ours and still holds."""
        text, _, signature = token.rpartition(".")
        if not hmac.compare_digest(self._signature(text).encode(), signature.encode()):
            raise ReadError("wrong_token", "this token was not made here: POST /intents/token makes one")
        if int(text.partition(".")[0]) <= self._now():
            raise ReadError("wrong_token", "this token has expired: POST /intents/token makes a new one")
        _, salted, *named = text.split(".", 2)
        sites = frozenset(filter(None, named[0].split("~"))) if named else None
        return StreamClaim(sites, salted.partition("~")[2])

    def _signature(self, text: str) -> str:
        return signature(self._secret, b"opecom stream ", text)
