"""The bytes of all bodies that are on their way, within one bound: whoever sends slowly is refused first."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

#: Bytes of a body that are not counted: a page view has less, and is never refused for what others send.
UNCOUNTED_BYTES = 4 * 1024


class PendingBody:
    """One body while it arrives; `evicted` once it had to make room."""

    def __init__(self, bodies: "PendingBodies", limit: asyncio.Timeout) -> None:
        self._bodies = bodies
        self._limit = limit
        self.size = 0
        self.evicted = False

    def grow(self, received: int) -> None:
        """Count bytes that were received, which may evict the bodies that have been on their way the longest."""
        self.size += received
        if self.size > UNCOUNTED_BYTES and not self.evicted:
            self._bodies.count(self)

    def evict(self) -> None:
        """End the wait for the rest of this body."""
        self.evicted = True
        self._limit.reschedule(asyncio.get_running_loop().time())


class PendingBodies:
    """At most `at_most` bytes of all bodies together, less the first few of each.

    Beyond, the oldest one is evicted: an honest body is whole within milliseconds, so it is never the oldest while
    somebody holds back the rest of theirs.
    """

    def __init__(self, at_most: int) -> None:
        self._at_most = at_most
        self._counted: OrderedDict[PendingBody, int] = OrderedDict()
        #: Bytes of all bodies that are counted.
        self.held = 0

    def __len__(self) -> int:
        """How many bodies are counted."""
        return len(self._counted)

    @contextmanager
    def receiving(self, limit: asyncio.Timeout) -> Iterator[PendingBody]:
        """A body that arrives within `limit`, which ends at once where the body is evicted."""
        body = PendingBody(self, limit)
        try:
            yield body
        finally:
            self._forget(body)

    def count(self, body: PendingBody) -> None:
        """Count a body at its present size."""
        self.held += body.size - self._counted.get(body, 0)
        self._counted[body] = body.size
        while self.held > self._at_most and len(self._counted) > 1:
            oldest = next(iter(self._counted))
            self._forget(oldest)
            oldest.evict()

    def _forget(self, body: PendingBody) -> None:
        self.held -= self._counted.pop(body, 0)
