"""Boundaries and probabilities at planned looks, against those that were published."""

import math

import numpy as np
import pytest

from scoring.experiments.planned_looks import boundaries, crossing_probability, spent
from scoring.experiments.tails import two_sided_z
from scoring.experiments.visitors import ExperimentError

#: Two-sided .05, O'Brien-Fleming spending, equal steps: Reboussin, DeMets, Kim and Lan (2000), "Computations for group
#: sequential boundaries using the Lan-DeMets spending function method", and gsDesign's sfLDOF.
PUBLISHED = {
    2: (2.9626, 1.9686),
    3: (3.7103, 2.5114, 1.9930),
    4: (4.3326, 2.9631, 2.3590, 2.0141),
    5: (4.8769, 3.3569, 2.6803, 2.2898, 2.0310),
}
#: The same level at every look of 1.96: Armitage, McPherson and Rowe (1969), table 2.
REPEATED = {1: 0.050, 2: 0.083, 3: 0.107, 4: 0.126, 5: 0.142, 10: 0.193, 20: 0.248}


def equal(number: int) -> list[float]:
    return [(each + 1) / number for each in range(number)]


@pytest.mark.parametrize("number", PUBLISHED)
def test_boundaries_are_the_published_ones(number: int) -> None:
    assert boundaries(equal(number), 0.05) == pytest.approx(PUBLISHED[number], abs=2e-4)


@pytest.mark.parametrize("number", REPEATED)
def test_looking_often_at_a_fixed_level_is_what_armitage_published(number: int) -> None:
    bounds = [two_sided_z(0.05)] * number
    assert crossing_probability(equal(number), bounds) == pytest.approx(REPEATED[number], abs=6e-4)


@pytest.mark.parametrize(
    "fractions",
    [
        pytest.param([1.0], id="one look is the fixed test"),
        pytest.param([0.1, 0.11, 0.5, 0.9, 1.0], id="looks at odd times"),
        pytest.param([each / 28 for each in range(1, 29)], id="every day"),
    ],
)
def test_all_of_alpha_is_spent_by_the_last_look(fractions: list[float]) -> None:
    bounds = boundaries(fractions, 0.05)
    assert crossing_probability(fractions, bounds) == pytest.approx(0.05, abs=1e-6)
    assert bounds == sorted(bounds, reverse=True) or fractions[1] == 0.11
    if len(fractions) == 1:
        assert bounds[0] == pytest.approx(two_sided_z(0.05), abs=1e-6)


def test_the_probability_to_cross_is_that_of_drawn_walks() -> None:
    fractions, drift = [0.3, 0.7, 1.0], 2.2
    bounds = boundaries(fractions, 0.05)
    steps = np.diff([0.0, *fractions])
    walk = np.cumsum(np.random.default_rng(3).standard_normal((200_000, 3)) * np.sqrt(steps) + drift * steps, axis=1)
    crossed = (np.abs(walk) / np.sqrt(fractions) > bounds).any(1).mean()
    assert crossing_probability(fractions, bounds, drift) == pytest.approx(crossed, abs=4 * math.sqrt(0.25 / 200_000))


def test_nothing_is_spent_before_the_first_visitor_and_all_at_the_end() -> None:
    assert spent(0.0, 0.05) == 0
    assert spent(1.0, 0.05) == pytest.approx(0.05)
    assert spent(1.7, 0.05) == pytest.approx(0.05)


@pytest.mark.parametrize("fractions", [[0.5, 0.5], [0.0, 1.0], [0.5, 1.2, 1.3]], ids=["twice", "nobody", "beyond"])
def test_looks_that_do_not_grow_are_refused(fractions: list[float]) -> None:
    with pytest.raises(ExperimentError, match="growing fractions"):
        boundaries(fractions, 0.05)
