"""What is known of the windows that drift compares: sampled sessions, and counts of all of them. Pure."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scoring.drift.bins import SessionSample

#: Numbers of events at which sessions are compared.
AT_EVENTS = (1, 3, 5, 10)
#: Cells of log-odds in which outcomes are counted: their number, the lower end of the first, and their width.
CELLS, LOWEST, WIDTH = 160, -10.0, 0.1

Floats = NDArray[np.float64]


class WindowCounts(NamedTuple):
    """Of all live sessions of a window, those of people unless it is said otherwise.

    `senders`: int64[k, 3], events that a session sent, how many of them came late, and how many sessions did so,
    programs among them. `outcomes`: float64[AT_EVENTS, CELLS, 3], by the cell of the score: sessions that did not buy
    afterwards, that did, and the sum of their probabilities. `models`: the versions that scored.
    """

    sessions: int
    programs: int
    senders: NDArray[np.int64]
    outcomes: Floats
    models: frozenset[str]

    @property
    def events(self) -> int:
        return int(self.senders[:, 0] @ self.senders[:, 2])


class DriftWindow(NamedTuple):
    """One window: a sample of its sessions, and the counts of all."""

    sample: SessionSample
    counts: WindowCounts


def cell_of(probability: Floats) -> NDArray[np.int64]:
    """The cell of each probability."""
    with np.errstate(divide="ignore"):
        places = np.floor((np.log(probability) - np.log1p(-probability) - LOWEST) / WIDTH)
    return np.clip(places, 0, CELLS - 1).astype(np.int64)


def outcome_cells(probability: Floats, bought: NDArray[np.bool_]) -> Floats:
    """float64[CELLS, 3]: the outcomes of one number of events, one row for each session."""
    cells = cell_of(probability)
    columns = (~bought, bought, probability)
    return np.column_stack([np.bincount(cells, each, CELLS) for each in columns])


def no_outcomes() -> Floats:
    return np.zeros((len(AT_EVENTS), CELLS, 3))
