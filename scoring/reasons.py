"""The strongest reasons of each score, and how people read them: the one place for the topic, the APIs and commands."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Value = float | int | str | bool


class ReasonText(Struct, frozen=True, gc=False):
    """One signed contribution to the probability, and the same as a sentence."""

    feature: str
    value: Value
    contribution: float
    text: str


class TopContributions(NamedTuple):
    """columns: int[batch, k], which features; moved: float64[batch, k], by how much, 0 where they moved nothing."""

    columns: NDArray[np.intp]
    moved: NDArray[np.float64]


def strongest(reasons: NDArray[np.float32], k: int = 3) -> TopContributions:
    """The k contributions that moved each row most, either way, the strongest first; those that moved nothing are last.

    A contribution that is 0 in millionths is 0: a feature at its reference value gives no reason, whatever the last
    bits say.
    """
    columns = top(reasons, k)
    # Float32 has seven digits; the rest would only make a record longer.
    moved = np.take_along_axis(reasons, columns, axis=1).astype(np.float64).round(7)
    moved[np.abs(moved) < 5e-7] = 0.0
    return TopContributions(columns, moved)


def top(reasons: NDArray[np.float32], k: int = 3) -> NDArray[np.intp]:
    """Indices int[batch, k] of the k contributions that moved each row most, either way, the strongest first.

    Contributions count in millionths and ties go to the earlier feature, so that the last bits, which change with the
    size of a batch, rarely change the answer.
    """
    strength = np.rint(np.abs(reasons) * np.float32(-1e6))
    order: NDArray[np.intp] = np.argsort(strength, axis=1, kind="stable")[:, :k]
    return order


def named(
    names: Sequence[str], values: Sequence[Value], columns: Sequence[int], moved: Sequence[float]
) -> list[tuple[str, Value, float]]:
    """One row's reasons as (feature, value, contribution), without those that moved nothing."""
    return [(names[column], values[column], each) for column, each in zip(columns, moved, strict=True) if each]


def spoken(reasons: Iterable[tuple[str, Value, float]]) -> tuple[ReasonText, ...]:
    """Reasons as people read them."""
    return tuple(ReasonText(*reason, text(*reason)) for reason in reasons)


def text(feature: str, value: Value, contribution: float) -> str:
    """One reason as a sentence, such as "PageValues 23.4 raises it by 0.31"; `it` is the probability."""
    if round(contribution, 6) == 0:
        return f"{feature} {_spoken(value)} does not change it"
    verb = "raises" if contribution > 0 else "lowers"
    size = f"{abs(contribution):.2f}" if abs(contribution) >= 0.005 else "less than 0.01"
    return f"{feature} {_spoken(value)} {verb} it by {size}"


def _spoken(value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return np.format_float_positional(float(f"{value:.3g}"), trim="-") if abs(value) < 1000 else f"{value:.0f}"
    return str(value)
