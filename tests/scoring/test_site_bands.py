"""Label and bands of a probability: found among steps, the same as by comparing it with each limit."""

from math import nan, nextafter

import pytest

from scoring.manifest import band_of, label_of
from scoring.model import ConstantModel
from scoring.site_bands import SiteClassifier
from scoring.site_profile import BandLimits, SiteProfile, kept


@pytest.mark.parametrize(
    ("building", "high"),
    [
        pytest.param(0.2, 0.5, id="the model's"),
        pytest.param(0.4, 0.6, id="around the threshold"),
        pytest.param(0.5, 0.5, id="no building, and high from the threshold"),
        pytest.param(0.0, 1.0, id="all building"),
        pytest.param(0.1234567, 0.7654321, id="limits of seven digits"),
        pytest.param(0.3, 0.5000004, id="high from just above the threshold"),
    ],
)
def test_each_probability_is_classified_as_by_comparing(building: float, high: float) -> None:
    manifest, bands = ConstantModel().manifest, (building, high)
    profile = SiteProfile("shop", limits=(BandLimits(1, building, high),))
    classify = SiteClassifier(manifest).classify
    edges = {manifest.threshold, *bands, *kept(bands), 0.0, 1.0}
    near = [each + step for each in edges for step in (-1e-6, -5e-7, -4e-7, 0.0, 4e-7, 5e-7, 1e-6)]
    close = [nextafter(each, towards) for each in edges for towards in (0.0, 1.0)]
    for each in (*near, *close, *[place / 997 for place in range(998)], nan):
        compared = label_of(each, manifest.threshold), band_of(each, bands), band_of(each, kept(bands))
        assert classify(each, profile, 1) == compared
