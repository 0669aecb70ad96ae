"""The report's split: stratified 70/10/20 with seed 42, which cuts UCI's 12,330 sessions into 8,631/1,233/2,466."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from scoring.training.load import DataError, Sessions

SEED = 42
#: Fewer of a class than this, and a split would be left without it.
LEAST_PER_CLASS = 20


@dataclass(frozen=True)
class Split:
    train: Sessions
    validation: Sessions
    test: Sessions


def split(sessions: Sessions) -> Split:
    """Cut the sessions into three; raises DataError when there are too few of a class to be in all of them."""
    buyers = int(sessions.bought.sum())
    if min(buyers, len(sessions.bought) - buyers) < LEAST_PER_CLASS:
        raise DataError(
            f"{buyers} of {len(sessions.bought)} sessions bought: training takes {LEAST_PER_CLASS} of each kind or more"
        )
    everything = np.arange(len(sessions.bought))
    rest, test = train_test_split(everything, test_size=0.20, random_state=SEED, stratify=sessions.bought)
    train, validation = train_test_split(rest, test_size=0.125, random_state=SEED, stratify=sessions.bought[rest])
    return Split(_part(sessions, train), _part(sessions, validation), _part(sessions, test))


def _part(sessions: Sessions, chosen: NDArray[np.intp]) -> Sessions:
    return Sessions(sessions.rows[chosen], sessions.bought[chosen], sessions.sha256)
