"""Secret keys as they are kept: what they are for, and of which sites. Knows nothing of requests."""

import hashlib
from dataclasses import dataclass
from typing import Literal, get_args

#: What a key may be for. read: scores, sessions, predictions. export: lists, statistics, the UCI export. personal: all
#: about a visitor, and forgetting it. admin: everything.
Scope = Literal["read", "export", "personal", "admin"]
#: Days after which a key may expire, at most.
MOST_DAYS = 3_650
SCOPES: tuple[Scope, ...] = get_args(Scope)


@dataclass(frozen=True, slots=True)
class SecretKey:
    """A key as it is kept: by the SHA-256 of its bytes. `sites` None: all sites, those to come as well.

    `expires_at`: from when on it opens nothing, seconds since 1970; None: it lasts until it is revoked.
    """

    name: str
    digest: bytes
    scopes: frozenset[Scope]
    sites: frozenset[str] | None = None
    expires_at: float | None = None

    @property
    def key_id(self) -> str:
        """Names the key where a text may be seen: nobody comes from it to the key."""
        return self.digest.hex()[:16]

    def opens(self, scope: Scope) -> bool:
        return scope in self.scopes or "admin" in self.scopes


def digest_of(key: str) -> bytes:
    """What is kept of a key."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
