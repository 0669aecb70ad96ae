"""Boosted trees over raw features, and how the graph holds them: one TreeEnsemble operator of ai.onnx.ml.

Standard operators have no trees; that operator's version 5 knows sets of codes. What is not in a set, an unknown code
too, goes the other way.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from onnx import numpy_helper

from scoring.training.differences import TREES
from scoring.training.graph import Nodes

AT_MOST, LESS, MEMBER = 0, 1, 6
SUM, AS_IT_IS = 1, 0


@dataclass(frozen=True)
class Branch:
    """mode: AT_MOST or LESS than `value`, or MEMBER of `codes`; feature: its place in a row."""

    mode: int
    feature: int
    value: float
    codes: tuple[int, ...]
    yes: "Node"
    no: "Node"


#: A branch, or a leaf's part of the logit.
Node = Branch | float


@dataclass(frozen=True)
class Trees:
    """sigmoid(start + the leaves that a row comes to)."""

    start: float
    roots: Sequence[Node]

    def write(self, nodes: Nodes, features: str) -> str:
        table = _Table()
        roots = [table.add(_branch(root))[0] for root in self.roots]
        leaves = nodes.add("TreeEnsemble", [features], "leaves", **table.attributes(roots))
        logit = nodes.add("Add", [leaves, nodes.constant("start", self.start)], "logit")
        return nodes.add("Sigmoid", [logit], "column")


def _branch(root: Node) -> Branch:
    """The operator has no tree of one leaf: both ways come to it."""
    return root if isinstance(root, Branch) else Branch(AT_MOST, 0, 0.0, (), root, root)


@dataclass
class _Table:
    """Branches and leaves in the operator's columns."""

    branches: list[tuple[int, int, float]] = field(default_factory=list)
    yes: list[tuple[int, bool]] = field(default_factory=list)
    no: list[tuple[int, bool]] = field(default_factory=list)
    leaves: list[float] = field(default_factory=list)
    sets: list[float] = field(default_factory=list)

    def add(self, node: Node) -> tuple[int, bool]:
        """(Its place among branches or leaves, whether it is a leaf)."""
        if not isinstance(node, Branch):
            self.leaves.append(node)
            return len(self.leaves) - 1, True
        place = len(self.branches)
        self.branches.append((node.feature, node.mode, node.value))
        if node.mode == MEMBER:
            self.sets += [*map(float, node.codes), float("nan")]
        self.yes.append((0, False))
        self.no.append((0, False))
        self.yes[place] = self.add(node.yes)
        self.no[place] = self.add(node.no)
        return place, False

    def attributes(self, roots: list[int]) -> dict[str, Any]:
        features, modes, values = zip(*self.branches, strict=True)
        tables = {"nodes_splits": values, "leaf_weights": self.leaves, "membership_values": self.sets}
        return {
            "domain": TREES[0],
            "aggregate_function": SUM,
            "post_transform": AS_IT_IS,
            "n_targets": 1,
            "tree_roots": roots,
            "nodes_featureids": features,
            "nodes_modes": numpy_helper.from_array(np.array(modes, np.uint8)),
            "nodes_truenodeids": [place for place, _ in self.yes],
            "nodes_trueleafs": [int(leaf) for _, leaf in self.yes],
            "nodes_falsenodeids": [place for place, _ in self.no],
            "nodes_falseleafs": [int(leaf) for _, leaf in self.no],
            "leaf_targetids": [0] * len(self.leaves),
            **{name: numpy_helper.from_array(np.array(each, np.float32)) for name, each in tables.items()},
        }
