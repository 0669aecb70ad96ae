"""One row's event, checked by the rules of the ingest API before anything is sent, as a record that sorts by time.

The record's bytes begin with what it is sorted by: partition, received_at, occurred_at, sequence, place in the files.
"""

import struct
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec

from deploy.imports.context import add_context
from deploy.imports.errors import RowRefusedError
from deploy.simulate.send import ROOM
from ingest import collect
from ingest.collect import SenderContext
from ingest.errors import RequestRefusedError
from ingest.events import base_site, key_of
from ingest.partition import partition_of
from ingest.schemas import ImportedEvent
from stream.fold.partition import LATE

#: partition, received_at, occurred_at, sequence, place; whether it keeps its own id; digests of session and row.
_HEAD = struct.Struct(">HQQQQ?8s16s")
LARGEST_SEQUENCE = 2**63 - 1
_decoder = msgspec.json.Decoder(ImportedEvent)
# Sorted, so that the same event has the same bytes in whatever order its file names its members.
_encoder = msgspec.json.Encoder(order="sorted")


class PreparedEvent(NamedTuple):
    """What a record says; `body` is the event's JSON, which lacks its id where it is to get one."""

    partition: int
    received_at: int
    occurred_at: int
    sequence: int
    place: int
    has_own_id: bool
    session: bytes
    digest: bytes
    body: bytes


class EventPreparation:
    """Makes records of the events of one site (with its run)."""

    def __init__(self, site: str, partitions: int, sender: SenderContext, most_bytes: int) -> None:
        """`most_bytes` is the largest body of a request."""
        self._site = site
        self._partitions = partitions
        self._sender = sender
        self._most_bytes = most_bytes - ROOM

    def record(self, event: dict[str, Any], place: int) -> bytes:
        """The record of the event at this place of the files; raises RowRefusedError."""
        sequence = _sequence(event.pop("sequence", None))
        self._require_site(event.pop("site", None))
        occurred_at, received_at = event.get("occurred_at"), event.get("received_at")
        if occurred_at is None and received_at is None:
            raise RowRefusedError("no `occurred_at`")
        event["received_at"] = occurred_at if received_at is None else received_at
        event["occurred_at"] = received_at if occurred_at is None else occurred_at
        add_context(event, self._sender.grant.site.url_rules)
        try:
            sent = collect.decoded(_decoder, _encoder.encode(event))
            made = collect.event_of(sent, self._site, None, self._sender)
        except RequestRefusedError as refusal:
            raise RowRefusedError(refusal.reason) from None
        except (UnicodeEncodeError, TypeError, OverflowError):
            raise RowRefusedError("a value is no text in the file's encoding, or nothing that JSON has") from None
        if made.received_at - made.occurred_at > LATE:
            raise RowRefusedError(
                f"late: received {(made.received_at - made.occurred_at) / 60_000:.0f} minutes after it occurred; "
                "leave received_at out to take it as it occurred"
            )
        # A sequence orders by the id: an event that has one gets an id of ours, made from its own.
        own = event.pop("event_id", None) if sequence else event.get("event_id")
        event["occurred_at"], event["received_at"] = made.occurred_at, made.received_at
        event.setdefault("visitor_id", made.visitor_id)
        body = _encoder.encode(event)
        if len(body) > self._most_bytes:
            raise RowRefusedError(f"it takes {len(body):,} bytes, and a request at most {self._most_bytes:,}")
        key = key_of(self._site, made.session_id)
        identity = str(own).lower().encode() if own else body
        head = _HEAD.pack(
            partition_of(key, self._partitions),
            made.received_at,
            made.occurred_at,
            sequence,
            place,
            bool(own) and not sequence,
            blake2b(key, digest_size=8).digest(),
            blake2b(identity + str(sequence).encode(), key=self._site.encode()[:64], digest_size=16).digest(),
        )
        return head + body

    def _require_site(self, named: Any) -> None:
        if named is not None and base_site(str(named)) != base_site(self._site):
            raise RowRefusedError(f"it is of the site {str(named)[:64]!r}", left_out=True)


def prepared(record: bytes) -> PreparedEvent:
    """What a record says."""
    return PreparedEvent._make((*_HEAD.unpack_from(record), record[_HEAD.size :]))


def _sequence(given: Any) -> int:
    if given is None:
        return 0
    if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given <= LARGEST_SEQUENCE:
        raise RowRefusedError(f"sequence: {str(given)[:40]!r} is no whole number from 0 to 2^63 - 1")
    return given
