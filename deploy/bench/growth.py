"""Whether an event costs the same however many sessions are open beside its own.

Partitions with few and with many open sessions fold the same events of the same thousand further sessions, as the
worker does, in this process and by turns; what counts is CPU time of folding and scoring. Kafka has no part in it.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from statistics import median
from time import process_time

from deploy.bench.crowd import BEGIN, EVENTS, MINUTE, ConcurrentSessions, Given
from deploy.bench.errors import BenchError
from deploy.bench.run import Run
from deploy.bench.simulation import simulation
from deploy.bench.writer import BenchRecord, statistics_of
from deploy.settings.model import Settings
from deploy.wiring.calendars import calendars
from deploy.wiring.folding import collect_rarely
from deploy.wiring.models import models
from stream.fold.mark import Mark
from stream.fold.pages import PageRow
from stream.fold.partition import Partition
from stream.step import ModelLoader, fold, score

#: Sessions that are open beside those that count; events that each has had; sessions that count, and rounds of them.
OPEN, QUICK_OPEN = (1_000, 10_000, 100_000), (1_000, 20_000)
EARLIER, COUNTED, ROUNDS = 3, 1_000, 5
#: Records that are folded in one go, and events whose visits give the pages and contexts.
ROUND, PATTERNS = 1_000, 20_000


class OpenPartition:
    """A partition in which so many sessions stay open."""

    def __init__(
        self, settings: Settings, pages: Sequence[PageRow], crowd: ConcurrentSessions, sessions: int, model: ModelLoader
    ) -> None:
        statistics = statistics_of(pages)
        self._crowd, self._model = crowd, model
        self._partition = Partition("bench", 0, calendars(settings), statistics, Mark(0, {}, "", statistics.version))
        self._begun = sessions
        self._cpu(islice(crowd.in_turn(range(sessions), BEGIN, 30 * MINUTE), sessions * EARLIER))
        if self.open_sessions != sessions:
            raise BenchError(f"of {sessions:,} sessions {self.open_sessions:,} are open: so there is no figure")

    @property
    def open_sessions(self) -> int:
        return self._partition.open_sessions

    def event_us(self, number: int) -> float:
        """CPU µs of an event of the sessions of this round, which stay open too."""
        numbers = range(self._begun + number * COUNTED, self._begun + (number + 1) * COUNTED)
        records = list(self._crowd.in_turn(numbers, BEGIN + (5 + 3 * number) * MINUTE, 3 * MINUTE))
        return self._cpu(records) / len(records) * 1e6

    def _cpu(self, records: Iterator[Given] | Sequence[Given]) -> float:
        given = (BenchRecord(offset, -1, *record) for offset, record in enumerate(records, self._partition.next))
        spent = 0.0
        while batch := list(islice(given, ROUND)):
            before = process_time()
            for _ in score(fold({0: self._partition}, {0: batch}).folded.updates, self._model):
                pass
            spent += process_time() - before
        return spent


async def measure(run: Run, data: Path | None, quick: bool) -> tuple[dict[str, float], list[str]]:
    """The figures, and what to say of them; raises BenchError when a session that should be open is not."""
    collect_rarely()
    given = simulation(data, PATTERNS)
    crowd, model = ConcurrentSessions(given), models(run.settings.scoring)
    few, *others = QUICK_OPEN if quick else OPEN
    partitions = {
        sessions: OpenPartition(run.settings, given.pages, crowd, sessions, model) for sessions in (few, *others)
    }
    rounds = [{sessions: each.event_us(number) for sessions, each in partitions.items()} for number in range(ROUNDS)]
    for sessions, each in partitions.items():
        if each.open_sessions != sessions + ROUNDS * COUNTED:
            raise BenchError(f"of {sessions + ROUNDS * COUNTED:,} sessions {each.open_sessions:,} are open")
    most = others[-1]
    figures = {
        "event_us_few": median(each[few] for each in rounds),
        "event_us_many": median(each[most] for each in rounds),
        "open_sessions": float(most),
        "ratio_many_to_few": median(each[most] / each[few] for each in rounds),
    }
    notes = [
        f"{sessions:,} open: {', '.join(f'{each[sessions]:.1f}' for each in rounds)} µs, "
        f"{median(each[sessions] / each[few] for each in rounds):.2f} times that of {few:,}"
        for sessions in partitions
    ]
    return figures, [*notes, f"an event of {COUNTED:,} sessions of {EVENTS} events, in {ROUNDS} rounds by turns"]
