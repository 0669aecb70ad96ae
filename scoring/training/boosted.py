"""Reads fitted XGBoost and LightGBM ensembles as trees over the contract's raw float32 features."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scoring.training.trees import AT_MOST, LESS, MEMBER, Branch, Node, Trees

if TYPE_CHECKING:
    import lightgbm
    import xgboost


@dataclass(frozen=True)
class Standardized:
    """A column (x - mean) / spread of the feature in this place of a row."""

    feature: int
    mean: float
    spread: float


@dataclass(frozen=True)
class OneHot:
    """A column 1[x = code]."""

    feature: int
    code: int


def of_lightgbm(booster: "lightgbm.Booster", trees: int) -> Trees:
    """The first `trees` trees, fitted on raw rows; a leaf's value has its share of the start."""

    def node(given: dict[str, Any]) -> Node:
        if "split_index" not in given:
            return float(given["leaf_value"])
        yes, no, feature = node(given["left_child"]), node(given["right_child"]), int(given["split_feature"])
        if given["decision_type"] == "==":
            codes = tuple(int(code) for code in given["threshold"].split("||"))
            return Branch(MEMBER, feature, 0.0, codes, yes, no)
        return Branch(AT_MOST, feature, float(given["threshold"]), (), yes, no)

    return Trees(0.0, [node(tree["tree_structure"]) for tree in booster.dump_model(num_iteration=trees)["tree_info"]])


def of_xgboost(booster: "xgboost.Booster", columns: Sequence[Standardized | OneHot]) -> Trees:
    """Fitted on these columns of float64 rows; standardizing goes into the thresholds, for trees see only order."""
    learner = json.loads(booster.save_raw("json"))["learner"]
    base = float(learner["learner_model_param"]["base_score"].strip("[]"))

    def node(tree: dict[str, Any], place: int) -> Node:
        value = float(tree["split_conditions"][place])
        if tree["left_children"][place] < 0:
            return value
        yes, no = (node(tree, tree[side][place]) for side in ("left_children", "right_children"))
        column = columns[tree["split_indices"][place]]
        if isinstance(column, OneHot):
            # less than 1: another code
            return Branch(MEMBER, column.feature, 0.0, (column.code,), no, yes)
        return Branch(LESS, column.feature, _raw(value, column), (), yes, no)

    model = learner["gradient_booster"]["model"]
    return Trees(float(np.log(base / (1 - base))), [node(tree, 0) for tree in model["trees"]])


def _raw(threshold: float, column: Standardized) -> float:
    """The least x whose column, in XGBoost's float32, is not less than the threshold."""

    def reaches(x: float) -> bool:
        return bool(np.float32((x - column.mean) / column.spread) >= np.float32(threshold))

    near, width = threshold * column.spread + column.mean, column.spread * 1e-3
    low, high = near - width, near + width
    while low < (middle := (low + high) / 2) < high:
        low, high = (low, middle) if reaches(middle) else (middle, high)
    return high
