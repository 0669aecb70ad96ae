"""What is compared with the truth: the scores of sessions at some of their events. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deploy.simulate.shop.visit import ShopVisit
from scoring.manifest import Band
from stream.scored import ScoredSession

#: The events of a session at which it is looked at.
NUMBERS = (1, 3, 5, 10)


class EventTruth(NamedTuple):
    """Of a session at one of NUMBERS: `session` is its number, `bought` whether it buys after the event."""

    session: int
    truth: float
    bought: bool


class EventSample(NamedTuple):
    session: int
    truth: float
    bought: bool
    probability: float
    band: Band


class SampleColumns(NamedTuple):
    """The samples at one event, in the order of the sessions: int64, float64, bool, float64, band names."""

    session: NDArray[np.int64]
    truth: NDArray[np.float64]
    bought: NDArray[np.bool_]
    probability: NDArray[np.float64]
    band: NDArray[np.str_]


#: By session id and the number of the event.
Truths = dict[tuple[str, int], EventTruth]


def truths(visits: Iterable[ShopVisit]) -> Truths:
    """The truth at NUMBERS; sessions that have bought by then are left out."""
    found: Truths = {}
    for visit in visits:
        for number, event in zip(range(1, NUMBERS[-1] + 1), visit.walk(), strict=False):
            if number in NUMBERS and event.truth is not None:
                found[visit.session_id, number] = EventTruth(visit.number, event.truth, visit.bought)
    return found


class Samples:
    """Samples as scores come in."""

    def __init__(self, known: Truths) -> None:
        self._known = known
        self._samples: dict[int, list[EventSample]] = defaultdict(list)

    def take(self, record: ScoredSession) -> None:
        """Keep the score if it is one of NUMBERS; a closing is no event."""
        if record.event.id is not None and record.counts.events in NUMBERS:
            known = self._known.get((record.session_id, record.counts.events))
            if known is not None:
                self._samples[record.counts.events].append(EventSample(*known, record.probability, record.band))

    def at(self, number: int) -> SampleColumns:
        """The samples at this event."""
        return columns(sorted(self._samples[number]))


def columns(samples: Sequence[EventSample]) -> SampleColumns:
    session, truth, bought, probability, band = zip(*samples, strict=True) if samples else ((),) * 5
    return SampleColumns(
        np.array(session, np.int64),
        np.array(truth, np.float64),
        np.array(bought, np.bool_),
        np.array(probability, np.float64),
        np.array(band, np.str_),
    )
