"""Ranges of buckets: how many there are, which are free, and how an arm gets more without losing any."""

from collections.abc import Iterable, Sequence

from stream.errors import StreamError
from stream.experiments.assignment import BUCKETS, BucketRange


class RangeError(StreamError):
    """An arm cannot have as many buckets as were asked for; the message says why."""


def size(ranges: Iterable[BucketRange]) -> int:
    """How many buckets the ranges have."""
    return sum(end - first for first, end in ranges)


def free(taken: Iterable[BucketRange]) -> list[BucketRange]:
    """The buckets that none of these ranges has, the lowest first."""
    found, at = [], 0
    for first, end in sorted(taken):
        if first > at:
            found.append((at, first))
        at = max(at, end)
    return [*found, (at, BUCKETS)] if at < BUCKETS else found


def are_disjoint(ranges: Iterable[BucketRange]) -> bool:
    """Whether these are ranges of buckets, and none has a bucket of another one."""
    at = 0
    for first, end in sorted(ranges):
        if not at <= first < end <= BUCKETS:
            return False
        at = end
    return True


def covers(ranges: Sequence[BucketRange], earlier: Sequence[BucketRange]) -> bool:
    """Whether the ranges have every bucket of the earlier ones."""
    return size(joined([*ranges, *earlier])) == size(joined(ranges))


def joined(ranges: Iterable[BucketRange]) -> tuple[BucketRange, ...]:
    """The same buckets in as few ranges as there can be, in order."""
    found: list[BucketRange] = []
    for first, end in sorted(ranges):
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((first, end))
    return tuple(found)


def grown(
    arms: Sequence[Sequence[BucketRange]], sizes: Sequence[int], others: Iterable[BucketRange]
) -> list[tuple[BucketRange, ...]]:
    """The ranges of arms that shall have so many buckets each, in the order of the arms.

    An arm keeps its own and takes the lowest that neither an arm nor `others` have. Raises RangeError where one would
    shrink, or where too few are free.
    """
    taken = [*others, *(each for ranges in arms for each in ranges)]
    missing = [wanted - size(ranges) for ranges, wanted in zip(arms, sizes, strict=True)]
    if min(missing) < 0:
        raise RangeError("an arm never shrinks, so that who is in it stays: stop the experiment instead")
    if sum(missing) > size(free(taken)):
        raise RangeError(
            f"the arms want {sum(missing) / 100:g} % more and {size(free(taken)) / 100:g} % of the layer are free: "
            "give them less, stop another experiment of the layer, or take another layer"
        )
    made = []
    for ranges, count in zip(arms, missing, strict=True):
        added = _lowest(free(taken), count)
        taken += added
        made.append(joined([*ranges, *added]))
    return made


def _lowest(room: Iterable[BucketRange], count: int) -> list[BucketRange]:
    found = []
    for first, end in room:
        if not count:
            break
        taken = min(count, end - first)
        found.append((first, first + taken))
        count -= taken
    return found
