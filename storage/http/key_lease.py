"""Ends answers under way once the key that opened them holds no longer: streams, exports, rows to learn from."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)

#: Seconds between two looks at the key of an answer under way; with those of the file of keys, less than one.
LOOK = 0.4
_PLACE = "opecom.key_lease"


@dataclass(slots=True)
class KeyLease:
    """Whether the key of one request still opens what it opened; an answer without a key is nobody's to end."""

    holds: Callable[[], bool] = lambda: True


def lease_of(scope: Scope) -> KeyLease:
    """The lease of a request; one that goes nowhere where its application ends no answers."""
    found: KeyLease = scope.get(_PLACE) or KeyLease()
    return found


class EndWithKey:
    """Middleware: an answer that has begun breaks off, without its end, so that nobody takes it for a whole one."""

    def __init__(self, app: ASGIApp, look_seconds: float = LOOK) -> None:
        self._app = app
        self._look_seconds = look_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        lease = scope[_PLACE] = KeyLease()
        loop, began = asyncio.get_running_loop(), False
        timer: asyncio.TimerHandle

        async def noted(message: Message) -> None:
            nonlocal began
            began = began or message["type"] == "http.response.start"
            await send(message)

        def look() -> None:
            nonlocal timer
            if began and not lease.holds():
                limit.reschedule(loop.time())
            else:
                timer = loop.call_later(self._look_seconds, look)

        try:
            async with asyncio.timeout(None) as limit:
                timer = loop.call_later(self._look_seconds, look)
                try:
                    await self._app(scope, receive, noted)
                finally:
                    timer.cancel()
        except TimeoutError:
            if not limit.expired():
                raise
            log.info("an answer under way ends: its key holds no longer")
