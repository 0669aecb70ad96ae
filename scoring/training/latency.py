"""How long one graph takes for one row, on one thread, raw features to probability and reasons."""

import time
from dataclasses import dataclass

import numpy as np
import onnxruntime
from numpy.typing import NDArray

BATCH = 64


@dataclass(frozen=True)
class Latency:
    """Microseconds of one `run()` of one row; of_batch: mean microseconds of a row in runs of BATCH rows."""

    mean: float
    p50: float
    p95: float
    of_batch: float


def latency(graph: bytes, rows: NDArray[np.float64], runs: int) -> Latency:
    """The first of the rows, and the first BATCH of them; a tenth of the runs warms up and does not count."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    given = rows[:BATCH].astype(np.float32)
    one, batch = _taken(session, given[:1], runs), _taken(session, given, runs // 20)
    p50, p95 = np.percentile(one, (50, 95))
    return Latency(float(one.mean()), float(p50), float(p95), float(batch.mean() / len(given)))


def _taken(session: onnxruntime.InferenceSession, rows: NDArray[np.float32], runs: int) -> NDArray[np.float64]:
    """Microseconds of each run."""
    given, taken = {"features": rows}, np.empty(runs)
    for run in range(runs):
        begun = time.perf_counter_ns()
        session.run(None, given)
        taken[run] = (time.perf_counter_ns() - begun) / 1000
    return taken[runs // 10 :]
