"""Folds records of which nothing is published, and still knows what interventions have fired in the sessions.

What fired depends on scores, so the updates of sessions that interventions concern are scored; all others cost what a
fold costs.
"""

import logging

from scoring.manifest import ModelError
from stream.fold.partition import LogRecord, Partition
from stream.fold.result import FoldResult, NothingPublished
from stream.step import ModelLoader, score

log = logging.getLogger(__name__)

#: Updates that are scored at a time, as many as one run of the model takes.
UPDATES = 256


class SilentFold:
    """Call `decide` before the sessions are looked at."""

    def __init__(self, partition: Partition, models: ModelLoader) -> None:
        self._partition = partition
        self._models = models
        self._result = FoldResult(policy=NothingPublished(), has_views=False, decides=True)

    def fold(self, record: LogRecord) -> None:
        """Fold the record at the partition's `next`."""
        if not self._partition.experiments.uses_interventions:
            self._partition.fold(record, None)
            return
        self._partition.fold(record, self._result)
        if len(self._result.updates) >= UPDATES:
            self.decide()

    def decide(self) -> None:
        """Score what is folded. Where a model is gone, what it would have fired counts as not fired."""
        updates, self._result.updates = self._result.updates, []
        self._result.dead.clear()
        try:
            for _ in score(updates, self._models):
                pass
        except ModelError as error:
            log.warning("partition %d: interventions of %d updates are not known: %s",
                        self._partition.number, len(updates), error)  # fmt: skip
