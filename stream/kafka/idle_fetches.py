"""Asks the broker less often while nothing comes.

A broker that does not wake a waiting fetch, as the embedded one, must be asked again and again: every wait is latency.
Where no record came for a while, the next one may be waited for longer.
"""

from collections.abc import Callable
from time import monotonic
from typing import Any

#: Seconds without a record after which a consumer is idle.
IDLE_AFTER = 5.0


def rest_when_idle(consumer: Any, idle_wait_ms: int, now: Callable[[], float] = monotonic) -> None:
    """Let fetches of this consumer, not started yet, wait so long while it is idle; 0 changes nothing.

    The first record ends that: the fetches after it wait as long as those of a busy consumer.
    """
    if not idle_wait_ms:
        return
    start = consumer.start

    async def started() -> None:
        await start()
        _pace(consumer._fetcher, idle_wait_ms, now)

    consumer.start = started


def _pace(fetcher: Any, idle_wait_ms: int, now: Callable[[], float]) -> None:
    busy_wait_ms, fetch, last = fetcher._fetch_max_wait_ms, fetcher._proc_fetch_request, now()

    async def paced(*request: Any) -> bool:
        nonlocal last
        # True where whoever reads is to be woken: there are records, or an error to raise.
        has_news: bool = await fetch(*request)
        last = now() if has_news else last
        fetcher._fetch_max_wait_ms = idle_wait_ms if now() - last >= IDLE_AFTER else busy_wait_ms
        return has_news

    fetcher._proc_fetch_request = paced
