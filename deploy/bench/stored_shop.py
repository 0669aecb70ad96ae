"""A generated shop as a running system would have stored it, in the databases of a run; and what is true of it."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deploy.simulate.evaluation.first_days import FirstDays
from deploy.simulate.evaluation.samples import NUMBERS, EventTruth, Truths, truths
from deploy.simulate.evaluation.site import RefreshedSite
from deploy.simulate.shop.visit import ShopVisit
from scoring.contracts import SESSION
from storage.write.block import Block, TopicRecord
from storage.write.clickhouse_sink import AnalyticsSink
from stream.fold.calendar import Calendar
from stream.fold.update import UnscoredUpdate
from stream.scored import ScoredSession
from stream.step import ModelLoader, ScoredUpdate, score

#: Updates that are written at once.
BLOCK = 20_000


class EventRows(NamedTuple):
    """At one event of sessions that go on after it: rows of contract 2, float32[n, 38], when the sessions opened, ms
    UTC, whether they buy afterwards, and how probable that is.
    """

    rows: NDArray[np.float32]
    opened_at: NDArray[np.int64]
    bought: NDArray[np.bool_]
    truth: NDArray[np.float64]


class StoredShop(NamedTuple):
    """`updates`: how many were written; `events`: by the number of the event."""

    updates: int
    events: dict[int, EventRows]


def store(visits: Sequence[ShopVisit], conversion: float, models: ModelLoader, client: Any) -> StoredShop:
    """Fold and score the visits, and write every update into ClickHouse."""
    writing = _WritingScorer(client, truths(visits))
    with RefreshedSite(visits[0].site, conversion) as site:
        FirstDays({}, Calendar(), site, writing.score, models, {}).run(visits)
    return writing.made()


class _WritingScorer:
    """Scores updates as a worker does, and writes them as the writer does."""

    def __init__(self, client: Any, known: Truths) -> None:
        self._sink = AnalyticsSink(client)
        self._known = known
        self._waiting: list[ScoredSession] = []
        self._written = 0
        self._kept: dict[int, list[tuple[NDArray[np.float32], int, EventTruth]]] = {each: [] for each in NUMBERS}

    def score(self, updates: Sequence[UnscoredUpdate], models: ModelLoader) -> Iterator[Sequence[ScoredUpdate]]:
        for ready in score(updates, models):
            records = [each.record for each in ready]
            self._waiting += records
            self._keep([record for record in records if record.event.id is not None])
            if len(self._waiting) >= BLOCK:
                self._write()
            yield ready

    def made(self) -> StoredShop:
        self._write()
        return StoredShop(self._written, {number: _columns(kept) for number, kept in self._kept.items()})

    def _keep(self, records: Sequence[ScoredSession]) -> None:
        found = [(record, self._known.get((record.session_id, record.counts.events))) for record in records]
        going_on = [(record, known) for record, known in found if known is not None and known.truth > 0]
        if going_on:
            rows = SESSION.rows([record for record, _ in going_on])
            for row, (record, known) in zip(rows, going_on, strict=True):
                self._kept[record.counts.events].append((row, record.opened_at, known))

    def _write(self) -> None:
        first, self._written = self._written, self._written + len(self._waiting)
        records = [TopicRecord("scored", 0, first + n, 0, None, b"", each) for n, each in enumerate(self._waiting)]
        self._sink.write(Block("generated", tuple(zip(records, self._waiting, strict=True))))
        self._waiting = []


def _columns(kept: Sequence[tuple[NDArray[np.float32], int, EventTruth]]) -> EventRows:
    rows, opened_at, known = zip(*kept, strict=True) if kept else ((), (), ())
    return EventRows(
        np.array(rows, np.float32).reshape(-1, len(SESSION.names)),
        np.array(opened_at, np.int64),
        np.array([each.bought for each in known], np.bool_),
        np.array([each.truth for each in known], np.float64),
    )
