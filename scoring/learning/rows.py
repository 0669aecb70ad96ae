"""What is learned from: one row for each update of closed sessions, with what was known then and what came of it."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from scoring.contracts import SESSION


@dataclass(frozen=True)
class LearningRows:
    """In the order of the sessions' opening; updates of a session that has bought already are left out.

    rows: float32[n, 38] by contract 2, NaN being unknown; session: uint64[n], one number for each session; opened_at:
    int64[n], ms UTC; events: int64[n], the number of the event; bought: bool[n], whether the session bought afterwards;
    live: float64[n], the score that was stored then.
    """

    rows: NDArray[np.float32]
    session: NDArray[np.uint64]
    opened_at: NDArray[np.int64]
    events: NDArray[np.int64]
    bought: NDArray[np.bool_]
    live: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.session)

    def sessions(self) -> int:
        return len(np.unique(self.session))

    def purchases(self) -> int:
        """Sessions that bought."""
        return len(np.unique(self.session[self.bought]))

    def weights(self) -> NDArray[np.float64]:
        """float64[n]: 1 / the number of the event, so that sessions weigh nearly the same however long they are.

        Not 1 / the session's rows: that many are to come is not known at the row, and buyers have more of them. Weighed
        so, a beginning would look as if hardly anybody bought after it.
        """
        weights: NDArray[np.float64] = 1.0 / np.maximum(self.events, 1)
        return weights

    def take(self, chosen: NDArray[np.bool_] | NDArray[np.intp]) -> "LearningRows":
        return LearningRows(*(getattr(self, field.name)[chosen] for field in fields(self)))

    def sha256(self) -> str:
        """Of all that is in the rows, in their order."""
        digest = hashlib.sha256()
        for field in fields(self):
            digest.update(np.ascontiguousarray(getattr(self, field.name)).tobytes())
        return digest.hexdigest()


def joined(blocks: Iterable[LearningRows]) -> LearningRows:
    """The rows of these blocks, one after the other."""
    parts = [block for block in blocks if len(block)]
    if not parts:
        return LearningRows(
            np.empty((0, len(SESSION.names)), np.float32),
            np.empty(0, np.uint64),
            np.empty(0, np.int64),
            np.empty(0, np.int64),
            np.empty(0, np.bool_),
            np.empty(0, np.float64),
        )
    columns = [np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(LearningRows)]
    return LearningRows(*columns)
