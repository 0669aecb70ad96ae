"""Event ids as bytes, and ids of one width packed one behind the other: a worker holds very many."""

#: Bytes of an event id.
ID_BYTES = 16


def event_id_bytes(event_id: str) -> bytes:
    """An event id as its bytes, in the same order and a third of its text's memory; raises ValueError if malformed."""
    id_bytes = bytes.fromhex(event_id.replace("-", ""))
    if len(id_bytes) != ID_BYTES:
        raise ValueError(f"event_id {event_id!r} is no UUID")
    return id_bytes


def event_id_text(id_bytes: bytes) -> str:
    """The event id that `event_id_bytes` read."""
    text = id_bytes.hex("-", 2)
    # Eight groups of four; the first two of a UUID are one, and so are the last three.
    return text[:4] + text[5:29] + text[30:34] + text[35:]


def find_packed(packed: bytes, wanted: bytes, start: int = 0) -> int:
    """Where an id stands among packed ids of its width, from `start` on; -1 where it does not."""
    at, width = packed.find(wanted, start), len(wanted)
    # Bytes of two neighbours may look like an id.
    while at > 0 and at % width:
        at = packed.find(wanted, at + 1)
    return at
