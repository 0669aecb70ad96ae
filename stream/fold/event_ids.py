"""Event ids as bytes, and ids of one width packed one behind the other: a worker holds very many."""

#: Bytes of an event id.
ID_BYTES = 16


def event_id_bytes(event_id: str) -> bytes:
    """An event id as its bytes, in the same order and a third of its text's memory; raises ValueError if malformed."""
    id_bytes = bytes.fromhex(event_id.replace("-", ""))
    if len(id_bytes) != ID_BYTES:
        raise ValueError(f"event_id {event_id!r} is no UUID")
    return id_bytes


def event_id_text(packed: bytes, at: int = 0) -> str:
    """The event id that `event_id_bytes` read, of the one that begins at byte `at`."""
    # Pairs of bytes, the dashes that a UUID does not have left out: a third faster than its five groups one by one.
    pairs = packed[at : at + ID_BYTES].hex("-", 2)
    return f"{pairs[:4]}{pairs[5:29]}{pairs[30:34]}{pairs[35:]}"


def find_packed(packed: bytes, wanted: bytes, start: int = 0) -> int:
    """Where an id stands among packed ids of its width, from `start` on; -1 where it does not."""
    at, width = packed.find(wanted, start), len(wanted)
    # Bytes of two neighbours may look like an id.
    while at > 0 and at % width:
        at = packed.find(wanted, at + 1)
    return at
