"""Who is to be forgotten: digests of visitors and of sessions, as the topic `erasures` has them, and who is meant.

The topic has one partition and is kept for ever. A digest keeps a visitor out without saying who it was; how one is
made, with a key or without, is in stream/fold/erasure_keys.py. A site stands for its runs as well: whoever is forgotten
on `uci` is forgotten on `uci~k3f9`. Pure: reading the topic is stream/kafka/erasures_topic.py.
"""

from collections.abc import Collection
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from ingest.events import Digest, Millis
from stream.errors import StreamError
from stream.fold.erasure_keys import NO_KEY, ErasureKeys

_PLAIN = ErasureKeys()


class ErasureKeyError(StreamError):
    """A digest was made with a key that is not here; the message names the setting."""


class ErasureRecord(Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    """One record of `erasures`: the digest of what is forgotten, and when that was asked for, in ms UTC.

    Folds leave it out from the first record on; what stores the log waits for the second, which says that it is
    `settled` in which sessions a visitor took part: until then its events must be there to tell. `key_id` names the key
    that the digest was made with; without one it is plain.
    """

    digest: Digest
    asked_at: Millis
    settled: bool = False
    key_id: Annotated[str, Meta(pattern="^([0-9a-f]{16})?$")] = NO_KEY


_decoder = msgspec.json.Decoder(ErasureRecord)
_encoder = msgspec.json.Encoder()


def encode(record: ErasureRecord) -> bytes:
    return _encoder.encode(record)


def visitor_digest(site: str, visitor_id: str) -> str:
    """What stands for a visitor of a site, without a key."""
    return _PLAIN.visitor_digest(site, visitor_id)


def session_digest(site: str, session_id: str) -> str:
    """What stands for all sessions of an id, whoever took part in them, without a key."""
    return _PLAIN.session_digest(site, session_id)


class Erasures:
    """All that is forgotten, as far as the topic is read. `version` is how far that is: one more than the offset.

    `digests` are known from the beginning, plain ones; `keys` know those of the topic.
    """

    def __init__(self, digests: Collection[str] = (), keys: ErasureKeys = _PLAIN) -> None:
        self.version = len(digests)
        #: Records read; grows while the topic is being read.
        self.records = len(digests)
        self.digests: set[str] = set(digests)
        self._settled: set[str] = set(digests)
        self._keys = keys
        #: The keys that anything was made with: no other digest need be looked for.
        self._key_ids: tuple[str, ...] = (NO_KEY,)

    def take(self, offset: int, value: bytes) -> None:
        """Take the record at `offset` of the topic; raises msgspec.DecodeError and ErasureKeyError."""
        self.records += 1
        try:
            record = _decoder.decode(value)
        except msgspec.DecodeError:
            # Whoever reads on leaves it out.
            self.version = offset + 1
            raise
        if record.key_id not in self._keys:
            # The version stays: nobody may go on as if this were known.
            raise ErasureKeyError(
                f"erasure {offset} was made with key {record.key_id}, which is not among erasures.keys: add it there "
                "(OPECOM_ERASURES__KEYS), or a forgotten visitor would come back"
            )
        self.version = offset + 1
        self.digests.add(record.digest)
        if record.settled:
            self._settled.add(record.digest)
        if record.key_id not in self._key_ids:
            self._key_ids += (record.key_id,)

    def is_erased(self, site: str, session_id: str, visitor_id: str) -> bool:
        """Whether folds leave out events of this visitor in this session."""
        return bool(self.digests) and not self.digests.isdisjoint(self.digests_of(site, session_id, visitor_id))

    def sessions_known(self, site: str, session_id: str, visitor_id: str) -> bool:
        """Whether an erasure of this visitor or session is settled: now stored events must be redacted as well."""
        return bool(self._settled) and not self._settled.isdisjoint(self.digests_of(site, session_id, visitor_id))

    def digests_of(self, site: str, session_id: str, visitor_id: str) -> frozenset[str]:
        """The digests under which an event of this visitor in this session may be forgotten."""
        return self._keys.digests_of(site, session_id, visitor_id, self._key_ids)
