"""What a fold of the log gives may be gigabytes: nothing may write it down by the way."""

from deploy.chaos.recomputed import Recomputed


def test_the_repr_leaves_the_rows_out() -> None:
    rows = {"sessions": {(number,): {"event_count": number} for number in range(1_000)}}
    assert len(repr(Recomputed(rows, set(), {}, 1_000))) < 200
