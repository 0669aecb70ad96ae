"""Alarms: which columns and figures of a window are farther from quiet ones than chance has it. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from scoring.catalogue import catalogue
from scoring.drift.bins import OTHER, SessionSample
from scoring.drift.causes import CAUSES, SCORE
from scoring.drift.measures import WindowFigure, outcome_figures, rates, volumes
from scoring.drift.quiet import DRAWS, SEED, USUAL, QuietDays
from scoring.drift.windows import DriftWindow
from scoring.errors import ScoringError

#: Days that must have been seen, and sessions of a day that can be compared.
FEWEST_DAYS, FEWEST_SESSIONS = 7, 50
#: Alarms on quiet days that are accepted, and days of a month.
ALARMS_PER_MONTH, DAYS_PER_MONTH = 1.0, 30.44
#: The limits of the population stability index that are in use elsewhere, shown beside ours.
PSI_LIMITS = (0.1, 0.25)
#: Where a column says whether a feature is unknown: 1.0, at the last of the compared events that a session has.
UNKNOWN_RATE = 0
_UNKNOWN_LABELS = {"0": "known", "1": "unknown", OTHER: "unknown"}
_WORDS = {
    each.name: {str(number): str(word) for number, word in enumerate(each.values, 1)}
    for each in catalogue().features
    if each.values
}


class TooFewSessionsError(ScoringError):
    """There is not enough to compare; the message is one line that says what is missing."""


class ColumnPlace(NamedTuple):
    """A column of a sample: a feature, or SCORE, at so many events; at UNKNOWN_RATE: whether the feature is unknown."""

    events: int
    name: str


class DriftAlarm(Struct, frozen=True):
    """A column that moved. `events`: 0 for the share of sessions in which the feature is unknown. `strength`: in usual
    distances of quiet days. `before` and `now`: shares of `bins`.
    """

    events: int
    name: str
    strength: float
    psi: float
    cause: str
    bins: list[str]
    before: list[float]
    now: list[float]


class DriftFigure(Struct, frozen=True):
    """A figure of the whole window beside those of the quiet ones, the oldest first.

    `events`: 0 for a figure of whole sessions. From `low` to `high` it is no alarm; `cause`: what usually causes one.
    """

    events: int
    name: str
    now: float
    usual: float
    low: float
    high: float
    strength: float
    is_alarm: bool
    cause: str
    quiet: list[float]


class DriftReport(Struct, frozen=True):
    """A day beside the quiet days before it. `limit`: the strength from which on a column or figure is an alarm.

    `psi_over`: how many columns are beyond each of PSI_LIMITS, which know neither sample size nor chance.
    `reference_days`: the days that features are compared with. `left_out`: what could not be compared, and why.
    """

    sessions: int
    quiet_days: int
    quiet_sessions: int
    columns: int
    limit: float
    alarms: list[DriftAlarm]
    psi_over: list[int]
    figures: list[DriftFigure] = []
    reference_days: int = 0
    left_out: list[str] = []

    @property
    def moved(self) -> list[str]:
        """The names of what is an alarm, columns first."""
        named = [name_of(each) for each in self.alarms] + [name_of(each) for each in self.figures if each.is_alarm]
        return list(dict.fromkeys(named))


def name_of(found: DriftAlarm | DriftFigure) -> str:
    """What people call a column or a figure."""
    if found.events:
        return f"{found.name} at event {found.events}"
    return f"{found.name} unknown" if isinstance(found, DriftAlarm) else found.name


class _ComparedColumns(NamedTuple):
    """Columns of the day beside the same of quiet days."""

    places: list[ColumnPlace]
    known: QuietDays
    counts: NDArray[np.float64]


def drift(
    columns: Sequence[ColumnPlace],
    quiet: Sequence[DriftWindow],
    day: DriftWindow,
    fitted: Sequence[SessionSample] = (),
    alarms_per_month: float = ALARMS_PER_MONTH,
    days: float = 1.0,
    draws: int = DRAWS,
    seed: int = SEED,
) -> DriftReport:
    """Compare a window of so many `days` with the quiet ones, the oldest first; the strongest alarm comes first.

    `fitted`: samples of the days that the model learned from; where there are some, features are compared with them.
    Raises TooFewSessionsError.
    """
    quiet = [each for each in quiet if each.counts.sessions >= FEWEST_SESSIONS]
    sessions, left_out = day.counts.sessions, list[str]()
    if len(quiet) < FEWEST_DAYS:
        if sessions < FEWEST_SESSIONS:
            raise TooFewSessionsError(
                f"the window has {sessions} sessions: {FEWEST_SESSIONS} are needed, take a longer one"
            )
        raise TooFewSessionsError(
            f"before the window there are {len(quiet)} days of {FEWEST_SESSIONS} sessions or more: "
            f"{FEWEST_DAYS} are needed"
        )
    chance, before = np.random.default_rng(seed), [each.counts for each in quiet]
    figures, compared = volumes(day.counts, before, draws), list[_ComparedColumns]()
    reference = list(fitted) or [each.sample for each in quiet]
    if sessions < FEWEST_SESSIONS:
        left_out.append(f"all but volume: the window has {sessions} sessions, {FEWEST_SESSIONS} are needed")
    else:
        figures += rates(day.counts, before, draws, chance)
        features = [place for place, column in enumerate(columns) if column.name != SCORE]
        compared.append(_compared(columns, features, reference, day.sample, draws, seed))
        scored = [each for each in quiet if each.counts.models == day.counts.models and len(each.counts.models) == 1]
        if len(scored) < FEWEST_DAYS:
            left_out.append(
                f"scores, calibration and AUC: {len(scored)} windows before were scored by the window's one model, "
                f"{FEWEST_DAYS} are needed"
            )
        else:
            scores = [place for place, column in enumerate(columns) if column.name == SCORE]
            compared.append(_compared(columns, scores, [each.sample for each in scored], day.sample, draws, seed + 1))
            figures += outcome_figures(day.counts, [each.counts for each in scored], FEWEST_DAYS, draws, chance)
    drawn = [figure.drawn(chance) for figure in figures]
    usual = [max(float(np.quantile(np.abs(each), USUAL)), f.least) for each, f in zip(drawn, figures, strict=True)]
    farthest = [np.abs(each) / by for each, by in zip(drawn, usual, strict=True)]
    farthest += [each.known.farthest for each in compared]
    limit = float(np.quantile(np.max(farthest, axis=0), 1 - min(alarms_per_month * days / DAYS_PER_MONTH, 1.0)))
    alarms = [alarm for each in compared for alarm in _alarms(each, limit)]
    psi = [each.known.bins.psi(each.counts, each.known.counts) for each in compared]
    return DriftReport(
        sessions,
        len(quiet),
        sum(each.sessions for each in before),
        sum(len(each.places) for each in compared) + len(figures),
        limit,
        sorted(alarms, key=lambda alarm: -alarm.strength),
        [sum(int((each > bound).sum()) for each in psi) for bound in PSI_LIMITS],
        [_figure(each, by, limit) for each, by in zip(figures, usual, strict=True)],
        len(reference),
        left_out,
    )


def _compared(
    columns: Sequence[ColumnPlace],
    chosen: Sequence[int],
    quiet: Sequence[SessionSample],
    day: SessionSample,
    draws: int,
    seed: int,
) -> _ComparedColumns:
    known = QuietDays([_chosen(each, chosen) for each in quiet], len(day), draws, seed)
    counts = known.bins.counts(known.bins.codes(_chosen(day, chosen)))
    return _ComparedColumns([columns[place] for place in chosen], known, counts)


def _chosen(sample: SessionSample, columns: Sequence[int]) -> SessionSample:
    return SessionSample(sample.values[:, columns], sample.present[:, columns])


def _alarms(compared: _ComparedColumns, limit: float) -> list[DriftAlarm]:
    known, counts = compared.known, compared.counts
    strengths, psi = known.strengths(counts), known.bins.psi(counts, known.counts)
    alarms = []
    for column, place in enumerate(compared.places):
        if strengths[column] <= limit:
            continue
        names = _names(place)
        labels = [names.get(label, label) for label in known.bins.columns[column].labels()]
        shares = zip(labels, *(known.bins.histogram(column, each) for each in (known.counts, counts)), strict=True)
        bins, before, now = zip(*[bin_ for bin_ in shares if bin_[1] or bin_[2]], strict=True)
        strength, index = float(strengths[column]), float(psi[column])
        alarms.append(
            DriftAlarm(
                place.events, place.name, strength, index, CAUSES[place.name], list(bins), list(before), list(now)
            )
        )
    return alarms


def _names(place: ColumnPlace) -> dict[str, str]:
    """What people call the bins of a column that has names; where a feature has words, samples have their numbers."""
    if place.events == UNKNOWN_RATE:
        return _UNKNOWN_LABELS
    return _WORDS.get(place.name, {})


def _figure(found: WindowFigure, usual: float, limit: float) -> DriftFigure:
    strength = abs(found.now - found.centre) / usual
    low, high = (found.shown(found.centre + way * limit * usual) for way in (-1, 1))
    quiet = [found.shown(each) for each in found.quiet.tolist() if np.isfinite(each)]
    return DriftFigure(
        found.events,
        found.name,
        found.shown(found.now),
        found.shown(found.centre),
        low,
        high,
        strength,
        strength > limit,
        CAUSES[found.name],
        quiet,
    )
