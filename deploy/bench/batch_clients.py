"""Batch clients: several connections that offer batches of events at a rate, and remember what was accepted.

Open loop as long as a client is free: batch n is due n batches after the first, whether or not earlier ones are
answered. When all clients wait for an answer the offer falls behind, and what is accepted says by how much.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from deploy.bench.errors import BenchError
from deploy.bench.http import REFUSED, Connection, Connections
from deploy.bench.simulation import batch
from ingest.events import Event

#: Events of a batch, and clients.
BATCH, CLIENTS = 50, 32
#: Seconds that a client waits after an answer that says that there is too much.
BACK_OFF = 0.2
#: Seconds without a request after which a client takes a new connection: the API closes one after five.
IDLE = 2.0
ACCEPTED = b"202"
#: Answers by which the API says that there is too much.
PRESSURE = (b"429", b"503")


class OfferedEvent(NamedTuple):
    """What must be found again of an event that was answered 202."""

    session_id: str
    is_view: bool


@dataclass(slots=True)
class Offer:
    """What became of a rate that was offered: events, answers by status, and monotonic seconds."""

    rate: float
    began: float
    ended: float = 0.0
    accepted: int = 0
    answers: Counter[str] = field(default_factory=Counter)

    @property
    def accepted_per_second(self) -> float:
        return self.accepted / (self.ended - self.began)

    @property
    def pressed(self) -> int:
        """Answers 429 and 503."""
        return sum(self.answers[status.decode()] for status in PRESSURE)


class BatchClients:
    """Sends the events of `traffic`, each once; `accepted` are those that were answered 202, by id, if it `remembers`:
    a million of them take some 300 MB."""

    def __init__(self, them: Connections, traffic: Iterator[Event], *, remembers: bool = True) -> None:
        self._remembers = remembers
        self._them = them
        self._traffic = traffic
        self.accepted: dict[str, OfferedEvent] = {}

    async def offer(self, rate: float, seconds: float) -> Offer:
        """Offer `rate` events a second for so long; raises BenchError for an answer that nobody should get."""
        offer = Offer(rate, time.monotonic() + 0.05)
        numbers = iter(range(max(1, round(rate * seconds / BATCH))))
        async with asyncio.TaskGroup() as group:
            for _ in range(CLIENTS):
                group.create_task(self._client(offer, numbers, offer.began + seconds))
        offer.ended = max(offer.began + seconds, time.monotonic())
        return offer

    async def _client(self, offer: Offer, numbers: Iterator[int], until: float) -> None:
        connection, used = await self._them.open(), time.monotonic()
        try:
            for number in numbers:
                due = offer.began + number * BATCH / offer.rate
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                if time.monotonic() - used > IDLE:
                    connection.close()
                    connection = await self._them.open()
                used = time.monotonic()
                events = list(islice(self._traffic, BATCH))
                if time.monotonic() > until or not events:
                    return
                await self._send(offer, connection, events)
        finally:
            connection.close()

    async def _send(self, offer: Offer, connection: Connection, events: list[Event]) -> None:
        status, answer = await connection.request("/v1/batch", batch(events, int(time.time() * 1000)))
        offer.answers[status.decode()] += 1
        if status in PRESSURE:
            await asyncio.sleep(BACK_OFF)
        elif status != ACCEPTED or REFUSED in answer:
            raise BenchError(f"a batch was answered {status.decode()}: {answer[:300].decode(errors='replace')}")
        else:
            offer.accepted += len(events)
            if self._remembers:
                self.accepted.update(
                    (each.event_id, OfferedEvent(each.session_id, each.type == "page_view")) for each in events
                )
