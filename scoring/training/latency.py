"""How long one graph takes for one row, on one thread, raw features to probability and reasons."""

import time
from dataclasses import dataclass

import numpy as np
import onnxruntime
from numpy.typing import NDArray

RUNS = 2000


@dataclass(frozen=True)
class Latency:
    """Microseconds of one `run()`."""

    mean: float
    p50: float
    p95: float


def latency(graph: bytes, row: NDArray[np.float64], runs: int = RUNS) -> Latency:
    """row: float64[17]; the first tenth of the runs warms up and does not count."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    given, taken = {"features": row[None, :].astype(np.float32)}, np.empty(runs)
    for run in range(runs):
        begun = time.perf_counter_ns()
        session.run(None, given)
        taken[run] = (time.perf_counter_ns() - begun) / 1000
    kept = taken[runs // 10 :]
    return Latency(float(kept.mean()), float(np.percentile(kept, 50)), float(np.percentile(kept, 95)))
