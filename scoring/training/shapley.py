"""Checks reasons against exact Shapley values: every coalition of the features is scored, none is sampled.

The value of a coalition is the probability of the session that has its own values there and the reference's elsewhere.
Formula: Shapley (1953); as an attribution with one reference: Lundberg and Lee (2017).
"""

from math import comb

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession
from scipy.stats import spearmanr

from scoring.training.graph import without_reasons

#: Coalitions scored in one run of the graph.
BATCH = 16_384


def shapley(graph: bytes, row: NDArray[np.float64], reference: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64[17] for one session; features at their reference have no part in any coalition and get 0."""
    session = InferenceSession(without_reasons(graph), providers=["CPUExecutionProvider"])
    return _values(session, row, reference)


def agreement(graph: bytes, rows: NDArray[np.float64], reference: NDArray[np.float64]) -> float:
    """The mean over sessions of Spearman's correlation between the graph's reasons and exact Shapley values."""
    session = InferenceSession(without_reasons(graph), providers=["CPUExecutionProvider"])
    (reasons,) = InferenceSession(graph, providers=["CPUExecutionProvider"]).run(
        ["reasons"], {"features": rows.astype(np.float32)}
    )
    ranks = [
        _correlation(_values(session, row, reference).round(7), given.round(7))
        for row, given in zip(rows, reasons.astype(np.float64), strict=True)
    ]
    return float(np.mean(ranks))


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Spearman's; of two sets of reasons that do not differ among themselves 1, of one such set and another 0."""
    is_level, is_other_level = np.ptp(one) == 0, np.ptp(other) == 0
    if is_level or is_other_level:
        return float(is_level == is_other_level)
    return float(spearmanr(one, other).statistic)


def _values(session: InferenceSession, row: NDArray[np.float64], reference: NDArray[np.float64]) -> NDArray[np.float64]:
    differing = np.flatnonzero(row != reference)
    n = len(differing)
    members = (np.arange(2**n)[:, None] >> np.arange(n)) & 1 == 1
    worth = np.concatenate(
        [_worth(session, row, reference, differing, members[start : start + BATCH]) for start in range(0, 2**n, BATCH)]
    )
    sizes = members.sum(axis=1)
    weight = np.array([1 / (n * comb(n - 1, size)) if size < n else 0.0 for size in range(n + 1)])
    values = np.zeros(len(row))
    for place, feature in enumerate(differing):
        without = np.flatnonzero(~members[:, place])
        values[feature] = ((worth[without + (1 << place)] - worth[without]) * weight[sizes[without]]).sum()
    return values


def _worth(
    session: InferenceSession,
    row: NDArray[np.float64],
    reference: NDArray[np.float64],
    differing: NDArray[np.intp],
    members: NDArray[np.bool_],
) -> NDArray[np.float64]:
    mixed = np.tile(reference, (len(members), 1))
    mixed[:, differing] = np.where(members, row[differing], reference[differing])
    (probability,) = session.run(["probability"], {"features": mixed.astype(np.float32)})
    worth: NDArray[np.float64] = probability.astype(np.float64)
    return worth
