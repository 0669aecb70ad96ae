"""Rows of a contract on which an export is tried: drawn over the range of each column, far and near the reference."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from scoring.contracts import UCI, Contract
from scoring.features import NAMES
from scoring.signals import DEVICE_CLASSES, LAST_PAGE_TYPES, RATES, SIGNALS

#: Columns of whole numbers from 0 up to these, each as likely as any other.
_CODES: Mapping[str, int] = {
    "Month": 12,
    "OperatingSystems": 8,
    "Browser": 13,
    "Region": 9,
    "TrafficType": 20,
    "VisitorType": 3,
    "Weekend": 1,
    "last_page_type": len(LAST_PAGE_TYPES),
    "checkout_step": 5,
    "hour": 23,
    "device_class": len(DEVICE_CLASSES),
}
#: Columns of numbers from 0 to these.
_SHARES: Mapping[str, float] = {"BounceRates": 0.2, "ExitRates": 0.2, "SpecialDay": 1.0, "mean_scroll_depth": 100.0}
#: Columns whose greatest values are of thousands; those of all others are of tens.
_LONG = (
    *(name for name in NAMES if name.endswith("_Duration")),
    *("PageValues", "elapsed_seconds", "engaged_seconds", "seconds_since_previous_event", "cart_value"),
)
#: What of contract 2 may be unknown, and how often it is.
_MAY_BE_UNKNOWN, _UNKNOWN_SHARE = (*NAMES[RATES], *SIGNALS), 0.2
#: Every second row has so many columns of the reference.
_NEAR_SHARE = 0.8


def generated_rows(made_for: Contract, reference: tuple[float, ...], count: int, seed: int = 0) -> NDArray[np.float32]:
    """float32[count, columns], the same for the same arguments; NaN is unknown, in contract 2 alone.

    The first is the reference session, the second an empty one.
    """
    drawn = np.random.default_rng(seed)
    rows = np.column_stack([_column(name, count, drawn) for name in made_for.names])
    near = (drawn.random(rows.shape) < _NEAR_SHARE) & (np.arange(count) % 2 == 0)[:, None]
    rows = np.where(near, np.array(reference), rows)
    if made_for is not UCI:
        may_be = np.isin(made_for.names, _MAY_BE_UNKNOWN)
        rows[(drawn.random(rows.shape) < _UNKNOWN_SHARE) & may_be] = np.nan
    rows[:2] = np.array([reference, (0.0,) * len(reference)])[: len(rows)]
    return rows.astype(np.float32)


def _column(name: str, count: int, drawn: np.random.Generator) -> NDArray[np.float64]:
    if name in _CODES:
        return drawn.integers(0, _CODES[name] + 1, count).astype(np.float64)
    if name in _SHARES:
        shares: NDArray[np.float64] = drawn.beta(0.5, 2, count) * _SHARES[name]
        return shares
    greatest = 5_000.0 if name in _LONG else 60.0
    # As many below the root of the greatest as above it; a quarter is 0.
    values: NDArray[np.float64] = np.expm1(drawn.random(count) * np.log1p(greatest))
    values[drawn.random(count) < 0.25] = 0
    return values if name in _LONG else values.round()
