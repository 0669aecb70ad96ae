"""Label and band at the edges of the manifest's numbers."""

import pytest
from msgspec.structs import replace

from scoring.manifest import classify
from scoring.model import ConstantModel

MANIFEST = replace(ConstantModel().manifest, threshold=0.3, bands=(0.1, 0.3))


@pytest.mark.parametrize(
    ("probability", "expected"),
    [
        pytest.param(0.0, ("NO", "low"), id="nothing"),
        pytest.param(0.0999994, ("NO", "low"), id="below building after rounding"),
        pytest.param(0.0999996, ("NO", "building"), id="building after rounding"),
        pytest.param(0.2999994, ("NO", "building"), id="below the threshold after rounding"),
        pytest.param(0.2999996, ("YES", "high"), id="the threshold after rounding"),
        pytest.param(1.0, ("YES", "high"), id="certainty"),
    ],
)
def test_label_and_band(probability: float, expected: tuple[str, str]) -> None:
    assert classify(probability, MANIFEST) == expected
