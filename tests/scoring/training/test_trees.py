"""Trees in a graph go the way that they say, at their thresholds and for codes that no set has."""

import numpy as np
import pytest

from scoring.features import NAMES
from scoring.onnx import session
from scoring.training.differences import draw
from scoring.training.graph import without_reasons
from scoring.training.trees import AT_MOST, LESS, MEMBER, Branch, Node, Trees

MONTH, WEEKEND, VALUES = NAMES.index("Month"), NAMES.index("Weekend"), NAMES.index("PageValues")
JUST_LESS = float(np.nextafter(np.float32(0.1), np.float32(0)))


def leaf_of(root: Node, feature: int, value: float, *more: Node) -> float:
    """The logit of a row that is 0 but for this feature."""
    graph = without_reasons(draw(Trees(0.25, [root, *more]), (0.0,) * len(NAMES), pairs=1))
    row = np.zeros((1, len(NAMES)), np.float32)
    row[0, feature] = value
    (probability,) = session(graph).run(None, {"features": row})
    return float(np.log(probability[0] / (1 - probability[0])))


@pytest.mark.parametrize(
    ("mode", "value", "way"),
    [
        pytest.param(AT_MOST, 0.1, 1, id="at most: the threshold itself"),
        pytest.param(LESS, 0.1, -1, id="less: the threshold itself"),
        pytest.param(LESS, JUST_LESS, 1, id="less: the float before it"),
        pytest.param(AT_MOST, 0.1001, -1, id="at most: above"),
    ],
)
def test_numbers_at_a_threshold(mode: int, value: float, way: float) -> None:
    assert leaf_of(Branch(mode, VALUES, 0.1, (), 1.0, -1.0), VALUES, value) == pytest.approx(0.25 + way, abs=1e-5)


@pytest.mark.parametrize(
    ("codes", "code", "inside"),
    [
        *(pytest.param((2, 5, 11), code, code in {2, 5, 11}, id=f"code {code} in 2, 5, 11") for code in range(14)),
        *(pytest.param((1, 2, 20), code, False, id=f"unknown {code}") for code in (21, 32, 33, 34, 64, 65, 97, 10_000)),
        pytest.param((0,), 0, True, id="a set of 0"),
        pytest.param((0,), 1, False, id="1 in a set of 0"),
    ],
)
def test_sets_of_codes(codes: tuple[int, ...], code: int, inside: bool) -> None:
    branch = Branch(MEMBER, MONTH, 0.0, codes, 1.0, -1.0)
    assert leaf_of(branch, MONTH, code) == pytest.approx(0.25 + (1 if inside else -1), abs=1e-5)


def test_sets_of_several_branches_stay_apart() -> None:
    lower = Branch(MEMBER, MONTH, 0.0, (3, 4), 0.1, Branch(LESS, VALUES, 1.0, (), 0.2, 0.3))
    root = Branch(MEMBER, WEEKEND, 0.0, (1,), 0.4, Branch(MEMBER, MONTH, 0.0, (3, 7), lower, 0.5))
    found = [leaf_of(root, MONTH, code) for code in (3, 4, 7, 0)]
    assert found == pytest.approx([0.35, 0.75, 0.45, 0.75], abs=1e-5)


def test_a_tree_of_one_leaf_counts() -> None:
    alone = 0.5
    assert leaf_of(Branch(LESS, VALUES, 1.0, (), 1.0, -1.0), VALUES, 3.0, alone) == pytest.approx(-0.25, abs=1e-5)
    assert leaf_of(alone, VALUES, 3.0) == pytest.approx(0.75, abs=1e-5)
