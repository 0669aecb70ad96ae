"""A training set, read and folded: what one site needs of the log, scored without reasons, and nothing else."""

from collections.abc import Sequence
from pathlib import Path

from scoring.model import Model
from storage.database.threads import in_thread
from storage.replay.account import Account
from storage.replay.context import ProgressListener, ReplayContext
from storage.replay.features import FeatureTarget
from storage.replay.request import PartitionPlan, ReplaySelection
from storage.replay.site_fold import SiteFold
from stream.fold.update import UnscoredUpdate
from stream.step import probabilities


class TrainingSet:
    """Makes one training set; raises FoldError, SourceError and ReplayError."""

    def __init__(self, world: ReplayContext, request: ReplaySelection) -> None:
        self._world = world
        self._request = request
        self._target = FeatureTarget(Path(request.target), request.bots, world.money)

    async def make(self, plans: Sequence[PartitionPlan], watcher: ProgressListener) -> Account:
        account, site = Account(), SiteFold(self._world, self._request, self._take)
        for plan in plans:
            await site.fold(plan, account, watcher)
        await self._target.finish(plans)
        # Sessions that are open at the end have no outcome yet, and their updates no row.
        account.updates = self._target.rows + account.sessions
        if self._request.source == "clickhouse":
            await in_thread(self._report_earlier, watcher)
        return account

    def _take(self, partition: int, updates: Sequence[UnscoredUpdate]) -> int:
        return self._target.add(partition, probabilities(updates, self._models))

    def _report_earlier(self, watcher: ProgressListener) -> None:
        if earlier := self._world.timeline.earlier_sessions(self._request.window):
            watcher.report(
                f"{earlier:,} sessions are stored of earlier logs, which cannot be folded again: "
                "`opecom features export` reads all logs"
            )

    def _models(self, in_force: str) -> Model:
        return self._world.models(self._request.model or in_force)
