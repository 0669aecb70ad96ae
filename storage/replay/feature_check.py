"""Whether stored features are those of the log: it is folded for a sample of sessions, and each update compared."""

import zlib
from collections.abc import Sequence

from storage.database.threads import in_thread
from storage.replay.account import Account
from storage.replay.context import ProgressListener, ReplayContext
from storage.replay.feature_compare import COLUMNS, FeatureValues, UpdatePlace, differences, values_of
from storage.replay.feature_differences import FeatureCheckReport
from storage.replay.request import PartitionPlan, ReplaySelection
from storage.replay.site_fold import SiteFold
from stream.fold.update import UnscoredUpdate
from stream.scored import Identity, identity_of

#: Updates that are compared at a time.
BATCH = 10_000


class FeatureCheck:
    """Compares one sample; raises FoldError, SourceError, DatabaseUnavailableError and ReplayError.

    Sessions that are open at the cut are compared like others, programs as well. Which sessions are taken is said by a
    CRC-32 of their key, which ClickHouse has too.
    """

    def __init__(self, world: ReplayContext, request: ReplaySelection) -> None:
        self._world = world
        self._request = request
        self._report = FeatureCheckReport(request.sample, 1, request.seed)
        self._sessions: set[int] = set()
        self._computed: dict[UpdatePlace, FeatureValues] = {}
        #: The first offset of the partition that is not compared yet.
        self._next = 0

    async def make(self, plans: Sequence[PartitionPlan], watcher: ProgressListener) -> Account:
        """The account with the report as its `check`."""
        account, site = Account(), SiteFold(self._world, self._request, self._take, self._is_sampled)
        await in_thread(self._begin)
        for plan in plans:
            self._next, self._sessions = plan.begin.next, set()
            await site.fold(plan, account, watcher)
            await in_thread(self._compare, plan.partition, plan.cut + 1)
            self._report.sessions += len(self._sessions)
        account.updates = self._report.updates
        account.check = self._report
        return account

    def _begin(self) -> None:
        window, timeline = self._request.window, self._world.timeline
        whole = timeline.session_count(window)
        if self._request.sample:
            self._report.one_in = max(1, -(-whole // self._request.sample))
        self._report.earlier_sessions = timeline.earlier_sessions(window)

    def _is_sampled(self, key: bytes) -> bool:
        return zlib.crc32(b"%d:%b" % (self._request.seed, key)) % self._report.one_in == 0

    def _take(self, partition: int, updates: Sequence[UnscoredUpdate]) -> int:
        closed = 0
        for update in updates:
            session = update.record
            if session.event.id is None:
                closed += 1
                continue
            identity = identity_of(session)
            self._sessions.add(_number(identity))
            self._computed[identity, session.event.offset] = values_of(session)
            if len(self._computed) >= BATCH:
                self._compare(partition, session.event.offset + 1)
        return closed

    def _compare(self, partition: int, end: int) -> None:
        """Compare what is from the last comparison to the offset `end`."""
        stored = self._world.timeline.features(
            *(partition, self._next, end, COLUMNS, self._request.window, self._request.seed, self._report.one_in)
        )
        self._report.updates += len(self._computed)
        for difference in differences(partition, self._computed, stored):
            self._report.add(difference)
        self._computed, self._next = {}, end


def _number(identity: Identity) -> int:
    """What counts a session in a few bytes."""
    return hash(identity)
