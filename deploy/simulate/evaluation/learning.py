"""Rows to learn from, of a generated shop: its sessions folded as live ones are, with the truth of each row."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from deploy.simulate.evaluation.first_days import FirstDays
from deploy.simulate.evaluation.site import RefreshedSite
from deploy.simulate.shop.visit import ShopVisit
from scoring.contracts import SESSION
from scoring.learning.rows import LearningRows
from stream.fold.calendar import Calendar
from stream.fold.update import UnscoredUpdate
from stream.step import ModelLoader, ScoredUpdate, score


def shop_rows(
    visits: Sequence[ShopVisit], conversion: float, models: ModelLoader
) -> tuple[LearningRows, NDArray[np.float64]]:
    """The rows of these visits and float64[n], the probability that the session buys after the row's event."""
    gathered = _GatheredRows(visits)
    with RefreshedSite(visits[0].site, conversion) as site:
        FirstDays({}, Calendar(), site, gathered.score, models, {}).run(visits)
    return gathered.made()


class _GatheredRows:
    """Scores updates as a worker does, and keeps the rows of events before the purchase."""

    def __init__(self, visits: Sequence[ShopVisit]) -> None:
        self._numbers = {visit.session_id: visit for visit in visits}
        self._truths: dict[str, list[float | None]] = {}
        self._rows: list[NDArray[np.float32]] = []
        self._rest: list[tuple[int, int, int, bool, float, float]] = []

    def score(self, updates: Sequence[UnscoredUpdate], models: ModelLoader) -> Iterator[Sequence[ScoredUpdate]]:
        for ready in score(updates, models):
            self._keep(ready)
            yield ready

    def _keep(self, ready: Sequence[ScoredUpdate]) -> None:
        kept = []
        for update in ready:
            record = update.record
            visit = self._numbers[record.session_id]
            if record.event.id is None:
                self._truths.pop(record.session_id, None)
                continue
            truths = self._truths.get(record.session_id)
            if truths is None:
                truths = self._truths[record.session_id] = [each.truth for each in visit.walk()]
            truth = truths[record.counts.events - 1]
            if truth is not None and not record.revenue:
                kept.append(record)
                opened, events = record.opened_at, record.counts.events
                self._rest.append((visit.number, opened, events, visit.bought, record.probability, truth))
        if kept:
            self._rows.append(SESSION.rows(kept))

    def made(self) -> tuple[LearningRows, NDArray[np.float64]]:
        """In the order of the sessions' opening."""
        session, opened, events, bought, live, truth = map(np.array, zip(*self._rest, strict=True))
        rows = LearningRows(
            np.concatenate(self._rows), session.astype(np.uint64), opened, events, bought.astype(np.bool_), live
        )
        order = np.lexsort((events, session, opened))
        return rows.take(order), truth[order]
