"""Rates per key, per client address and per its network: token buckets in bounded memory.

Time is passed in, in seconds.
"""

import ipaddress
import math
from collections import Counter, OrderedDict
from functools import lru_cache

from ingest.addresses import parsed

BURST_SECONDS = 10.0
#: Buckets of each kind; the ones unused for longest go first, and a bucket unused for its burst is full anyway.
MAX_BUCKETS = 50_000
#: Wrong keys that an address may send before it has to wait: a program with an old key, not a list of guesses.
WRONG_KEYS_AT_ONCE = 120
#: A /48 of IPv6 may send as much as so many of its 65,536 networks of one subscriber.
NETWORK_FACTOR = 16


class TokenBuckets:
    """`rate` tokens a second for each holder, saved up for `burst_seconds`."""

    def __init__(self, rate: float, max_buckets: int = MAX_BUCKETS, burst_seconds: float = BURST_SECONDS) -> None:
        self._rate = rate
        self._burst = max(rate * burst_seconds, 1.0)
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

    def charge(self, holder: str, tokens: int, now: float) -> None:
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


class AddressBuckets:
    """`rate` tokens a second for each address. An IPv6 address shares its tokens with its /64, which one subscriber
    has whole, and that /64 shares those of its /48, which holds NETWORK_FACTOR times as many.
    """

    def __init__(self, rate: float, max_buckets: int = MAX_BUCKETS, burst_seconds: float = BURST_SECONDS) -> None:
        self._own = TokenBuckets(rate, max_buckets, burst_seconds)
        self._networks = TokenBuckets(rate * NETWORK_FACTOR, max_buckets, burst_seconds)

    def take(self, address: str, tokens: int, now: float) -> int:
        """As `TokenBuckets.take`: where either has too few tokens, none are taken."""
        wait = self.wait(address, tokens, now)
        if not wait:
            self._own.take(address_holder(address), tokens, now)
            if network := network_holder(address):
                self._networks.take(network, tokens, now)
        return wait

    def wait(self, address: str, tokens: int, now: float) -> int:
        """As `TokenBuckets.wait`, the longer of the two."""
        network = network_holder(address)
        wait = self._own.wait(address_holder(address), tokens, now)
        return max(wait, self._networks.wait(network, tokens, now)) if network else wait

    def charge(self, address: str, tokens: int, now: float) -> None:
        """As `TokenBuckets.charge`, of both."""
        self._own.charge(address_holder(address), tokens, now)
        if network := network_holder(address):
            self._networks.charge(network, tokens, now)


class ConcurrencyLimit:
    """`most` at once for each address or IPv6 /64, NETWORK_FACTOR times as many for a /48."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._held: Counter[str] = Counter()

    def __len__(self) -> int:
        """How many addresses and networks hold any."""
        return len(self._held)

    def enter(self, address: str) -> bool:
        """Take a place for this address, until `leave`; False where it holds too many."""
        holders = self._holders(address)
        if any(self._held[holder] >= bound for holder, bound in holders):
            return False
        self._held.update(holder for holder, _ in holders)
        return True

    def leave(self, address: str) -> None:
        """Give a place up that `enter` took."""
        for holder, _ in self._holders(address):
            self._held[holder] -= 1
            if not self._held[holder]:
                del self._held[holder]

    def _holders(self, address: str) -> list[tuple[str, int]]:
        network = network_holder(address)
        own = (address_holder(address), self.most)
        return [own, (network, self.most * NETWORK_FACTOR)] if network else [own]


class WrongKeys:
    """Wrong secret keys: WRONG_KEYS_AT_ONCE from an address, then one a second. Who comes through a proxy shares its
    address with others, so that sixteen times as many are taken from there.
    """

    def __init__(self) -> None:
        self._direct = AddressBuckets(1.0, burst_seconds=WRONG_KEYS_AT_ONCE)
        self._proxied = TokenBuckets(NETWORK_FACTOR, burst_seconds=WRONG_KEYS_AT_ONCE)

    def wait(self, address: str, now: float, proxied: bool = False) -> int:
        """The whole seconds until a key of this address is looked at again; 0 when it is."""
        return self._proxied.wait(address, 1, now) if proxied else self._direct.wait(address, 1, now)

    def count(self, address: str, now: float, proxied: bool = False) -> None:
        """A key of this address was wrong."""
        if proxied:
            self._proxied.take(address, 1, now)
        else:
            self._direct.take(address, 1, now)


@lru_cache(4_096)
def address_holder(address: str) -> str:
    """Whose rate an address counts to: itself, or for IPv6 its /64, which one subscriber has whole."""
    whole = parsed(address)
    if whole is None:
        return address[:64]
    return str(whole) if whole.version == 4 else str(ipaddress.ip_network(f"{whole}/64", strict=False))


@lru_cache(4_096)
def network_holder(address: str) -> str | None:
    """The /48 of an IPv6 address, None for any other."""
    whole = parsed(address)
    return str(ipaddress.ip_network(f"{whole}/48", strict=False)) if whole is not None and whole.version == 6 else None
