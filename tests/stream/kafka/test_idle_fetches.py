"""How long fetches wait: long while nothing comes, short again from the first record on."""

from collections.abc import Callable

import pytest

from stream.kafka.idle_fetches import IDLE_AFTER, rest_when_idle


class SteppedFetcher:
    """Answers each fetch as `news` says, and notes how long it was to wait."""

    def __init__(self, news: list[bool], step: Callable[[], None]) -> None:
        self._fetch_max_wait_ms = 20
        self._news = iter(news)
        self._step = step
        self.waits: list[int] = []

    async def _proc_fetch_request(self, *request: object) -> bool:
        self.waits.append(self._fetch_max_wait_ms)
        self._step()
        return next(self._news)


class SteppedConsumer:
    def __init__(self, fetcher: SteppedFetcher) -> None:
        self.later, self._fetcher = fetcher, None

    async def start(self) -> None:
        self._fetcher = self.later


@pytest.mark.parametrize(
    ("idle_wait_ms", "waits"),
    [
        pytest.param(150, [20, 20, 150, 150, 20, 20, 150], id="rests and wakes"),
        pytest.param(0, [20] * 7, id="as ever"),
    ],
)
async def test_fetches_wait_longer_until_a_record_comes(idle_wait_ms: int, waits: list[int]) -> None:
    at = 0.0

    def step() -> None:
        nonlocal at
        at += IDLE_AFTER / 2

    fetcher = SteppedFetcher([False, False, False, True, False, False, False], step)
    consumer = SteppedConsumer(fetcher)
    rest_when_idle(consumer, idle_wait_ms, lambda: at)
    await consumer.start()
    for _ in waits:
        await fetcher._proc_fetch_request("assignment", 0, "request")
        if consumer._fetcher is None:
            break
    assert fetcher.waits == waits
