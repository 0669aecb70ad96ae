"""Alarms: which columns of a day are farther from quiet days than chance has it, and what usually causes that. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from msgspec import Struct

from scoring.drift.bins import SessionSample
from scoring.drift.quiet import DRAWS, SEED, QuietDays
from scoring.errors import ScoringError

#: Days that must have been seen, and sessions of a day that can be compared.
FEWEST_DAYS, FEWEST_SESSIONS = 7, 50
#: Alarms on quiet days that are accepted, and days of a month.
ALARMS_PER_MONTH, DAYS_PER_MONTH = 1.0, 30.44
#: The limits of the population stability index that are in use elsewhere, shown beside ours.
PSI_LIMITS = (0.1, 0.25)
#: The column of the scores.
SCORE = "probability"

_USUAL_CAUSES: dict[str, tuple[str, ...]] = {
    "a template change: pages lost their type, or have another (data-page-type, path rules)": (
        *("Administrative", "Informational", "ProductRelated", "last_page_type"),
        *("Administrative_Duration", "Informational_Duration", "ProductRelated_Duration"),
    ),
    "pings stopped: another tracker, or a page that blocks it": ("engaged_seconds", "mean_scroll_depth"),
    "commerce events stopped, or are sent twice: look at the shop's dataLayer and at the tag": (
        *("distinct_products", "searches", "cart_adds", "cart_removes", "wishlist_adds", "checkout_step"),
    ),
    "prices or currency changed, or commerce events stopped": ("cart_quantity", "cart_value"),
    "page statistics moved: `opecom pages show`": ("PageValues", "BounceRates", "ExitRates"),
    "a campaign began or ended, or its links lost their parameters": ("TrafficType", "VisitorType"),
    "programs that look like people, or a campaign": ("Browser", "OperatingSystems", "device_class", "Region"),
    "visitors lost their history: another domain, consent or storage": (
        *("previous_sessions", "previous_purchases", "days_since_previous_session"),
    ),
    "programs that look like people, or a page that reloads itself": (
        *("elapsed_seconds", "seconds_since_previous_event", "page_views", "distinct_pages"),
    ),
    "another time zone (sites.NAME.timezone), or traffic of another part of the world": ("hour",),
    "another model or expected conversion came into force, or a feature above moved it": (SCORE,),
}
_CAUSES = {name: cause for cause, names in _USUAL_CAUSES.items() for name in names}


class TooFewSessionsError(ScoringError):
    """There is not enough to compare; the message is one line that says what is missing."""


class ColumnPlace(NamedTuple):
    """A column of a sample: a feature, or SCORE, at so many events."""

    events: int
    name: str


class DriftAlarm(Struct, frozen=True):
    """A column that moved. `strength`: in usual distances of quiet days. `before` and `now`: shares of `bins`."""

    events: int
    name: str
    strength: float
    psi: float
    cause: str
    bins: list[str]
    before: list[float]
    now: list[float]


class DriftReport(Struct, frozen=True):
    """A day beside the quiet days before it. `limit`: the strength from which on a column is an alarm.

    `psi_over`: how many columns are beyond each of PSI_LIMITS, which know neither sample size nor chance.
    """

    sessions: int
    quiet_days: int
    quiet_sessions: int
    columns: int
    limit: float
    alarms: list[DriftAlarm]
    psi_over: list[int]


def drift(
    columns: Sequence[ColumnPlace],
    quiet: Sequence[SessionSample],
    day: SessionSample,
    alarms_per_month: float = ALARMS_PER_MONTH,
    draws: int = DRAWS,
    seed: int = SEED,
) -> DriftReport:
    """Compare a day with the quiet days, the strongest alarm first; raises TooFewSessionsError."""
    quiet = [each for each in quiet if len(each) >= FEWEST_SESSIONS]
    if len(day) < FEWEST_SESSIONS:
        raise TooFewSessionsError(
            f"the window has {len(day)} sessions: {FEWEST_SESSIONS} are needed, take a longer one"
        )
    if len(quiet) < FEWEST_DAYS:
        raise TooFewSessionsError(
            f"before the window there are {len(quiet)} days of {FEWEST_SESSIONS} sessions or more: "
            f"{FEWEST_DAYS} are needed"
        )
    known = QuietDays(quiet, len(day), draws, seed)
    counts = known.bins.counts(known.bins.codes(day))
    strengths, psi = known.strengths(counts), known.bins.psi(counts, known.counts)
    limit = known.limit(alarms_per_month / DAYS_PER_MONTH)
    alarms = [
        DriftAlarm(
            place.events,
            place.name,
            float(strengths[column]),
            float(psi[column]),
            _CAUSES[place.name],
            known.bins.columns[column].labels(),
            known.bins.histogram(column, known.counts),
            known.bins.histogram(column, counts),
        )
        for column, place in enumerate(columns)
        if strengths[column] > limit
    ]
    return DriftReport(
        len(day),
        len(quiet),
        sum(map(len, quiet)),
        len(columns),
        limit,
        sorted(alarms, key=lambda alarm: -alarm.strength),
        [int((psi > bound).sum()) for bound in PSI_LIMITS],
    )
