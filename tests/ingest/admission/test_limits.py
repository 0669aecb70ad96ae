"""Token buckets, on a clock of our own."""

import pytest

from ingest.admission.limits import NETWORK_FACTOR, AddressBuckets, TokenBuckets, address_holder


def test_a_burst_of_ten_seconds_then_the_rate() -> None:
    buckets = TokenBuckets(rate=2)
    assert [buckets.take("a", 1, 0.0) for _ in range(21)] == [0] * 20 + [1]
    assert buckets.take("a", 1, 0.5) == 0
    assert buckets.take("a", 5, 0.5) == 3
    assert buckets.take("b", 20, 0.5) == 0


def test_a_refused_request_takes_nothing() -> None:
    buckets = TokenBuckets(rate=1)
    assert buckets.take("a", 10, 0.0) == 0
    assert [buckets.take("a", 2, 1.0), buckets.take("a", 1, 1.0)] == [1, 0]


def test_what_is_larger_than_a_burst_waits_for_a_full_bucket() -> None:
    buckets = TokenBuckets(rate=1)
    assert buckets.take("a", 100, 0.0) == 0
    assert buckets.take("a", 1, 50.0) > 0
    assert buckets.take("a", 1, 91.0) == 0


def test_a_clock_that_goes_back_gives_nothing() -> None:
    buckets = TokenBuckets(rate=1)
    assert buckets.take("a", 10, 100.0) == 0
    assert buckets.take("a", 1, 50.0) == 1


def test_memory_is_bounded() -> None:
    buckets = TokenBuckets(rate=1, max_buckets=100)
    for number in range(1_000):
        buckets.take(str(number), 1, 0.0)
    assert len(buckets) == 100


@pytest.mark.parametrize(
    ("address", "holder"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:0:1:2::3", "2001:db8:0:1::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("?" * 99, "?" * 64),
    ],
)
def test_holder(address: str, holder: str) -> None:
    assert address_holder(address) == holder


def test_a_debt_is_paid_before_anything_else_and_is_at_most_a_burst() -> None:
    buckets = TokenBuckets(rate=1)
    buckets.charge("a", 13, 0.0)
    assert buckets.wait("a", 1, 0.0) == 4
    assert [buckets.take("a", 1, 3.0), buckets.take("a", 1, 4.0)] == [1, 0]
    buckets.charge("a", 1_000, 4.0)
    assert buckets.wait("a", 10, 4.0) == 20


def test_a_debt_lifts_nobody_out_of_a_deeper_one() -> None:
    buckets = TokenBuckets(rate=1)
    assert buckets.take("a", 100, 0.0) == 0
    buckets.charge("a", 1, 0.0)
    assert buckets.wait("a", 1, 0.0) == 91


def test_the_subscribers_of_one_network_share_its_tokens() -> None:
    buckets = AddressBuckets(rate=1)
    taken = [buckets.take(f"2001:db8:0:{subscriber:x}::1", 10, 0.0) for subscriber in range(NETWORK_FACTOR + 1)]
    assert taken == [0] * NETWORK_FACTOR + [1]
    # What was refused took nothing, neither of the address nor of its network.
    assert buckets.take(f"2001:db8:0:{NETWORK_FACTOR:x}::1", 10, 1.0) == 0
    assert buckets.take("2001:db8:1::1", 10, 0.0) == 0


def test_addresses_of_one_subscriber_share_a_rate_and_others_have_their_own() -> None:
    buckets = AddressBuckets(rate=1)
    assert [buckets.take("2001:db8::1", 10, 0.0), buckets.take("2001:db8::2", 1, 0.0)] == [0, 1]
    assert [buckets.take("203.0.113.1", 10, 0.0), buckets.take("203.0.113.2", 10, 0.0)] == [0, 0]
    buckets.charge("2001:db8::3", 5, 0.0)
    assert buckets.wait("2001:db8::1", 1, 0.0) == 6
