"""The units of a site's rows: bins of each number by its own quantiles, steps of its common codes, flags of unknowns.

Months are left out: a window of some weeks knows two of them, and the next one is unlike both.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper

from scoring.contracts import SESSION
from scoring.features import NAMES
from scoring.onnx import session
from scoring.training.encoding import SCALE
from scoring.training.graph import Front, Nodes, file_of, flag_of, step_line, units_of

#: Of a number.
BINS = 12
#: A code has a unit of its own where so many of the rows have it.
COMMON = 0.005
#: Rows that are encoded at a time.
BLOCK = 16_384
LEFT_OUT = ("Month",)
CODED = (
    *("OperatingSystems", "Browser", "Region", "TrafficType", "VisitorType", "Weekend"),
    *("last_page_type", "device_class"),
)
_SCALES = np.ones(len(SESSION.names))
_SCALES[: len(NAMES)] = SCALE

Unit = tuple[str, float, float]


class UnitEncoder:
    """Rows to units by the graph's own operators, so that a model is fitted on exactly what it will be given."""

    def __init__(self, front: Front) -> None:
        self.front = front
        self.size = len(front.offsets)
        nodes = Nodes()
        outputs = [helper.make_tensor_value_info(front.write(nodes), TensorProto.FLOAT, ["batch", self.size])]
        self._session = session(file_of(nodes, outputs, made_for=front.made_for))

    def units(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """float32[n, units]"""
        (units,) = self._session.run(None, {"features": rows})
        return units  # type: ignore[no-any-return]

    def blocks(self, rows: NDArray[np.float32]) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """The units of BLOCK rows at a time, with their place."""
        for start in range(0, len(rows), BLOCK):
            place = slice(start, start + BLOCK)
            yield place, self.units(rows[place])


def front_of(rows: NDArray[np.float32]) -> Front:
    """The front whose bins, codes and flags are those of these rows."""
    units: list[Unit] = []
    for column, name in enumerate(SESSION.names):
        values = rows[:, column].astype(np.float64)
        known = values[~np.isnan(values)]
        if name in LEFT_OUT or not len(known):
            continue
        units += _steps(name, known) if name in CODED else _bins(name, known, _SCALES[column])
        if len(known) < len(values):
            units.append(flag_of(name))
    return units_of(units, SESSION)


def _bins(name: str, known: NDArray[np.float64], scale: float) -> Iterator[Unit]:
    """A unit for each bin: 0 at its lower and 1 at its upper edge."""
    logs = np.log1p(np.maximum(known, 0) * scale)
    edges = np.unique(np.quantile(logs, np.linspace(0, 1, BINS + 1), method="nearest"))
    distinct = np.unique(logs)
    if len(distinct) <= BINS + 1:
        edges = distinct
    for low, width in zip(edges, np.diff(edges), strict=False):
        if width > 1e-3:
            yield name, float(1 / width), float(-low / width)


def _steps(name: str, known: NDArray[np.float64]) -> Iterator[Unit]:
    """Units that are 1 from a common code on, and from the code after it."""
    codes, counts = np.unique(known.astype(int), return_counts=True)
    common = codes[(counts >= COMMON * len(known)) & (codes > 0)]
    for code in sorted({*common.tolist(), *(common + 1).tolist()}):
        if (known >= code).any() and (known < code).any():
            yield name, *step_line(code)


def reference_of(rows: NDArray[np.float32]) -> tuple[float, ...]:
    """The row whose reasons are 0: of each column the commonest code or the median, unknown where most rows are."""
    usual = []
    for name, values in zip(SESSION.names, rows.T, strict=True):
        known = values[~np.isnan(values)]
        if len(known) * 2 < len(values) or not len(known):
            usual.append(float("nan"))
        elif name in CODED or name in LEFT_OUT:
            codes, counts = np.unique(known, return_counts=True)
            usual.append(float(codes[counts.argmax()]))
        else:
            usual.append(float(np.float32(round(float(np.quantile(known, 0.5, method="nearest")), 4))))
    return tuple(usual)
