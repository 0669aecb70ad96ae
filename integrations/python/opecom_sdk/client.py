"""The client: a bounded queue and a thread that sends it, and purchases that the caller waits for."""

import atexit
import json
import logging
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from opecom_sdk import batches, signatures
from opecom_sdk.batches import QueuedEvent
from opecom_sdk.errors import UnavailableError
from opecom_sdk.transport import RETRIED, Answer, post, wait_seconds

_log = logging.getLogger("opecom_sdk")
#: (what happened in one line, the id of the event that did not count, or None)
ProblemHandler = Callable[[str, str | None], None]


class Client:
    """Sends to the ingest API at `url` with a site's write key. Safe to use from several threads, and after a fork.

    purchase_secret: whsec_..., to sign purchases and refunds. max_queue: events that wait at most; more are dropped.
    flush_seconds: how long an event waits for others. timeout_seconds: of one request. exit_seconds: what is left at
    the program's end is sent within that time. on_problem hears of every event that will not count, in the sending
    thread or the caller's; without it, the logger `opecom_sdk` warns.

    Raises ValueError for an argument that cannot be right.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        purchase_secret: str | None = None,
        max_queue: int = 10_000,
        flush_seconds: float = 1.0,
        timeout_seconds: float = 10.0,
        exit_seconds: float = 10.0,
        on_problem: ProblemHandler | None = None,
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise ValueError("url is where the ingest API is, such as https://events.shop.example")
        if not key:
            raise ValueError("key is a write key of the site: `opecom sites add NAME` prints it")
        if purchase_secret is not None:
            signatures.secret_bytes(purchase_secret)
        self._url, self._headers, self._secret = url.rstrip("/"), {"X-OPECOM-Key": key}, purchase_secret
        self._max_queue, self._flush_seconds, self._timeout = max_queue, flush_seconds, timeout_seconds
        self._on_problem = on_problem or _warn
        self._reset()
        alive = weakref.ref(self)
        atexit.register(_close_at_exit, alive, exit_seconds)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=lambda: _reset_in_child(alive))

    def send(self, event: Mapping[str, Any]) -> str | None:
        """Queue one event as `POST /v1/batch` takes it; never waits for the network.

        Its event_id, by which it counts once; made here where it has none. None: the queue is full, or closed.
        """
        queued = batches.encoded(event)
        with self._changed:
            if not self._closed and self._unsent < self._max_queue:
                self._queue.append(queued)
                self._unsent += 1
                self._start()
                self._changed.notify_all()
                return queued.event_id
        why = "the client is closed" if self._closed else f"{self._max_queue:,} events wait (max_queue)"
        self._on_problem(f"an event is dropped: {why}", queued.event_id)
        return None

    def flush(self, timeout_seconds: float = 60.0) -> bool:
        """Wait until all that was queued has an answer; False where it has none in time, and goes on being sent."""
        with self._changed:
            self._flushing += 1
            self._changed.notify_all()
            try:
                return self._changed.wait_for(lambda: self._unsent == 0, timeout_seconds)
            finally:
                self._flushing -= 1

    def close(self, timeout_seconds: float = 10.0) -> bool:
        """Send what is left, within this time, and take no more; False where events were dropped."""
        with self._changed:
            self._closed, self._ends_at = True, time.monotonic() + timeout_seconds
            self._changed.notify_all()
            # Beyond the time there is one request under way, at most.
            return self._changed.wait_for(lambda: self._unsent == 0, timeout_seconds + self._timeout) and not self._lost

    def purchase(
        self,
        session_id: str,
        order_id: str | int,
        amount: float | str,
        currency: str | None,
        occurred_at: int | str,
        wait_at_most: float = 60.0,
        **more: Any,
    ) -> str:
        """Report an order that was paid, signed, and wait until it is in the log: its event_id.

        occurred_at: when it was placed, ms since 1970 or ISO 8601 with a zone, the same each time. The order counts
        once however often it is sent. `more`: fields of `POST /tracker/purchase`, such as visitor_id.

        Raises RefusedError, UnavailableError after `wait_at_most` seconds, ValueError without purchase_secret.
        """
        fields = {"session_id": session_id, "order_id": order_id, "amount": amount, "currency": currency}
        body = {**fields, "occurred_at": occurred_at, **more}
        return self._signed("/tracker/purchase", f"order-{order_id}", body, wait_at_most)

    def refund(
        self,
        session_id: str,
        order_id: str | int,
        occurred_at: int | str,
        value: float | str | None = None,
        currency: str | None = None,
        wait_at_most: float = 60.0,
    ) -> str:
        """Report what was paid back of an order, or all of it where `value` is None; else as `purchase`."""
        fields = {"session_id": session_id, "order_id": order_id, "action": "refund", "occurred_at": occurred_at}
        body = {**fields, "value": value, "currency": currency}
        return self._signed("/tracker/commerce", f"refund-{order_id}", body, wait_at_most)

    def _signed(self, path: str, message_id: str, fields: Mapping[str, Any], wait_at_most: float) -> str:
        if self._secret is None:
            raise ValueError("purchase_secret is missing: `opecom sites rotate NAME --purchase` makes one")
        body, attempt, ends_at = json.dumps(fields, allow_nan=False).encode(), 0, time.monotonic() + wait_at_most
        while True:
            # A signature holds five minutes: each attempt has its own.
            at = int(time.time())
            signature = signatures.sign(self._secret, message_id, at, body)
            own = {"webhook-id": message_id, "webhook-timestamp": str(at), "webhook-signature": signature}
            answer = post(self._url + path, body, {**self._headers, **own}, self._timeout)
            if answer.is_accepted:
                return str(answer.content["event_id"])
            if answer.status not in RETRIED:
                raise answer.error()
            wait = wait_seconds(attempt, answer.retry_after)
            if time.monotonic() + wait > ends_at:
                raise UnavailableError(f"not sent within {wait_at_most:.0f} s: {answer.error().reason}")
            time.sleep(wait)
            attempt += 1

    def _reset(self) -> None:
        self._changed = threading.Condition()
        self._queue: deque[QueuedEvent] = deque()
        self._thread: threading.Thread | None = None
        #: Events queued or under way; whoever waits in flush; events that will not count.
        self._unsent = self._flushing = self._lost = 0
        self._closed, self._ends_at = False, float("inf")

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="opecom-sdk", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while batch := self._next():
            try:
                self._deliver(batch)
            except Exception:  # an on_problem that raises must not end the thread
                _log.exception("a problem could not be reported")
            with self._changed:
                self._unsent -= len(batch)
                self._changed.notify_all()

    def _next(self) -> list[QueuedEvent]:
        """The next batch, once it is due; none when the client is closed and has nothing left."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closed)
            self._changed.wait_for(
                lambda: self._closed or self._flushing or len(self._queue) >= batches.MAX_EVENTS, self._flush_seconds
            )
            return batches.take(self._queue)

    def _deliver(self, batch: list[QueuedEvent]) -> None:
        attempt = 0
        while True:
            answer = post(f"{self._url}/v1/batch", batches.body(batch), self._headers, self._timeout)
            if answer.is_accepted:
                self._report_refused(batch, answer)
                return
            if answer.status == 413 and len(batch) > 1:
                middle = len(batch) // 2
                self._deliver(batch[:middle])
                self._deliver(batch[middle:])
                return
            if answer.status not in RETRIED or not self._wait(wait_seconds(attempt, answer.retry_after)):
                self._lose(batch, str(answer.error()))
                return
            attempt += 1

    def _wait(self, seconds: float) -> bool:
        """Wait before the next attempt; False where there is none. As the client's end comes, a last one is made."""
        until = time.monotonic() + seconds
        with self._changed:
            if time.monotonic() >= self._ends_at:
                return False
            # `close` may set the end while this waits.
            while (left := min(until, self._ends_at) - time.monotonic()) > 0:
                self._changed.wait(left)
        return True

    def _report_refused(self, batch: list[QueuedEvent], answer: Answer) -> None:
        for refused in answer.content.get("refused", ()):
            self._lose([batch[refused["index"]]], f"an event is refused ({refused['code']}): {refused['reason']}")

    def _lose(self, events: list[QueuedEvent], why: str) -> None:
        self._lost += len(events)
        for each in events:
            self._on_problem(why, each.event_id)


def _warn(problem: str, event_id: str | None) -> None:
    _log.warning("%s (event %s)", problem, event_id)


def _close_at_exit(client: "weakref.ref[Client]", seconds: float) -> None:
    if (alive := client()) is not None:
        alive.close(seconds)


def _reset_in_child(client: "weakref.ref[Client]") -> None:
    """The parent's thread and what it has queued stay with the parent."""
    if (alive := client()) is not None:
        alive._reset()
