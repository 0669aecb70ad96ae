"""What the routes under /admin/overview answer. Times are ms UTC; `zone` is the site's, for whoever shows them.

A buyer is a session with an order that counts in it, as in /admin/stats: storage/database/orders.py. Shares have their
95 % interval.
"""

from typing import Literal

from msgspec import Struct

from scoring.manifest import Band
from storage.overview.periods import Period, SpanLength
from storage.overview.shares import Share

Moment = Literal["highest", "event_1", "event_3", "event_5", "event_10"]
FunnelStep = Literal["session", "view", "cart", "checkout", "purchase"]
CartFate = Literal["bought", "unverified", "bought_later", "alive", "emptied", "left"]
Dimension = Literal["source", "device", "browser", "system", "region", "visitor"]


class Figures(Struct, frozen=True):
    """Of some sessions. Revenue is as in /admin/stats: refunds are taken off it, and it is null where it has no common
    currency. `average_order_value` is what an order brought before refunds, null where there are none or no revenue.
    """

    sessions: int
    buyers: int
    conversion: Share
    orders: int
    average_order_value: float | None
    revenue: float | None
    currency: str
    revenue_by_currency: dict[str, float]
    refunded: float | None
    unverified_purchases: int


class PeriodFigures(Struct, frozen=True):
    period: Period
    figures: Figures


class Summary(Struct, frozen=True):
    """The period and, where one was asked for, the one that it is compared with."""

    site: str
    zone: str
    current: PeriodFigures
    compared: PeriodFigures | None


class SpanFigures(Struct, frozen=True):
    """The sessions that opened in the hour or day that begins at `at`. `mean_intent` is the mean of their scores as
    they stand, null where there are none; `bands` counts the sessions by band."""

    at: int
    figures: Figures
    mean_intent: float | None
    bands: dict[Band, int]


class PeriodSpans(Struct, frozen=True):
    period: Period
    spans: list[SpanFigures]


class Series(Struct, frozen=True):
    site: str
    zone: str
    by: SpanLength
    current: PeriodSpans
    compared: PeriodSpans | None


class StepCount(Struct, frozen=True):
    """Sessions that came to a step: `own` by what it says itself, `reached` also by a later step, which implies it."""

    step: FunnelStep
    reached: int
    own: int
    of_sessions: Share
    of_previous: Share


class Funnel(Struct, frozen=True):
    """`unverified`: sessions with a purchase that a browser reported and nobody verified, and none that counts."""

    site: str
    zone: str
    period: Period
    steps: list[StepCount]
    unverified: int


class FateCount(Struct, frozen=True):
    """`value` adds up the greatest value that each cart had, whatever its currency; `unvalued` carts have none known.
    `undecided`, of those left: the days in which their visitor may still buy are not over."""

    fate: CartFate
    carts: int
    share: Share
    value: float
    unvalued: int
    undecided: int


class Carts(Struct, frozen=True):
    """What became of the carts of sessions that opened in the period, by the rule of docs/overview.md."""

    site: str
    zone: str
    period: Period
    days: int
    carts: int
    fates: list[FateCount]


class BandCount(Struct, frozen=True):
    """Closed sessions that were in the band at the moment, and those of them that bought afterwards."""

    moment: Moment
    band: Band
    sessions: int
    buyers: int
    conversion: Share


class Bands(Struct, frozen=True):
    site: str
    zone: str
    period: Period
    bands: list[BandCount]


class CalibrationGroup(Struct, frozen=True):
    """About a tenth of the sessions, by their score: lowest, mean and highest score, and the share that bought."""

    low_score: float
    mean_score: float
    high_score: float
    sessions: int
    buyers: int
    bought: Share


class CalibrationAt(Struct, frozen=True):
    """At one event number. `expected` is the sum of the scores; `error` the mean distance between score and share over
    the groups, weighed by sessions (expected calibration error)."""

    event: int
    sessions: int
    buyers: int
    expected: float
    error: float | None
    groups: list[CalibrationGroup]


class Calibration(Struct, frozen=True):
    """Live scores beside what came of them; `models` are those that gave the scores."""

    site: str
    zone: str
    period: Period
    models: list[str]
    events: list[CalibrationAt]


class SegmentFigures(Struct, frozen=True):
    name: str
    figures: Figures


class Segments(Struct, frozen=True):
    """The segments of the most sessions; `others` are those beyond, added up."""

    site: str
    zone: str
    period: Period
    dimension: Dimension
    segments: list[SegmentFigures]
    others: Figures | None


class PageFigures(Struct, frozen=True):
    """`sessions` viewed the page, `buyers` of them bought afterwards; `value` is what they paid, before refunds, by
    session that viewed it."""

    path: str
    views: int
    sessions: int
    buyers: int
    conversion: Share
    value: float


class TopPages(Struct, frozen=True):
    """The most valuable pages first; `pages` is how many there are of all."""

    site: str
    zone: str
    period: Period
    currency: str
    pages: int
    top: list[PageFigures]


STRUCTS: tuple[type[Struct], ...] = (Summary, Series, Funnel, Carts, Bands, Calibration, Segments, TopPages)
