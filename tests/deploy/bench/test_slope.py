"""A slope is found with its interval, and what has too few samples has none."""

import math

import pytest

from deploy.bench.errors import BenchError
from deploy.bench.slope import BLOCKS, slope
from deploy.bench.soak import slopes_of


def test_a_line_has_its_slope_an_hour_and_no_interval() -> None:
    found = slope([(at, 100 + at / 3_600 * 7) for at in range(0, 3_600, 5)])
    assert found.per_hour == pytest.approx(7)
    assert found.plus_minus == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("rise", [0.0, 40.0], ids=["flat", "a leak"])
def test_what_goes_up_and_down_has_an_interval_that_holds_the_slope(rise: float) -> None:
    found = slope([(at, 200 + rise * at / 3_600 + 5 * math.sin(at / 37) + at % 7) for at in range(0, 3_600, 5)])
    assert abs(found.per_hour - rise) < found.plus_minus < 15


def test_a_leak_differs_from_noise() -> None:
    flat, leak = (slope([(at, rise * at / 3_600 + math.sin(at / 37)) for at in range(0, 3_600, 5)]) for rise in (0, 40))
    assert flat.per_hour - flat.plus_minus < 0 < leak.per_hour - leak.plus_minus


@pytest.mark.parametrize(
    "samples", [[(0.0, 1.0)] * (BLOCKS - 1), [(5.0, 1.0)] * BLOCKS], ids=["too few", "of one moment"]
)
def test_what_has_no_slope_raises(samples: list[tuple[float, float]]) -> None:
    with pytest.raises(ValueError, match=r"fewer|one moment"):
        slope(samples)


def test_a_soak_counts_from_its_middle_on() -> None:
    samples = [(float(at), {("worker", "rss_mb"): float(min(at, 500))}) for at in range(0, 1_000, 10)]
    found = slopes_of(samples)["worker", "rss_mb"]
    assert found.per_hour == pytest.approx(0, abs=1e-6)
    with pytest.raises(BenchError, match="--minutes"):
        slopes_of(samples[:20])
