"""The generated experiment: its truth, and that it is the same each time."""

import numpy as np
import pytest

from deploy.simulate.experiment import GeneratedFacts, generated
from scoring.experiments.visitors import checked


def test_the_arms_convert_at_the_rates_of_the_facts() -> None:
    facts = GeneratedFacts(visitors=400_000, base=0.03, uplift=0.3)
    drawn = checked(generated(facts, (1,)), 2)
    control, treated = (drawn.converted[drawn.arm == arm] for arm in (0, 1))
    error = np.sqrt(0.03 * 0.97 / len(control))
    assert control.mean() == pytest.approx(0.03, abs=4 * error)
    assert treated.mean() - control.mean() == pytest.approx(facts.difference, abs=6 * error)
    assert ((drawn.revenue > 0) == drawn.converted).all()
    assert np.bincount(drawn.counted_on).min() > 0.9 * 400_000 / 28


def test_the_same_seed_draws_the_same_visitors() -> None:
    one, other = (generated(GeneratedFacts(visitors=500), (3, 7)) for _ in range(2))
    for mine, theirs in zip(one, other, strict=True):
        np.testing.assert_array_equal(mine, theirs)
