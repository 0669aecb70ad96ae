"""How long runs of graphs take, several by turns: what the machine does meanwhile falls on all alike."""

import time
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

#: Rows of a batch that is timed.
BATCH = 64

#: A clock that counts nanoseconds.
Clock = Callable[[], int]


def row_times(
    runs: Mapping[str, Callable[[], object]], rounds: int, clock: Clock = time.thread_time_ns
) -> dict[str, NDArray[np.float64]]:
    """Microseconds of each run, float64[rounds] by name.

    The usual clock counts the processor's time of this thread, on which alone a graph runs: what else the machine does
    is left out.
    """
    taken = {name: np.empty(rounds) for name in runs}
    for place in range(rounds):
        for name, run in runs.items():
            begun = clock()
            run()
            taken[name][place] = (clock() - begun) / 1000
    return taken
