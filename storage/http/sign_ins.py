"""What a browser holds once somebody has signed in with a secret key: a signed text; nothing is stored.

It names the key by its SHA-256, so a key that is given up ends its sign-ins at once, and its scopes and sites are
those that it has now.
"""

import hmac
import secrets
from collections.abc import Callable

from ingest.tokens import signature
from storage.http.errors import ReadError
from storage.http.secret_keys import SecretKey

#: How a sign-in begins, which no secret key does.
PREFIX = "ops_"
#: How long one holds, in seconds.
SECONDS = 8 * 3_600
_SIGN_IN, _CSRF = b"opecom sign-in ", b"opecom csrf "


class SignIns:
    """`now` gives the time in seconds since 1970. Processes of one secret read each other's sign-ins."""

    def __init__(self, secret: bytes, now: Callable[[], float], seconds: int = SECONDS) -> None:
        self._secret = secret
        self._now = now
        self.seconds = seconds

    def issue(self, key: SecretKey) -> str:
        """A new sign-in of this key: `ops_`, when it ends, the key's digest, a salt, and the signature of these."""
        text = f"{int(self._now()) + self.seconds}.{key.digest.hex()}.{secrets.token_urlsafe(6)}"
        return f"{PREFIX}{text}.{signature(self._secret, _SIGN_IN, text)}"

    def digest(self, sign_in: str) -> bytes | None:
        """The digest of its key, None unless it was signed here; raises ReadError(wrong_token) where it has ended."""
        text, _, signed = sign_in.removeprefix(PREFIX).rpartition(".")
        if not hmac.compare_digest(signature(self._secret, _SIGN_IN, text).encode(), signed.encode("utf-8", "replace")):
            return None
        ends, digest, _ = text.split(".", 2)
        if int(ends) <= self._now():
            raise ReadError("wrong_token", "this sign-in has ended: sign in again")
        return bytes.fromhex(digest)

    def csrf(self, sign_in: str) -> str:
        """What a change has to bring beside the cookie: a page of another origin cannot read it."""
        return signature(self._secret, _CSRF, sign_in)
