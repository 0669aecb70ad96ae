"""Compares two models on the same rows: figures by event number and subgroup, with a bootstrap over sessions. Pure.

Sessions are resampled, never rows: the rows of a session share its outcome (Efron 1979). A row weighs 1 / the number of
its event, as in scoring/learning/rows.py: sessions weigh nearly the same however long they are. Not 1 / the rows of its
session, which nobody knows at the row: buyers have more of them, and a calibrated model would look too high.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scoring.shadow.measures import ECE_BINS, Floats, calibration_bins, log_losses, sorted_aucs
from scoring.shadow.report import (
    ALL,
    NUMBERS,
    CalibrationBin,
    ModelFigures,
    PairedDifference,
    PairedFigures,
)
from scoring.shadow.rows import RowColumns

#: Resamples of the bootstrap, its seed, and the ends of a 95 % interval.
RESAMPLES, SEED, ENDS = 500, 2026, (0.025, 0.975)
#: Weights that are in memory at once.
AT_ONCE = 1_000_000
#: Rows that AUCs are made of at most, in all resamples together, and the fewest resamples of one: of many rows fewer
#: resamples give the same interval.
AUC_ROWS, AUC_RESAMPLES = 50_000_000, 100
METRICS = ModelFigures.__struct_fields__


class _Columns(NamedTuple):
    """Rows of some sessions: `session` counts from 0 without gaps."""

    session: NDArray[np.int64]
    weight: Floats
    bought: Floats
    sessions: int

    @property
    def weights(self) -> Floats:
        """The weight of each session, float64[sessions]."""
        return np.bincount(self.session, self.weight, self.sessions).astype(np.float64)


def by_event(rows: RowColumns) -> dict[str, PairedFigures]:
    """The figures at each of NUMBERS, and of all rows."""
    at = {str(number): paired(rows, rows.event == number) for number in NUMBERS}
    return at | {ALL: paired(rows, np.ones(len(rows.event), np.bool_))}


def by_subgroup(rows: RowColumns) -> dict[str, PairedFigures]:
    """The figures of the rows of each subgroup, by name; without AUC, which takes most of the time."""
    found = {}
    for name in sorted({name for names in rows.groups for name in names}):
        inside = np.array([name in names for names in rows.groups])
        found[name] = paired(rows, inside[rows.group], has_auc=False)
    return found


def calibration(rows: RowColumns) -> dict[str, list[CalibrationBin]]:
    """The reliability of both models in bins of equal width; empty bins are left out."""
    chosen = _columns(rows, np.ones(len(rows.event), np.bool_))
    return {"live": _reliability(chosen, rows.live), "candidate": _reliability(chosen, rows.candidate)}


def paired(rows: RowColumns, chosen: NDArray[np.bool_], *, has_auc: bool = True) -> PairedFigures:
    """Both models on the chosen rows."""
    columns = _columns(rows, chosen)
    pair = [_Measured(columns, values[chosen]) for values in (rows.live, rows.candidate)]
    if not columns.sessions:
        none = ModelFigures(*[None] * len(METRICS))
        return PairedFigures(0, 0, None, none, none, dict.fromkeys(METRICS, PairedDifference(None, None, None)))
    live, candidate = (each.figures(np.ones((1, columns.sessions)), has_auc)[0] for each in pair)
    left = max(AUC_RESAMPLES, AUC_ROWS // len(columns.session)) if has_auc else 0
    drawn, by_chance, excesses = [], [], []
    for some in _resamples(columns):
        drawn.append(pair[1].figures(some, left > 0) - pair[0].figures(some, left > 0))
        by_chance.append(pair[1].ece_by_chance(some))
        excesses.append(pair[1].excess(some))
        left -= len(some)
    differences = np.vstack(drawn)
    return PairedFigures(
        columns.sessions,
        int(np.bincount(columns.session, columns.bought, columns.sessions).astype(bool).sum()),
        float(columns.weight @ columns.bought / columns.weight.sum()),
        ModelFigures(*map(_known, live)),
        ModelFigures(*map(_known, candidate)),
        {
            name: _interval(float(candidate[place] - live[place]), differences[:, place])
            for place, name in enumerate(METRICS)
        },
        float(np.concatenate(by_chance).mean()),
        _interval(float(pair[1].excess(np.ones((1, columns.sessions)))[0]), np.concatenate(excesses)),
    )


class _Measured:
    """One model on some rows, summed by session as far as a metric is a sum."""

    def __init__(self, columns: _Columns, predicted: Floats) -> None:
        # In the order of the scores, so that each resample finds them sorted.
        order = np.argsort(predicted, kind="stable")
        self._session, self._weight = columns.session[order], columns.weight[order]
        self._bought, self._predicted = columns.bought[order], predicted[order]
        self._weights = columns.weights
        bins = calibration_bins(predicted)
        residual = predicted - columns.bought
        sums = [predicted, log_losses(columns.bought, predicted), residual**2]
        sums += [np.where(bins == each, residual, 0.0) for each in range(ECE_BINS)]
        self._sums = np.column_stack(
            [np.bincount(columns.session, columns.weight * each, columns.sessions) for each in sums]
        )

    def figures(self, counts: Floats, has_auc: bool) -> Floats:
        """METRICS of each resample, float64[resamples, metrics]; counts: how often it has each session."""
        sums = counts @ self._sums / (counts @ self._weights)[:, None]
        ece = np.abs(sums[:, 3:]).sum(1)
        auc = np.full(len(counts), np.nan)
        if has_auc:
            auc = sorted_aucs(self._bought, self._predicted, counts[:, self._session] * self._weight)
        return np.column_stack([sums[:, :3], auc, ece])

    def ece_by_chance(self, counts: Floats) -> Floats:
        """By how much the bins of each resample are off those of all sessions: what chance adds, float64[resamples]."""
        moved: Floats = np.abs((counts - 1.0) @ self._sums[:, 3:]) / (counts @ self._weights)[:, None]
        total: Floats = moved.sum(1)
        return total

    def excess(self, counts: Floats) -> Floats:
        """The mean probability less the share that buys, of each resample, float64[resamples]."""
        found: Floats = counts @ self._sums[:, 3:].sum(1) / (counts @ self._weights)
        return found


def _columns(rows: RowColumns, chosen: NDArray[np.bool_]) -> _Columns:
    found, session = np.unique(rows.session[chosen], return_inverse=True)
    weight = 1.0 / np.maximum(rows.event[chosen], 1)
    return _Columns(session, weight, rows.bought[chosen].astype(np.float64), len(found))


def _resamples(columns: _Columns) -> Iterator[Floats]:
    """How often each session is in each resample, float64[some, sessions] until there are RESAMPLES."""
    chance, sessions = np.random.default_rng(SEED), columns.sessions
    at_once = max(1, min(RESAMPLES, AT_ONCE // max(len(columns.session), 1)))
    for begin in range(0, RESAMPLES, at_once):
        some = min(at_once, RESAMPLES - begin)
        drawn = chance.integers(0, sessions, (some, sessions))
        yield np.array([np.bincount(row, minlength=sessions) for row in drawn], np.float64)


def _interval(value: float, drawn: Floats) -> PairedDifference:
    known = drawn[~np.isnan(drawn)]
    if not len(known) or np.isnan(value):
        return PairedDifference(_known(value), None, None)
    low, high = np.quantile(known, ENDS)
    return PairedDifference(value, float(low), float(high))


def _reliability(columns: _Columns, predicted: Floats) -> list[CalibrationBin]:
    bins = calibration_bins(predicted)
    weight, expected, observed = (
        np.bincount(bins, columns.weight * each, ECE_BINS)
        for each in (np.ones(len(predicted)), predicted, columns.bought)
    )
    return [
        CalibrationBin(
            float(weight[each] / weight.sum()),
            float(expected[each] / weight[each]),
            float(observed[each] / weight[each]),
        )
        for each in np.flatnonzero(weight)
    ]


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
