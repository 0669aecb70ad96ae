"""The strongest reasons of each score, and how people read them: the one place for the topic, the APIs and commands."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from scoring.words import Subject, Value, subject_of


class ReasonText(Struct, frozen=True, gc=False):
    """One signed contribution to the probability, and the same in words."""

    feature: str
    value: Value | None
    contribution: float
    text: str


class TopContributions(NamedTuple):
    """columns: int[batch, k], which features; contributions: float64[batch, k], by how much each moves the score.

    A contribution of 0 is no reason.
    """

    columns: NDArray[np.intp]
    contributions: NDArray[np.float64]


#: How many reasons a score has where nothing else is said, and more than any contract has columns.
STRONGEST, ALL = 3, 100


def strongest_reasons(reasons: NDArray[np.float32], k: int = STRONGEST) -> TopContributions:
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


def nonzero_contributions(
    names: Sequence[str], values: Sequence[Value | None], columns: Sequence[int], moved: Sequence[float]
) -> list[tuple[str, Value | None, float]]:
    """One row's reasons as (feature, value, contribution), without those that moved nothing."""
    return [(names[column], values[column], each) for column, each in zip(columns, moved, strict=True) if each]


def spoken(reasons: Iterable[tuple[str, Value | None, float]]) -> tuple[ReasonText, ...]:
    """Reasons as people read them."""
    return tuple([ReasonText(*reason, reason_text(*reason)) for reason in reasons])


def reason_text(feature: str, value: Value | None, contribution: float) -> str:
    """One reason in words: "time on product pages, 23 s, lowers it by 8 points", "2 items in the cart raise it by 24
    points".

    `it` is the probability, and a point is a percentage point: 0.01 of probability. A worker calls this for every
    record, so both halves are kept once they are made.
    """
    if -5e-7 < contribution < 5e-7:
        text, is_plural = _subject(feature, value, 0)
        return f"{text} {'do' if is_plural else 'does'} not change it"
    if value.__class__ is float:
        # In whole steps, so that what is kept serves near values too: round() alone would take longer than the rest.
        steps = 1000 if value < 10 else 10 if value < 120 else 1
        text, is_plural = _subject(feature, int(value * steps + 0.5), steps)
    else:
        text, is_plural = _subject(feature, value, 0)
    return text + _move(int(contribution * 1000 + (0.5 if contribution > 0 else -0.5)), contribution > 0, is_plural)


@lru_cache(maxsize=16_384, typed=True)
def _subject(feature: str, value: Value | None, steps: int) -> Subject:
    """The feature and its value: `value` is a count of 1/`steps`, or the value itself where `steps` is 0."""
    return subject_of(feature, float(value) / steps if steps and value is not None else value)


@lru_cache(maxsize=4_096)
def _move(tenths: int, is_up: bool, is_plural: bool) -> str:
    """By how much, from tenths of a point."""
    verb, size = ("raise" if is_up else "lower") + ("" if is_plural else "s"), abs(tenths)
    if size >= 100:
        return f" {verb} it by {size / 10:.0f} points"
    if size == 0:
        return f" {verb} it by less than 0.1 points"
    return f" {verb} it by {size / 10:g} {'point' if size == 10 else 'points'}"
