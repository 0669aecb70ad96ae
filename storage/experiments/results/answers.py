"""The answer of GET /experiments/{name}/results. Plain data; times in ms UTC, days of the experiment from 0 on."""

from msgspec import Struct

from scoring.experiments.labels import LabelCounts
from scoring.experiments.names import MetricName
from scoring.experiments.reading import ExperimentReport
from scoring.experiments.uplift import QiniCurve
from stream.experiments.definition import ExperimentKind, ExperimentStatus, ReadingName, Unit


class ReadingRule(Struct, frozen=True, kw_only=True):
    """How it is read; `is_written_before`: whether all of it stands in the record that started the experiment."""

    reading: ReadingName
    planned_visitors: int
    looks: int
    window_days: int
    decides: MetricName
    is_written_before: bool


class SegmentResult(Struct, frozen=True):
    """One arm against the control in one segment, as SegmentEffect (scoring/experiments/segments.py)."""

    segment: str
    arm: str
    visitors: int
    difference: float
    low: float
    high: float
    p: float
    is_difference: bool


class DimensionResults(Struct, frozen=True):
    """The segments of one dimension that have enough visitors; Holm's correction is over all of these."""

    dimension: str
    segments: list[SegmentResult]


class UpliftResults(Struct, frozen=True):
    """Who is moved by an arm: its Qini curve over the score at the exposure."""

    arm: str
    curve: QiniCurve


class HoldoutResults(Struct, frozen=True, kw_only=True):
    """All visitors who can be acted on, against those who are held out, since `since`; `share` of these in percent."""

    share: float
    since: int
    report: ExperimentReport
    labels: LabelCounts
    conclusions: list[str]


class ExperimentResults(Struct, frozen=True, kw_only=True):
    """A reading as of `until`. Revenue is in `currency`, "" where nothing says which; `covariates` name what was known
    before exposure and is taken off. `conclusions` and `cautions`: what may be concluded and what not, in words.
    `segments`, `uplift` and `holdout` are of what was asked for and can be read.
    """

    name: str
    site: str
    kind: ExperimentKind
    unit: Unit
    status: ExperimentStatus
    started_at: int
    stopped_at: int | None
    until: int
    rule: ReadingRule
    report: ExperimentReport
    labels: LabelCounts
    currency: str
    covariates: list[str]
    conclusions: list[str]
    cautions: list[str]
    segments: list[DimensionResults]
    uplift: list[UpliftResults]
    holdout: HoldoutResults | None
    notices: list[str]


STRUCTS: tuple[type[Struct], ...] = (ExperimentResults,)
