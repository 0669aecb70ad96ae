"""The strongest reasons of each score, and how a person reads them."""

import numpy as np
from numpy.typing import NDArray


def top(reasons: NDArray[np.float32], k: int = 3) -> NDArray[np.intp]:
    """Indices int[batch, k] of the k contributions that moved each row most, either way, the strongest first.

    Contributions count in millionths and ties go to the earlier feature, so that the last bits, which change with the
    size of a batch, rarely change the answer.
    """
    strength = np.rint(np.abs(reasons) * np.float32(-1e6))
    order: NDArray[np.intp] = np.argsort(strength, axis=1, kind="stable")[:, :k]
    return order


def text(feature: str, value: float | int | str | bool, contribution: float) -> str:
    """One reason as a sentence, such as "PageValues 23.4 raises it by 0.31"; `it` is the probability."""
    if round(contribution, 6) == 0:
        return f"{feature} {_spoken(value)} does not change it"
    verb = "raises" if contribution > 0 else "lowers"
    size = f"{abs(contribution):.2f}" if abs(contribution) >= 0.005 else "less than 0.01"
    return f"{feature} {_spoken(value)} {verb} it by {size}"


def _spoken(value: float | int | str | bool) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return np.format_float_positional(float(f"{value:.3g}"), trim="-") if abs(value) < 1000 else f"{value:.0f}"
    return str(value)
