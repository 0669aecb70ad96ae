"""When nothing moves although there is something to do."""

from stream.kafka.watchdog import PartitionProgress


def test_only_lag_without_progress_is_a_stall() -> None:
    progress = PartitionProgress(patience=60)
    assert progress.stalled({0: 5, 1: 7}, {0: 5, 1: 9}, now=0) is None
    assert progress.stalled({0: 5, 1: 7}, {0: 5, 1: 9}, now=60) is None
    assert progress.stalled({0: 5, 1: 7}, {0: 5, 1: 9}, now=61) == 1


def test_progress_starts_the_patience_anew() -> None:
    progress = PartitionProgress(patience=60)
    progress.stalled({0: 5}, {0: 9}, now=0)
    assert progress.stalled({0: 6}, {0: 9}, now=59) is None
    assert progress.stalled({0: 6}, {0: 9}, now=100) is None
    assert progress.stalled({0: 6}, {0: 9}, now=120) == 0


def test_a_partition_that_was_away_is_not_held_against_its_past() -> None:
    progress = PartitionProgress(patience=60)
    progress.stalled({0: 5}, {0: 9}, now=0)
    progress.stalled({}, {}, now=30)
    assert progress.stalled({0: 5}, {0: 9}, now=80) is None
