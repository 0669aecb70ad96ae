"""Sends what is due, each webhook at its own pace: one that hangs fills its own places and nobody else's."""

import asyncio
import functools
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from sqlalchemy import Engine

from storage.database.errors import DatabaseUnavailableError
from storage.interventions.firings import ReadStopped, forget_old_firings
from storage.interventions.reports import forget_old_reports
from storage.webhooks import bands, deliveries, registry
from storage.webhooks.client import WebhookResponse
from storage.webhooks.crossings import Webhook
from storage.webhooks.deliveries import Delivery
from storage.webhooks.message import FIRED, intervention_of
from storage.webhooks.metrics import WebhookMetrics
from storage.webhooks.schedule import next_try
from stream.kafka.errors import KafkaUnavailableError

log = logging.getLogger(__name__)

#: Seconds between two looks at what others made due: commands, and parts on other machines.
LOOK = 0.5
#: Seconds between two rounds of housekeeping, and of counting what the log lists.
SWEEP_EVERY, COUNT_EVERY = 600.0, 10.0
#: Milliseconds after which a session with nothing new of its band is no longer open: it is cut every day.
BAND_DAYS_MS = 2 * 24 * 3_600_000
#: How long a visitor's interventions are counted.
FIRINGS_DAYS_MS = 180 * 24 * 3_600_000
FIRST_DELAY, LONGEST_DELAY = 0.1, 5.0

#: Sends a message to a webhook once: the webhook, the message's id, its body.
Send = Callable[[Webhook, str, str], Awaitable[WebhookResponse]]

#: What a delivery is after an attempt with this outcome.
_STATES: dict[str, deliveries.State] = {"delivered": "delivered", "retried": "due", "dead": "dead"}

P = ParamSpec("P")
T = TypeVar("T")


class DeliverySender:
    """`pauses` in seconds, `concurrency` for each webhook, `lease_seconds` longer than an attempt may take,
    `log_days` of what has ended. `stopped` says which interventions are stopped, right before theirs are sent.

    Call `run` once; `wake` when something has become due.
    """

    def __init__(
        self,
        engine: Engine,
        send: Send,
        metrics: WebhookMetrics,
        *,
        pauses: Sequence[float],
        concurrency: int,
        lease_seconds: float,
        log_days: float,
        stopped: ReadStopped,
    ) -> None:
        self._engine = engine
        self._send = send
        self._metrics = metrics
        self._pauses = pauses
        self._stopped = stopped
        self._concurrency = concurrency
        self._lease_ms = round(lease_seconds * 1000)
        self._log_ms = round(log_days * 24 * 3_600_000)
        self._threads = ThreadPoolExecutor(1, "webhook-deliveries")
        self._under_way: dict[str, set[asyncio.Task[None]]] = {}
        self._woken = asyncio.Event()

    def wake(self) -> None:
        self._woken.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Send until `stop`; what is under way then gets as long as an attempt may take."""
        swept = counted = float("-inf")
        try:
            while not stop.is_set():
                self._woken.clear()
                try:
                    await self._claim()
                    if time.monotonic() - counted >= COUNT_EVERY:
                        await self._count()
                        counted = time.monotonic()
                    if time.monotonic() - swept >= SWEEP_EVERY:
                        await self._sweep()
                        swept = time.monotonic()
                except DatabaseUnavailableError as error:
                    log.info("the database does not answer (%s); what is due waits", error)
                await _first((self._woken, stop), LOOK)
        finally:
            tasks = [task for each in self._under_way.values() for task in each]
            if tasks:
                await asyncio.wait(tasks, timeout=self._lease_ms / 1000)
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def _claim(self) -> None:
        """Begin what is due, where its webhook has a place for it."""
        due = await self._in_thread(deliveries.first_due, self._engine)
        now = _now()
        waiting = [webhook for webhook, first in due.items() if first <= now and self._places(webhook)]
        if not waiting:
            return
        known = {webhook.id: webhook for webhook in await self._in_thread(registry.every, self._engine)}
        for webhook in (known[name] for name in waiting if name in known):
            now = _now()
            claimed = await self._in_thread(
                deliveries.claim, self._engine, webhook.id, self._places(webhook.id), now, now + self._lease_ms
            )
            async for delivery in self._without_stopped(claimed):
                tasks = self._under_way.setdefault(webhook.id, set())
                task = asyncio.create_task(self._attempt(webhook, delivery))
                tasks.add(task)
                task.add_done_callback(functools.partial(self._ended, tasks))

    async def _without_stopped(self, claimed: Sequence[Delivery]) -> AsyncIterator[Delivery]:
        """Those that may be sent. What is of a stopped intervention is held back; where nobody knows, it waits until
        its claim has run out."""
        stopped: frozenset[str] | None = frozenset()
        if any(delivery.kind == FIRED for delivery in claimed):
            try:
                stopped = await self._stopped()
            except KafkaUnavailableError as error:
                log.warning("what interventions have due waits: %s", error)
                stopped = None
        for delivery in claimed:
            name = intervention_of(delivery.body) if delivery.kind == FIRED else ""
            if name and stopped is not None and name in stopped:
                await self._in_thread(deliveries.stop, self._engine, delivery, name, _now())
                self._metrics.held.inc()
                log.info("delivery %s is held back: %s was stopped", delivery.id, name)
            elif not name or stopped is not None:
                yield delivery

    def _places(self, webhook_id: str) -> int:
        return self._concurrency - len(self._under_way.get(webhook_id, ()))

    def _ended(self, tasks: set[asyncio.Task[None]], task: asyncio.Task[None]) -> None:
        tasks.discard(task)
        self.wake()
        if not task.cancelled() and task.exception() is not None:
            log.error("an attempt failed by a defect of ours; it is made again", exc_info=task.exception())

    async def _attempt(self, webhook: Webhook, delivery: Delivery) -> None:
        """One attempt. A crash between any two steps repeats it, under the same id, when its claim has run out.

        1 send · 2 decide what becomes of the delivery · 3 write that down · 4 put a webhook out of use whose receiver
        wants no more.
        """
        began = time.monotonic()
        answer = await self._send(webhook, delivery.id, delivery.body)
        self._metrics.seconds.observe(time.monotonic() - began)
        now = _now()
        if answer.taken:
            outcome, due = "delivered", now
            self._metrics.delay.observe(max(now - delivery.created_at, 0) / 1000)
        else:
            again = next_try(self._pauses, delivery.attempts, now, random.random(), answer.wait)  # noqa: S311 - jitter
            outcome, due = ("dead", now) if again is None or answer.gone else ("retried", again)
        state = _STATES[outcome]
        await self._insist(deliveries.settle, self._engine, delivery, state, due, answer.status, answer.detail)
        self._metrics.attempts.labels(outcome).inc()
        if outcome == "dead":
            log.warning("delivery %s of webhook %s is dead: %s", delivery.id, webhook.id, answer.detail)
        if answer.gone:
            await self._insist(registry.disable, self._engine, webhook.id, "its receiver answered 410 Gone")
            log.warning("webhook %s is disabled: its receiver answered 410 Gone", webhook.id)

    async def _insist(self, call: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
        """Call until the database answers, for as long as the claim holds: after that it belongs to anybody."""
        ends = time.monotonic() + self._lease_ms / 1000
        delay = FIRST_DELAY
        while True:
            try:
                return await self._in_thread(call, *args, **named)
            except DatabaseUnavailableError:
                if time.monotonic() > ends:
                    raise
            await asyncio.sleep(delay)
            delay = min(delay * 2, LONGEST_DELAY)

    async def _count(self) -> None:
        found = await self._in_thread(deliveries.counts, self._engine)
        self._metrics.due.set(found["due"])
        self._metrics.dead.set(found["dead"])

    async def _sweep(self) -> None:
        now = _now()
        await self._in_thread(deliveries.sweep, self._engine, now - self._log_ms)
        await self._in_thread(bands.forget_old, self._engine, now - BAND_DAYS_MS)
        await self._in_thread(forget_old_firings, self._engine, now - FIRINGS_DAYS_MS)
        await self._in_thread(forget_old_reports, self._engine, now - FIRINGS_DAYS_MS)

    async def _in_thread(self, call: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, functools.partial(call, *args, **named))


async def _first(events: Sequence[asyncio.Event], seconds: float) -> None:
    """Until one of these is set, or so many seconds have gone."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waits:
            each.cancel()


def _now() -> int:
    return int(time.time() * 1000)
