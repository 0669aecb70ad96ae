"""Who is to be forgotten: digests of visitors and of sessions, as the topic `erasures` has them, and who is meant.

The topic has one partition and is kept for ever. A digest keeps a visitor out without saying who it was. A site stands
for its runs as well: whoever is forgotten on `uci` is forgotten on `uci~k3f9`. Pure: reading the topic is
stream/kafka/erasures_topic.py.
"""

from collections.abc import Collection
from functools import lru_cache
from hashlib import sha256

import msgspec
from msgspec import Struct

from ingest.events import Digest, Millis, base_site


class ErasureRecord(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """One record of `erasures`: the digest of what is forgotten, and when that was asked for, in ms UTC.

    Folds leave it out from the first record on; what stores the log waits for the second, which says that it is
    `settled` in which sessions a visitor took part: until then its events must be there to tell.
    """

    digest: Digest
    asked_at: Millis
    settled: bool = False


_decoder = msgspec.json.Decoder(ErasureRecord)
_encoder = msgspec.json.Encoder()


def encode(record: ErasureRecord) -> bytes:
    return _encoder.encode(record)


def visitor_digest(site: str, visitor_id: str) -> str:
    """What stands for a visitor of a site."""
    return _digest("visitor", site, visitor_id)


def session_digest(site: str, session_id: str) -> str:
    """What stands for all sessions of an id, whoever took part in them."""
    return _digest("session", site, session_id)


@lru_cache(maxsize=1 << 14)
def digests_of(site: str, session_id: str, visitor_id: str) -> frozenset[str]:
    """The digests under which an event of this visitor in this session may be forgotten."""
    return frozenset(
        digest
        for name in {site, base_site(site)}
        for digest in (visitor_digest(name, visitor_id), session_digest(name, session_id))
    )


class Erasures:
    """All that is forgotten, as far as the topic is read. `version` is how far that is: one more than the offset."""

    def __init__(self, digests: Collection[str] = ()) -> None:
        self.version = len(digests)
        #: Records read; grows while the topic is being read.
        self.records = len(digests)
        self.digests: set[str] = set(digests)
        self._settled: set[str] = set(digests)

    def take(self, offset: int, value: bytes) -> None:
        """Take the record at `offset` of the topic; raises msgspec.DecodeError."""
        self.records += 1
        self.version = offset + 1
        record = _decoder.decode(value)
        self.digests.add(record.digest)
        if record.settled:
            self._settled.add(record.digest)

    def is_erased(self, site: str, session_id: str, visitor_id: str) -> bool:
        """Whether folds leave out events of this visitor in this session."""
        return bool(self.digests) and not self.digests.isdisjoint(digests_of(site, session_id, visitor_id))

    def sessions_known(self, site: str, session_id: str, visitor_id: str) -> bool:
        """Whether an erasure of this visitor or session is settled: now stored events must be redacted as well."""
        return bool(self._settled) and not self._settled.isdisjoint(digests_of(site, session_id, visitor_id))


def _digest(kind: str, site: str, name: str) -> str:
    return sha256(f"{kind}/{site}/{name}".encode()).hexdigest()
