"""Short-lived tokens, signed with HMAC-SHA-256; nothing is stored. That of a session opens its intent to a browser,
which cannot send a header with `EventSource`, and nothing else.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Callable
from typing import Literal

import msgspec
from msgspec import Struct

from ingest.errors import IngestError

#: How much of an intent a page may show: everything, or neither reasons nor features nor counts.
Shown = Literal["all", "band"]

_SESSION = b"opecom session "


class Token(Struct, frozen=True):
    """`expires_at` in ms UTC, `expires_in` in seconds."""

    token: str
    expires_at: int
    expires_in: int


class TokenError(IngestError):
    """Not a token of ours, or none any more; the text is one line for a person."""


class Claim(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a session's token says: `expires_at` in seconds since 1970; `salt` lets two tokens of one second differ."""

    site: str
    session_id: str
    shown: Shown
    expires_at: int
    salt: str


class SessionTokens:
    """`now` tells the time in seconds since 1970. Who reads a token has the secret of who issued it."""

    def __init__(self, secret: bytes, seconds: int, now: Callable[[], float]) -> None:
        self._secret = secret
        self._seconds = seconds
        self._now = now

    def issue(self, site: str, session_id: str, shown: Shown) -> Token:
        ends = int(self._now()) + self._seconds
        claim = Claim(site, session_id, shown, ends, secrets.token_urlsafe(6))
        text = base64.urlsafe_b64encode(msgspec.json.encode(claim)).decode().rstrip("=")
        return Token(f"{text}.{signature(self._secret, _SESSION, text)}", ends * 1000, self._seconds)

    def read(self, token: str) -> Claim:
        """What a token says; raises TokenError unless it is ours and still holds."""
        text, _, signed = token.rpartition(".")
        if not hmac.compare_digest(signature(self._secret, _SESSION, text).encode(), signed.encode()):
            raise TokenError("this token was not made here: POST /tracker/intent/token makes one")
        try:
            claim = msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=Claim)
        except (binascii.Error, msgspec.DecodeError):
            raise TokenError("this token is of another version: POST /tracker/intent/token makes a new one") from None
        if claim.expires_at <= self._now():
            raise TokenError("this token has expired: POST /tracker/intent/token makes a new one")
        return claim


def signature(secret: bytes, purpose: bytes, text: str) -> str:
    """Of one purpose alone: a token that was made for another does not fit."""
    digest = hmac.digest(secret, purpose + text.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
