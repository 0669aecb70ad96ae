"""Digests of forgotten visitors, made with secret keys: without the key nobody can try who a digest stands for.

A key is known by its id, which is made from the key itself, so that no other key can pass for it. The first key makes
new digests, all of them know again what was made with them. Without keys digests are plain ones, as they were at first.
Pure.
"""

import hmac
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256

from ingest.events import base_site

#: The id that stands for no key.
NO_KEY = ""
#: Hexadecimal digits of an id.
ID_LENGTH = 16


class ErasureKeys:
    """The keys of a system, by their ids; equal to another with the same keys in the same order."""

    def __init__(self, secrets: Sequence[bytes] = ()) -> None:
        self._keys = {key_id_of(secret): secret for secret in secrets} | {NO_KEY: b""}

    @property
    def newest(self) -> str:
        """The id of the key that makes new digests; NO_KEY where there is none."""
        return next(iter(self._keys))

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all keys and NO_KEY, that of the newest first."""
        return tuple(self._keys)

    def __contains__(self, key_id: str) -> bool:
        return key_id in self._keys

    def visitor_digest(self, site: str, visitor_id: str, key_id: str | None = None) -> str:
        """What stands for a visitor of a site, by this key or the newest; raises KeyError for one that is not here."""
        return self._digest("visitor", site, visitor_id, key_id)

    def session_digest(self, site: str, session_id: str, key_id: str | None = None) -> str:
        """What stands for all sessions of an id, whoever took part in them; as `visitor_digest`."""
        return self._digest("session", site, session_id, key_id)

    def visitor_digests(self, site: str, visitor_id: str) -> list[str]:
        """Those of every key, the newest first."""
        return [self.visitor_digest(site, visitor_id, key_id) for key_id in self._keys]

    @lru_cache(maxsize=1 << 14)  # noqa: B019 - a process has one of them, for as long as it runs
    def digests_of(self, site: str, session_id: str, visitor_id: str, key_ids: tuple[str, ...]) -> frozenset[str]:
        """The digests, by these keys, under which an event of this visitor in this session may be forgotten."""
        return frozenset(
            digest
            for key_id in key_ids
            for name in {site, base_site(site)}
            for digest in (self.visitor_digest(name, visitor_id, key_id), self.session_digest(name, session_id, key_id))
        )

    def _digest(self, kind: str, site: str, name: str, key_id: str | None) -> str:
        key, message = self._keys[self.newest if key_id is None else key_id], f"{kind}/{site}/{name}".encode()
        return hmac.digest(key, message, "sha256").hex() if key else sha256(message).hexdigest()


def key_id_of(secret: bytes) -> str:
    """The id of a key, which does not tell it."""
    return hmac.digest(secret, b"op-ecom erasure key", "sha256").hex()[:ID_LENGTH]
