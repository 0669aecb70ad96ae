"""Short-lived tokens that open streams where a browser cannot send a header: `EventSource` takes only a URL.

A token says until when it holds and of which sites it hears, signed with HMAC-SHA-256; nothing is stored.
"""

import hmac
import secrets
from collections.abc import Callable, Collection

from ingest.tokens import Token, signature
from storage.http.errors import ReadError


class Tokens:
    """`now` tells the time in seconds since 1970."""

    def __init__(self, secret: bytes, seconds: int, now: Callable[[], float]) -> None:
        self._secret = secret
        self._seconds = seconds
        self._now = now

    def issue(self, sites: Collection[str] | None = None) -> Token:
        """A new token for these sites; None: for all."""
        ends = int(self._now()) + self._seconds
        # Two tokens of one second differ, so that a log line tells them apart.
        text = f"{ends}.{secrets.token_urlsafe(6)}"
        if sites is not None:
            # No site's own name has a "~".
            text += f".{'~'.join(sorted(sites))}"
        return Token(f"{text}.{self._signature(text)}", ends * 1000, self._seconds)

    def check(self, token: str) -> frozenset[str] | None:
        """The sites of this token, None: all; raises ReadError(wrong_token) unless it is ours and still holds."""
        text, _, signature = token.rpartition(".")
        if not hmac.compare_digest(self._signature(text).encode(), signature.encode()):
            raise ReadError("wrong_token", "this token was not made here: POST /intents/token makes one")
        if int(text.partition(".")[0]) <= self._now():
            raise ReadError("wrong_token", "this token has expired: POST /intents/token makes a new one")
        _, _, *named = text.split(".", 2)
        return frozenset(filter(None, named[0].split("~"))) if named else None

    def _signature(self, text: str) -> str:
        return signature(self._secret, b"opecom stream ", text)
