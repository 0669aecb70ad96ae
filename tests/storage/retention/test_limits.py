"""Days of settings as moments: whole days of UTC, and the longest limit for what no setting names."""

import pytest

from storage.retention.limits import DAY_MS, Cutoffs, SiteRetention, cutoffs
from tests.support.events import NOON

DAY = NOON // DAY_MS
SHORT, LONG = SiteRetention(2), SiteRetention(30, 60)


@pytest.mark.parametrize(
    ("retention", "only", "expected"),
    [
        pytest.param({}, (), Cutoffs(), id="no site"),
        pytest.param({"a": SiteRetention()}, (), Cutoffs(), id="for ever"),
        pytest.param(
            {"a": SHORT, "b": SiteRetention()}, (), Cutoffs({"a": (DAY - 1) * DAY_MS}), id="one of two has a limit"
        ),
        pytest.param(
            {"a": SHORT, "b": LONG},
            (),
            Cutoffs(
                {"a": (DAY - 1) * DAY_MS, "b": (DAY - 29) * DAY_MS}, {"b": (DAY - 59) * DAY_MS}, (DAY - 29) * DAY_MS
            ),
            id="all have one: others by the longest",
        ),
        pytest.param({"a": SHORT, "b": LONG}, ("a",), Cutoffs({"a": (DAY - 1) * DAY_MS}), id="one site alone"),
    ],
)
def test_moments(retention: dict[str, SiteRetention], only: tuple[str, ...], expected: Cutoffs) -> None:
    assert cutoffs(retention, NOON, only) == expected
