"""Visitors that were read in parts, as one experiment: each visitor is wholly in one part. Pure."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from scoring.experiments.labels import LabelCounts, LabeledVisitors
from scoring.experiments.visitors import ExposedVisitors


def merged_visitors(parts: Sequence[ExposedVisitors]) -> ExposedVisitors:
    """The visitors of the parts, one after the other; of at least one part."""
    return ExposedVisitors(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def merged_counts(parts: Sequence[LabelCounts]) -> LabelCounts:
    """What was left out in all parts."""
    return LabelCounts(*(sum(getattr(each, name) for each in parts) for name in LabelCounts.__struct_fields__))


def merged_exposed(parts: Sequence[LabeledVisitors]) -> NDArray[np.int64]:
    """Visitors that met an arm by the end of each day, int64[days, arms]."""
    return np.asarray(sum(each.exposed for each in parts), np.int64)
