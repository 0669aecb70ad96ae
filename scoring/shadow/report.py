"""What a shadow found: a candidate beside the model in force on the same updates. Plain data, written as JSON.

A figure is None where it has no meaning: an AUC without buyers, an interval without sessions.
"""

from msgspec import Struct

#: The event numbers at which sessions are looked at; ALL stands for every update, which weighs 1 / its number.
NUMBERS = (1, 3, 5, 10, 20)
ALL = "all"


class ModelFigures(Struct, frozen=True):
    """One model on some updates; `predicted` is its mean probability."""

    predicted: float | None
    log_loss: float | None
    brier: float | None
    auc: float | None
    ece: float | None


class PairedDifference(Struct, frozen=True):
    """Candidate less the model in force, or less what was observed, with the 95 % interval of a bootstrap over
    sessions."""

    value: float | None
    low: float | None
    high: float | None


class PairedFigures(Struct, frozen=True):
    """Both models on the same updates. `buyers`: sessions that buy after one of them; `observed`: their share.

    `differences`: by the names of ModelFigures. `ece_by_chance`: the ECE that a calibrated candidate would have on so
    few sessions, in the mean of the bootstrap; an ECE is a sum of absolute values, so it is never 0. `excess`: the
    candidate's mean probability less the observed share.
    """

    sessions: int
    buyers: int
    observed: float | None
    live: ModelFigures
    candidate: ModelFigures
    differences: dict[str, PairedDifference]
    ece_by_chance: float | None = None
    excess: PairedDifference | None = None


class CalibrationBin(Struct, frozen=True):
    """Updates with a probability in one tenth of the scale; `share`: of all, by their weights."""

    share: float
    predicted: float
    observed: float


class SessionMover(Struct, frozen=True):
    """A session of which the candidate thinks otherwise, at the event where the two are furthest apart."""

    moved: float
    site: str
    session_id: str
    opened_at: int
    event: int
    before: float
    after: float
    bought: bool


class GraphLatency(Struct, frozen=True):
    """CPU time in microseconds of one row alone, and of a row in a batch of 64, with reasons, the median of runs."""

    one: float
    of_batch: float


class ShadowReport(Struct, frozen=True, kw_only=True):
    """`live`: the share of the updates that each version in force had. `since` and `until`: when the first session that
    was compared opened, and the last one. Times in ms UTC.

    `sha256` is that of the candidate's graph. Sessions that opened before `fitted_until` are left out; None: the
    candidate's manifest does not say what it was fitted on, and none is left out for that. `kept`: the share of the
    sessions that was compared where there were too many.
    """

    candidate: str
    sha256: str
    live: dict[str, float]
    site: str
    since: int
    until: int
    fitted_until: int | None
    sessions: int
    buyers: int
    updates: int
    left_open: int
    kept: float
    by_event: dict[str, PairedFigures]
    subgroups: dict[str, PairedFigures]
    calibration: dict[str, list[CalibrationBin]]
    movers: list[SessionMover]
    latency: dict[str, GraphLatency]

    @property
    def whole(self) -> PairedFigures:
        """The figures of all updates."""
        return self.by_event[ALL]
