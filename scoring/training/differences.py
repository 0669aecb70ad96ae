"""Draws any model as a graph of the contract: its probability, and reasons by running it on mixed sessions.

A mixed session has the session's own values in some features and the reference's in the others. Along an order of the
features they come in one after another, and each gets the difference that its coming in makes: the differences of one
order sum to probability - reference probability, and a feature at its reference value has none. The reasons are the
mean over a few orders, each with its reverse: antithetic pairs of orders for Shapley values (Castro, Gómez and Tejada
2009; Mitchell et al. 2022). A pair is exact where no more than two features act together.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from onnx import FunctionProto, helper

from scoring.contracts import UCI, Contract
from scoring.training.graph import OPSET, Nodes, file_of, outputs

#: Pairs that the reasons take to come near Shapley values (docs/model.md); in trees more features act together.
SMOOTH_PAIRS, TREE_PAIRS = 1, 2
DOMAIN = "op-ecom"
#: The domain of trees, and the version that knows sets of codes.
TREES = ("ai.onnx.ml", 5)


class Body(Protocol):
    """The model between raw features and probability."""

    def write(self, nodes: Nodes, features: str) -> str:
        """Write the way from features float[batch, 17] to float[batch, 1], the probability; return its name."""
        ...


def orders(columns: int) -> tuple[tuple[int, ...], ...]:
    """The contract's order; every other feature of it first, so that none keeps a neighbour. Taken in this order, and
    not chosen by how well the reasons come out.
    """
    return tuple(range(columns)), (*range(0, columns, 2), *range(1, columns, 2))


def draw(body: Body, reference: tuple[float, ...], pairs: int, made_for: Contract = UCI) -> bytes:
    """The graph's file; pairs: how many of `orders` it takes, 2 (columns - 1) mixed sessions each.

    The body is a function of the file, so that there is one copy of its weights.
    """
    model, nodes = _function(body), Nodes()
    column = nodes.add(model.name, ["features"], "probability_column", domain=DOMAIN)
    nodes.add("Squeeze", [column, nodes.constant("last", [1], np.int64)], "probability")
    columns = len(made_for.names)
    own, shares, of_reference = _paths(pairs, columns)
    start = nodes.constant("reference", [reference])
    session = nodes.add("Unsqueeze", ["features", "last"], "session")
    mixed = nodes.add("Where", [nodes.constant("own", own, np.bool_), session, start], "mixed")
    rows = nodes.add("Reshape", [mixed, nodes.constant("as_rows", [-1, columns], np.int64)], "rows")
    worth = nodes.add(model.name, [rows], "worth", domain=DOMAIN)
    by_session = nodes.add("Reshape", [worth, nodes.constant("as_sessions", [-1, len(own)], np.int64)], "by_session")
    every = nodes.add("Concat", [by_session, column], "every", axis=1)
    at_reference = nodes.add(model.name, [start], "at_reference", domain=DOMAIN)
    less = nodes.add("Mul", [at_reference, nodes.constant("of_reference", of_reference)], "less")
    moved = nodes.add("Gemm", [every, nodes.constant("shares", shares), less], "moved")
    # runs of other sizes may differ in their last bits: a feature at its reference has no part all the same
    same = nodes.add("Equal", ["features", start], "same")
    if made_for is not UCI:
        unknown = [nodes.add("IsNaN", [each], f"{each}_unknown") for each in ("features", start)]
        same = nodes.add("Or", [same, nodes.add("And", unknown, "both_unknown")], "same_or_unknown")
    nodes.add("Where", [same, nodes.constant("nothing", 0), moved], "reasons")
    return file_of(nodes, outputs(made_for), [model], made_for)


def _paths(pairs: int, columns: int) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64]]:
    """(bool[mixed, 17]: where a mixed session has its own values; float64[mixed + 1, 17] and float64[17]: what each
    feature's reason takes of the probabilities of these and of the session itself, and of the reference's)."""
    taken = [order for each in orders(columns)[:pairs] for order in (each, each[::-1])]
    steps = columns - 1
    own = np.zeros((len(taken) * steps, columns), np.bool_)
    shares = np.zeros((len(own) + 1, columns))
    of_reference = np.zeros(columns)
    for place, order in enumerate(taken):
        path = [*range(place * steps, (place + 1) * steps), len(own)]
        for step, feature in enumerate(order):
            own[path[step] : path[steps - 1] + 1, feature] = step < steps
            shares[path[step], feature] += 1 / len(taken)
            if step:
                shares[path[step - 1], feature] -= 1 / len(taken)
            else:
                of_reference[feature] -= 1 / len(taken)
    return own, shares, of_reference


def _function(body: Body) -> FunctionProto:
    nodes = Nodes()
    column = body.write(nodes, "given")
    constants = [helper.make_node("Constant", [], [each.name], value=each) for each in nodes.constants]
    versions = {"": OPSET, TREES[0]: TREES[1]}
    imports = [helper.make_opsetid(name, versions[name]) for name in sorted({"", *(n.domain for n in nodes.operators)})]
    return helper.make_function(DOMAIN, "Probability", ["given"], [column], constants + nodes.operators, imports)
