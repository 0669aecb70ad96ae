"""What is worked out of the study for its readers: intervals, differences, subgroups, latencies, checks of reasons."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from scoring.training.intervals import Intervals, bootstrap
from scoring.training.latency import Latency, latency
from scoring.training.shapley import agreement
from scoring.training.split import Split
from scoring.training.study import Extent, Study
from scoring.training.subgroups import Subgroup, subgroups

#: What the other models are compared with.
FIRST = "TabM, track uci"


@dataclass(frozen=True)
class Evaluation:
    """latency and shapley (mean Spearman correlation) by graph."""

    intervals: Intervals
    subgroups: list[Subgroup]
    latency: dict[str, Latency]
    shapley: dict[str, float]


def evaluate(
    parts: Split,
    study: Study,
    graphs: Mapping[str, bytes],
    extent: Extent,
) -> Evaluation:
    servable = study.servable()
    models = {name: servable[name].measured for name in (FIRST, *servable)}
    models["TabM without PageValues"] = study.without_page_values
    explained = parts.test.rows[: extent.explained]
    return Evaluation(
        bootstrap(parts.test.bought, {name: each.test for name, each in models.items()}, extent.resamples),
        subgroups(parts.test, study.uci.measure().test),
        {name: latency(graph, parts.test.rows, extent.timed) for name, graph in graphs.items()},
        {
            name: agreement(graph, explained, np.array(servable[name].fitted.reference))
            for name, graph in graphs.items()
        },
    )
