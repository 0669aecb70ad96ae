"""Rows of sites: expected conversion and bands as the settings say, limits from the site's own scores."""

import pytest

from scoring.site_profile import BandLimits
from storage.pages.site_rows import NOBODY, ScoreCount, SiteRules, limits, site_rows
from stream.fold.sites import SiteRow

SHARE = SiteRules(0.02)


def counts(*sessions: int, events: int = 1, model: str = "m1", site: str = "shop") -> list[ScoreCount]:
    """So many sessions with a probability of 0.1, 0.2, ..."""
    return [ScoreCount(site, model, events, (place + 1) / 10, many) for place, many in enumerate(sessions)]


@pytest.mark.parametrize(
    ("sessions", "building", "high"),
    [
        pytest.param([140, 20, 20, 20], 0.2, 0.4, id="a tenth, and three tenths"),
        pytest.param([119, 60, 0, 21], 0.2, 0.4, id="those of one score are in one band, be it a little more"),
        pytest.param([50, 45, 84, 21], 0.4, 0.4, id="or less, where that is nearer"),
        pytest.param([159, 0, 0, 41], 0.4, NOBODY, id="never twice as many"),
        pytest.param([79, 0, 0, 121], NOBODY, NOBODY, id="more than twice as many are in no band"),
        pytest.param([0, 190, 5, 5], 0.3, 0.3, id="few have another score than most"),
    ],
)
def test_limits_are_shares_of_the_scores(sessions: list[int], building: float, high: float) -> None:
    assert limits(counts(*sessions)) == (BandLimits(1, building, high),)


def test_a_number_of_events_with_few_scores_has_no_limits_of_its_own() -> None:
    given = [*counts(140, 20, 20, 20), *counts(100, 50, 40, events=3), *counts(150, 30, 10, 10, events=6)]
    assert [each.events for each in limits(given)] == [1, 6]


@pytest.mark.parametrize(
    ("rules", "scores", "known", "expected"),
    [
        pytest.param(SiteRules(), [], None, None, id="what holds anyway needs no row"),
        pytest.param(SHARE, [], None, SiteRow("", "shop", 0.02), id="an expected conversion"),
        pytest.param(SHARE, [], SiteRow("", "shop", 0.02), None, id="which is in force"),
        pytest.param(SHARE, [], SiteRow("", "shop", 0.05), SiteRow("", "shop", 0.02), id="or another one is"),
        pytest.param(
            SiteRules(0.03, (0.2, 0.6)),
            counts(140, 20, 20, 20),
            None,
            SiteRow("", "shop", 0.03, (BandLimits(1, 0.2, 0.6),)),
            id="fixed bands whatever the scores",
        ),
        pytest.param(
            SHARE,
            counts(140, 20, 20, 20),
            SiteRow("", "shop", 0.02),
            SiteRow("", "shop", 0.02, (BandLimits(1, 0.2, 0.4),), "m1"),
            id="bands by share",
        ),
        pytest.param(
            SHARE,
            counts(140, 20, 20, 20),
            SiteRow("", "shop", 0.02, (BandLimits(1, 0.201, 0.401),), "m1"),
            None,
            id="that hardly moved",
        ),
        pytest.param(
            SHARE, [], SiteRow("", "shop", 0.02, (BandLimits(1, 0.2, 0.4),), "m1"), None, id="without scores they stay"
        ),
        pytest.param(
            SHARE,
            [],
            SiteRow("", "shop", 0.02, (BandLimits(1, 0.2, 0.6),)),
            SiteRow("", "shop", 0.02),
            id="fixed ones end with the setting",
        ),
        pytest.param(
            SHARE,
            counts(140, 20, 20, 20, model="m2"),
            SiteRow("", "shop", 0.02, (BandLimits(1, 0.2, 0.4),), "m1"),
            SiteRow("", "shop", 0.02, (BandLimits(1, 0.2, 0.4),), "m2"),
            id="another model has its own",
        ),
    ],
)
def test_a_row_is_written_where_it_changes_something(
    rules: SiteRules, scores: list[ScoreCount], known: SiteRow | None, expected: SiteRow | None
) -> None:
    made = site_rows({"shop": rules}, scores, {"shop": known} if known else {})
    assert made == ([expected] if expected else [])
