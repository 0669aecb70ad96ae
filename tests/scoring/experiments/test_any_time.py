"""The confidence sequence: its published form, where it is shortest, and what it covers at all times at once."""

import math

import numpy as np
import pytest

from scoring.experiments.any_time import any_time_multiplier


@pytest.mark.parametrize("visitors", [100.0, 5_000.0, 20_000.0, 400_000.0])
def test_it_is_theorem_2_2(visitors: float) -> None:
    alpha, planned = 0.05, 20_000.0
    twice = -2 * math.log(alpha)
    rho = math.sqrt((twice + math.log(twice) + 1) / planned)
    inside = visitors * rho**2 + 1
    half_width = math.sqrt(2 * inside / (visitors**2 * rho**2) * math.log(math.sqrt(inside) / alpha))
    assert any_time_multiplier(visitors, planned, alpha) == pytest.approx(half_width * math.sqrt(visitors))


def test_it_is_shortest_near_the_planned_number_of_visitors() -> None:
    others = [float(any_time_multiplier(1_000.0, planned, 0.05)) for planned in (100.0, 300.0, 3_000.0, 10_000.0)]
    assert float(any_time_multiplier(1_000.0, 1_000.0, 0.05)) < min(others)
    assert math.isinf(any_time_multiplier(0.0, 1_000.0, 0.05))


def test_it_covers_at_all_times_at_once() -> None:
    """At most alpha by Ville; the rest of alpha belongs to times after the last one drawn."""
    runs, length, alpha = 2_000, 2_000, 0.1
    walk = np.random.default_rng(5).standard_normal((runs, length)).cumsum(1)
    at = np.arange(1, length + 1)
    z = np.abs(walk) / np.sqrt(at)
    ever = (z > any_time_multiplier(at.astype(np.float64), 500.0, alpha)).any(1).mean()
    assert 0.02 < ever <= alpha
    fixed = (z[:, 100:] > 1.6449).any(1).mean()
    assert fixed > 3 * alpha
