"""How much of the processor each of two graphs takes for a row, on the same sessions by turns."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from scoring.contracts import Scorable
from scoring.model import Model, contract_of
from scoring.row_times import BATCH, row_times
from scoring.shadow.report import GraphLatency

RUNS = 200


def latencies(models: Mapping[str, Model], sessions: Sequence[Scorable]) -> dict[str, GraphLatency]:
    """Of each model; none where there is no session. BATCH sessions are enough, fewer are repeated."""
    if not sessions:
        return {}
    given = [sessions[place % len(sessions)] for place in range(BATCH)]
    rows = {name: contract_of(model).rows(given) for name, model in models.items()}
    ones = row_times({name: partial(model.score, rows[name][:1]) for name, model in models.items()}, RUNS)
    batches = row_times({name: partial(model.score, rows[name]) for name, model in models.items()}, RUNS)
    return {
        name: GraphLatency(round(float(np.median(ones[name])), 2), round(float(np.median(batches[name])) / BATCH, 3))
        for name in models
    }
