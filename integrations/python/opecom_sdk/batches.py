"""Events waiting to be sent, in bounded memory, and the batches that are made of them."""

import json
import time
import uuid
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

#: Of one request: ingest.max_batch_events, and less than ingest.max_body_bytes.
MAX_EVENTS, MAX_BYTES = 500, 200_000


class QueuedEvent(NamedTuple):
    """An event as it goes into a batch, and the id by which it counts once."""

    event_id: str
    encoded: bytes


def encoded(event: Mapping[str, Any]) -> QueuedEvent:
    """The event with an id and a time, where it has none. Raises ValueError or TypeError for what JSON cannot hold."""
    whole = {"event_id": str(uuid.uuid4()), "occurred_at": now_ms(), **event}
    return QueuedEvent(str(whole["event_id"]), json.dumps(whole, separators=(",", ":"), allow_nan=False).encode())


def body(batch: Sequence[QueuedEvent]) -> bytes:
    """The body of /v1/batch. `sent_at` is of this attempt: the server takes the difference for a wrong clock."""
    return b'{"sent_at":%d,"events":[%s]}' % (now_ms(), b",".join(each.encoded for each in batch))


def take(queue: deque[QueuedEvent]) -> list[QueuedEvent]:
    """The next batch, taken from the queue: at least one event of a queue that has any."""
    batch: list[QueuedEvent] = []
    size = 0
    while queue and len(batch) < MAX_EVENTS and (not batch or size + len(queue[0].encoded) < MAX_BYTES):
        batch.append(queue.popleft())
        size += len(batch[-1].encoded) + 1
    return batch


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000
