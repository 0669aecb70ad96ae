"""Rates per key and per client address: token buckets in bounded memory. Time is passed in, in seconds."""

import ipaddress
import math
from collections import OrderedDict
from functools import lru_cache

from ingest.addresses import parsed

BURST_SECONDS = 10.0
#: Buckets of each kind; the ones unused for longest go first, and a bucket unused for ten seconds is full anyway.
MAX_BUCKETS = 50_000


class TokenBuckets:
    """`rate` tokens a second for each holder, saved up for ten seconds."""

    def __init__(self, rate: float, max_buckets: int = MAX_BUCKETS) -> None:
        self._rate = rate
        self._burst = max(rate * BURST_SECONDS, 1.0)
        self._max_buckets = max_buckets
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, holder: str, tokens: int, now: float) -> int:
        """0 when the tokens were taken; else nothing is, and it is the seconds as `wait` tells them."""
        wait = self.wait(holder, tokens, now)
        if not wait:
            self._keep(holder, self._left(holder, now) - tokens, now)
        return wait

    def wait(self, holder: str, tokens: int, now: float) -> int:
        """The whole seconds after which so many tokens will be there; 0 when they are.

        What is larger than the whole burst passes when the bucket is full: else it could never pass.
        """
        missing = min(tokens, self._burst) - self._left(holder, now)
        return max(1, math.ceil(missing / self._rate)) if missing > 0 else 0

    def owe(self, holder: str, tokens: int, now: float) -> None:
        """Takes tokens that are not there; the debt is at most one burst."""
        left = self._left(holder, now)
        self._keep(holder, min(left, max(left - tokens, -self._burst)), now)

    def _left(self, holder: str, now: float) -> float:
        left, at = self._buckets.get(holder, (self._burst, now))
        return min(self._burst, left + max(now - at, 0.0) * self._rate)

    def _keep(self, holder: str, left: float, now: float) -> None:
        self._buckets[holder] = (left, now)
        self._buckets.move_to_end(holder)
        if len(self._buckets) > self._max_buckets:
            self._buckets.popitem(last=False)


@lru_cache(4_096)
def address_holder(address: str) -> str:
    """Whose rate an address counts to: itself, or for IPv6 its /64, which one subscriber has whole."""
    whole = parsed(address)
    if whole is None:
        return address[:64]
    return str(whole) if whole.version == 4 else str(ipaddress.ip_network(f"{whole}/64", strict=False))
