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
#: So many reasons are looked for one after the other, more are sorted.
MOST_PASSES = 5
#: Sizes of moves whose words are kept; those of probabilities are fewer.
MOST_MOVES = 4_096
#: Strengths below all others: of what is no number, which comes last, and of what is chosen already.
_NOT_A_NUMBER, _CHOSEN = -1.0, -2.0


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
    strength = np.rint(np.abs(reasons) * np.float32(1e6))
    if k > MOST_PASSES or k > reasons.shape[1]:
        order: NDArray[np.intp] = np.argsort(-strength, axis=1, kind="stable")[:, :k]
        return order
    # One pass for each of a few columns takes a fifth of the time that sorting all of them does.
    np.fmax(strength, np.float32(_NOT_A_NUMBER), out=strength)
    rows, chosen = np.arange(len(reasons)), np.empty((len(reasons), k), np.intp)
    for place in range(k):
        strongest = chosen[:, place] = strength.argmax(axis=1)
        strength[rows, strongest] = _CHOSEN
    return chosen


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
    if contribution > 0:
        return text + _RAISES[is_plural][int(contribution * 1000 + 0.5)]
    return text + _LOWERS[is_plural][int(0.5 - contribution * 1000)]


@lru_cache(maxsize=16_384, typed=True)
def _subject(feature: str, value: Value | None, steps: int) -> Subject:
    """The feature and its value: `value` is a count of 1/`steps`, or the value itself where `steps` is 0."""
    return subject_of(feature, float(value) / steps if steps and value is not None else value)


class _Moves(dict[int, str]):
    """By how much a reason moves the probability, by tenths of a point: kept, as a call of a cache takes longer."""

    def __init__(self, verb: str) -> None:
        self._verb = verb

    def __missing__(self, tenths: int) -> str:
        if len(self) >= MOST_MOVES:
            self.clear()
        move = self[tenths] = f" {self._verb} it by {self._points(tenths)}"
        return move

    @staticmethod
    def _points(tenths: int) -> str:
        if tenths >= 100:
            return f"{tenths / 10:.0f} points"
        if tenths == 0:
            return "less than 0.1 points"
        return f"{tenths / 10:g} {'point' if tenths == 10 else 'points'}"


#: For a singular subject and for a plural one.
_RAISES, _LOWERS = (_Moves("raises"), _Moves("raise")), (_Moves("lowers"), _Moves("lower"))
