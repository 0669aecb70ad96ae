"""Figures of whole windows: volume, programs, late events, calibration and AUC; how far each goes by chance. Pure.

A window's figure is off by the chance of its sessions, who are drawn again from all quiet windows, and by what windows
differ beyond that: the variance of the quiet windows' figures less the part that their sessions explain. The latter is
measured on few windows, so it is drawn by Student's t.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scoring.drift.outcomes import aucs, calibration_gaps, calibration_slopes
from scoring.drift.quiet import without_outliers
from scoring.drift.windows import AT_EVENTS, WindowCounts

#: Buyers, and others, of a window from which on its AUC and slope are looked at.
FEWEST_BUYERS = 10
#: A change that is no news: of rates this many sessions and this share, of logarithms of volumes, of slopes, of AUCs.
FEW_SESSIONS, FEW_SHARE, LITTLE_VOLUME, LITTLE_SLOPE, LITTLE_AUC = 5, 0.005, 0.1, 0.1, 0.02
#: The measures by name. Those of outcomes are taken at each of AT_EVENTS.
SESSIONS, EVENTS, PROGRAMS, LATE = "sessions", "events", "share of programs", "share of late events"
GAP, SLOPE, AUC = "observed less predicted", "calibration slope", "AUC"

Floats = NDArray[np.float64]
Chance = np.random.Generator


class WindowFigure(NamedTuple):
    """A figure of the day and of the quiet windows (NaN where one has none), beside which it is looked at.

    `events`: at which number of events, 0: of whole sessions. `chance`: float64[draws], how far the day's figure is
    from `centre` by the chance of its sessions. `weights`: the sessions of each quiet window by those of the day.
    `is_log`: the figure is the logarithm of what people want to see.
    """

    name: str
    events: int
    now: float
    quiet: Floats
    centre: float
    chance: Floats
    weights: Floats
    least: float
    is_log: bool = False

    def drawn(self, chance: Chance) -> Floats:
        """float64[draws]: how far it goes, by the chance of sessions and of windows."""
        known = np.isfinite(self.quiet)
        windows = int(known.sum())
        spread = without_outliers((self.quiet[known] - self.centre) ** 2).sum() / max(windows - 1, 1)
        explained = np.var(self.chance) * (1 / np.maximum(self.weights[known], 1e-9)).mean()
        between = np.sqrt(max(spread - explained, 0.0) * (1 + 1 / max(windows, 1)))
        return np.asarray(self.chance + between * chance.standard_t(max(windows - 1, 1), len(self.chance)))

    def shown(self, value: float) -> float:
        """What people see of a value, or of an end of what is usual."""
        if self.is_log:
            return float(np.exp(value))
        return min(max(value, 0.0), 1.0) if self.name in (PROGRAMS, LATE, AUC) else value


def volumes(day: WindowCounts, quiet: Sequence[WindowCounts], draws: int) -> list[WindowFigure]:
    """Sessions and events; the chance of windows is all there is."""
    found = []
    for name in (SESSIONS, EVENTS):
        values = np.log(np.maximum([getattr(each, name) for each in (day, *quiet)], 0.5))
        centre, flat = float(np.median(values[1:])), np.zeros(draws)
        weights = np.ones(len(quiet))
        found.append(
            WindowFigure(name, 0, float(values[0]), values[1:], centre, flat, weights, LITTLE_VOLUME, is_log=True)
        )
    return found


def rates(day: WindowCounts, quiet: Sequence[WindowCounts], draws: int, chance: Chance) -> list[WindowFigure]:
    """The share of sessions that are of programs, and of events that came late, which sessions have in bunches."""
    all_of = np.array([each.sessions + each.programs for each in (day, *quiet)], np.float64)
    programs = np.array([each.programs for each in (day, *quiet)], np.float64)
    shares = programs / np.maximum(all_of, 1)
    centre = float(programs[1:].sum() / max(all_of[1:].sum(), 1))
    drawn = chance.binomial(int(all_of[0]), centre, draws) / max(all_of[0], 1) - centre
    weights = all_of[1:] / max(all_of[0], 1)
    least = max(FEW_SESSIONS / max(all_of[0], 1), FEW_SHARE)
    found = [WindowFigure(PROGRAMS, 0, float(shares[0]), shares[1:], centre, drawn, weights, least)]
    return found + _late(day, quiet, draws, chance)


def _late(day: WindowCounts, quiet: Sequence[WindowCounts], draws: int, chance: Chance) -> list[WindowFigure]:
    def share(senders: NDArray[np.int64]) -> float:
        return float(senders[:, 1] @ senders[:, 2]) / max(int(senders[:, 0] @ senders[:, 2]), 1)

    pooled = np.concatenate([each.senders for each in quiet])
    kinds, places = np.unique(pooled[:, :2], axis=0, return_inverse=True)
    sessions = np.bincount(places.ravel(), pooled[:, 2], len(kinds))
    of_day = int(day.senders[:, 2].sum())
    if not of_day or not sessions.sum():
        return []
    drawn = chance.multinomial(of_day, sessions / sessions.sum(), draws)
    centre = share(pooled)
    off = drawn @ kinds[:, 1] / np.maximum(drawn @ kinds[:, 0], 1) - centre
    weights = np.array([each.senders[:, 2].sum() for each in quiet]) / of_day
    values = np.array([share(each.senders) if len(each.senders) else np.nan for each in quiet])
    least = max(FEW_SESSIONS / of_day, FEW_SHARE)
    return [WindowFigure(LATE, 0, share(day.senders), values, centre, off, weights, least)]


def outcome_figures(
    day: WindowCounts, quiet: Sequence[WindowCounts], fewest: int, draws: int, chance: Chance
) -> list[WindowFigure]:
    """Calibration and AUC at each number of events of which the day and `fewest` quiet windows have enough buyers."""
    found = []
    for place, events in enumerate(AT_EVENTS):
        tables = [each.outcomes[place] for each in (day, *quiet)]
        has_enough = [each[:, :2].sum(0).min() >= FEWEST_BUYERS for each in tables]
        if has_enough[0] and sum(has_enough[1:]) >= fewest:
            used = [table for table, enough in zip(tables, has_enough, strict=True) if enough]
            found += _outcomes_at(events, used[0], np.array(used[1:]), draws, chance)
    return found


def _outcomes_at(events: int, day: Floats, quiet: Floats, draws: int, chance: Chance) -> list[WindowFigure]:
    pooled = quiet.sum(0)
    sessions = pooled[:, :2].sum(1)
    mean = pooled[:, 2] / np.maximum(sessions, 1)
    of_day = int(day[:, :2].sum())
    shares = pooled[:, :2].ravel() / pooled[:, :2].sum()
    drawn = chance.multinomial(of_day, shares, draws).reshape(draws, -1, 2).astype(np.float64)
    weights = quiet[:, :, :2].sum((1, 2)) / of_day
    all_of = np.concatenate([day[None], pooled[None], quiet])
    figures: tuple[tuple[str, Callable[[], Floats], Floats, float], ...] = (
        (
            GAP,
            lambda: calibration_gaps(drawn, drawn.sum(2) * mean),
            calibration_gaps(all_of[:, :, :2], all_of[:, :, 2]),
            FEW_SESSIONS / of_day,
        ),
        (SLOPE, lambda: calibration_slopes(drawn), calibration_slopes(all_of[:, :, :2]), LITTLE_SLOPE),
        (AUC, lambda: aucs(drawn), aucs(all_of[:, :, :2]), LITTLE_AUC),
    )
    found = []
    for name, draw, values, least in figures:
        centre = float(values[1])
        # A draw without a buyer has no figure: of ten expected ones, one draw in twenty thousand.
        off = np.nan_to_num(draw() - centre)
        found.append(WindowFigure(name, events, float(values[0]), values[2:], centre, off, weights, least))
    return found
