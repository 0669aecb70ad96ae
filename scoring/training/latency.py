"""How long one graph takes for one row, on one thread, raw features to probability and reasons."""

import time
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from scoring.onnx import session
from scoring.row_times import BATCH, row_times


@dataclass(frozen=True)
class Latency:
    """Microseconds of one `run()` of one row; of_batch: mean microseconds of a row in runs of BATCH rows."""

    mean: float
    p50: float
    p95: float
    of_batch: float


def latency(graph: bytes, rows: NDArray[np.float64], runs: int) -> Latency:
    """The first of the rows, and the first BATCH of them; a tenth of the runs warms up and does not count."""
    one, batch = _taken(graph, rows[:1], runs), _taken(graph, rows[:BATCH], runs // 20)
    p50, p95 = np.percentile(one, (50, 95))
    return Latency(float(one.mean()), float(p50), float(p95), float(batch.mean() / len(rows[:BATCH])))


def batch_cost(graph: bytes, rows: NDArray[np.float64], runs: int) -> float:
    """Microseconds of the processor for a row in runs of BATCH rows: the least, as others share the machine."""
    run = partial(session(graph).run, None, {"features": rows[:BATCH].astype(np.float32)})
    return float(row_times({"batch": run}, runs)["batch"].min() / len(rows[:BATCH]))


def _taken(graph: bytes, rows: NDArray[np.float64], runs: int) -> NDArray[np.float64]:
    """Microseconds of each run, by the clock on the wall."""
    run = partial(session(graph).run, None, {"features": rows.astype(np.float32)})
    return row_times({"graph": run}, runs, time.perf_counter_ns)["graph"][runs // 10 :]
