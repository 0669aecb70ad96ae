"""How well live scores rank the sessions of each site: the area under the ROC curve at the third page.

Of closed sessions with three page views: did those that bought afterwards have the higher score there? Half is chance.
The interval is DeLong's (DeLong, DeLong and Clarke-Pearson 1988), from counts of equal scores.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from math import sqrt
from operator import attrgetter
from typing import Any, Literal, NamedTuple

from msgspec import Struct

#: The page at which scores are compared, how many buyers that takes, and how far back sessions count, in ms.
PAGE, FEWEST_BUYERS, TRAILING_MS = 3, 50, 30 * 24 * 3_600_000
#: Standard errors to each side of a 95 % interval.
WIDTH = 1.959964
CHANCE = 0.5

#: Runs a query of ClickHouse with these parameters.
RunQuery = Callable[[str, dict[str, Any]], Any]
Verdict = Literal["ranks", "unclear", "misleads"]


class OutcomeCount(NamedTuple):
    """How many sessions of a site had this score at the page, and bought afterwards or not."""

    site: str
    model: str
    score: float
    buyers: int
    others: int


class ModelFit(Struct, frozen=True):
    """The AUC of a site's model with its 95 % interval. `misleads`: the whole interval is below chance."""

    site: str
    model: str
    auc: float
    low: float
    high: float
    buyers: int
    sessions: int
    verdict: Verdict
    text: str


class ModelFits(Struct, frozen=True):
    """One for each site that has enough buyers, by name."""

    fits: list[ModelFit]


def model_fits(run: RunQuery, now: int, site: str = "") -> list[ModelFit]:
    """The fit of every site (or of one) with enough buyers, at `now` in ms UTC; raises what `run` raises."""
    given = {"since": max(now - TRAILING_MS, 0), "site": site, "page": PAGE}
    return fits([OutcomeCount(*row) for row in run(_OUTCOMES, given).result_rows])


def fits(counts: Iterable[OutcomeCount]) -> list[ModelFit]:
    """The fits of sites with at least FEWEST_BUYERS buyers and as many others."""
    found = []
    for site, group in groupby(sorted(counts), key=attrgetter("site")):
        of_site = list(group)
        buyers, others = (sum(getattr(each, name) for each in of_site) for name in ("buyers", "others"))
        if min(buyers, others) >= FEWEST_BUYERS:
            found.append(_fit(site, of_site[0].model, auc(of_site), buyers, buyers + others))
    return found


class Area(NamedTuple):
    """An AUC and its standard error."""

    auc: float
    error: float


def auc(counts: Sequence[OutcomeCount]) -> Area:
    """The share of pairs of a buyer and another session in which the buyer has the higher score, a tie being half."""
    ordered = sorted(counts, key=attrgetter("score"))
    buyers, others = (sum(getattr(each, name) for each in ordered) for name in ("buyers", "others"))
    area, of_buyers, of_others = 0.0, [], []
    below = 0
    for count in ordered:
        # What a buyer with this score beats of the others, and by what of the buyers another session is beaten.
        beats = (below + count.others / 2) / others
        below += count.others
        area += count.buyers * beats / buyers
        of_buyers.append((count.buyers, beats))
    above = buyers
    for count in ordered:
        above -= count.buyers
        of_others.append((count.others, (above + count.buyers / 2) / buyers))
    variance = _variance(of_buyers, area, buyers) / buyers + _variance(of_others, area, others) / others
    return Area(area, sqrt(variance))


def _variance(placements: Iterable[tuple[int, float]], mean: float, total: int) -> float:
    return sum(many * (placement - mean) ** 2 for many, placement in placements) / max(total - 1, 1)


def _fit(site: str, model: str, area: Area, buyers: int, sessions: int) -> ModelFit:
    low, high = max(area.auc - WIDTH * area.error, 0.0), min(area.auc + WIDTH * area.error, 1.0)
    verdict: Verdict = "misleads" if high < CHANCE else "ranks" if low > CHANCE else "unclear"
    between = f"AUC {area.auc:.2f}, 95 % {low:.2f} to {high:.2f}, {buyers:,} buyers"
    text = {
        "ranks": f"scores of {site} at the third page rank buyers above others ({between})",
        "unclear": f"scores of {site} at the third page may be no better than chance ({between})",
        "misleads": (
            f"scores of {site} rank buyers below others ({between}): model {model} does not fit this shop; learn from "
            f"the shop's own sessions: `opecom learn --site {site}`"
        ),
    }[verdict]
    return ModelFit(site, model, round(area.auc, 4), round(low, 4), round(high, 4), buyers, sessions, verdict, text)


#: The score is that of the third page view, as it was published live, by the model that scored the site last.
_OUTCOMES = """
WITH sessions AS (
    SELECT site, session_id, opened_at, max(closed) AS is_closed, argMax(revenue, version) AS bought,
           minIf(offset, is_third) AS third, argMinIf(probability, offset, is_third) AS score,
           argMinIf(revenue, offset, is_third) AS bought_before, argMinIf(model_version, offset, is_third) AS model,
           countIf(is_third) AS reached
    FROM (
        SELECT *, backfill = 0 AND NOT closed AND event_type = 'page_view' AND page_view_count >= {page:UInt32}
            AS is_third
        FROM scored_sessions FINAL
        WHERE opened_at >= fromUnixTimestamp64Milli({since:Int64}) AND ({site:String} = '' OR site = {site:String})
          AND position(site, '~') = 0 AND NOT void AND NOT bot
    )
    GROUP BY site, session_id, opened_at
),
newest AS (SELECT site, argMax(model, opened_at) AS model FROM sessions WHERE reached > 0 GROUP BY site)
SELECT site, model, round(score, 4) AS rounded, toInt64(countIf(bought)), toInt64(countIf(NOT bought))
FROM sessions INNER JOIN newest USING (site, model)
WHERE is_closed AND reached > 0 AND NOT bought_before
GROUP BY site, model, rounded
"""
