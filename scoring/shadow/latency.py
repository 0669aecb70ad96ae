"""How much of the processor each of two graphs takes for a row, on the same sessions by turns."""

import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median

from scoring.contracts import Scorable
from scoring.model import Model, contract_of
from scoring.shadow.report import GraphLatency

BATCH = 64
RUNS = 200


def latencies(models: Mapping[str, Model], sessions: Sequence[Scorable]) -> dict[str, GraphLatency]:
    """Of each model; none where there is no session. BATCH sessions are enough, fewer are repeated."""
    if not sessions:
        return {}
    given = [sessions[place % len(sessions)] for place in range(BATCH)]
    rows = {name: contract_of(model).rows(given) for name, model in models.items()}
    taken: dict[str, tuple[list[int], list[int]]] = {name: ([], []) for name in models}
    for _ in range(RUNS):
        for name, model in models.items():
            for times, some in zip(taken[name], (rows[name][:1], rows[name]), strict=True):
                times.append(_nanoseconds(lambda model=model, some=some: model.score(some)))  # type: ignore[misc]
    return {
        name: GraphLatency(round(median(one) / 1000, 2), round(median(batch) / 1000 / BATCH, 3))
        for name, (one, batch) in taken.items()
    }


def _nanoseconds(act: Callable[[], object]) -> int:
    # Of this thread, on which alone a graph runs: what else the machine does is left out.
    begun = time.thread_time_ns()
    act()
    return time.thread_time_ns() - begun
