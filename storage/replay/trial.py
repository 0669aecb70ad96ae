"""An intervention tried on the stored log: each partition folded as if it had run, and what it would have fired.

Nothing is published and no row is stored. Where live workers would have written a tick for a silence, the clock moves
here at that moment.
"""

import time
from collections.abc import Callable, Sequence

import msgspec

from ingest.events import LIVE_CLOCK, Event, Tick, UndecodableError, clock_of, decode
from storage.database.threads import in_thread
from storage.interventions.trial_report import TrialFiring, report_of
from storage.replay.account import Account
from storage.replay.context import ProgressListener, ReplayContext
from storage.replay.errors import ReplayError
from storage.replay.plan import source_of
from storage.replay.request import PartitionPlan, ReplaySelection
from stream.fold.log_time import clamp_to_append_time
from stream.fold.partition import LogRecord, Partition
from stream.fold.result import FoldResult
from stream.interventions.definition import InterventionDefinition
from stream.interventions.trial import TrialExperiments
from stream.replay import require_folding
from stream.required import in_force_at, required_versions
from stream.scored import Identity, ScoredSession, identity_of
from stream.step import score

#: Updates that are scored at a time.
UPDATES = 2_048


class InterventionTrial:
    """Tries one; raises FoldError, SourceError and ReplayError. `now` in ms UTC: silences are looked at up to there."""

    def __init__(
        self,
        world: ReplayContext,
        request: ReplaySelection,
        now: Callable[[], int] = lambda: int(time.time() * 1000),
    ) -> None:
        if request.intervention is None:
            raise ReplayError("intervention: say which is tried")
        self._world = world
        self._request = request
        self._now = now
        self._definition: InterventionDefinition = request.intervention.running(request.since)
        self._sessions: set[Identity] = set()
        self._firings: dict[Identity, TrialFiring] = {}

    async def make(self, plans: Sequence[PartitionPlan], watcher: ProgressListener) -> Account:
        """The account with the report as its `trial`."""
        account = Account()
        for plan in plans:
            await self._fold(plan, account, watcher)
        until = min(self._request.until, self._now())
        sessions = account.sessions = len(self._sessions)
        firings = self._firings.values()
        account.trial = report_of(self._definition, self._request.since, until, sessions, firings)
        return account

    async def _fold(self, plan: PartitionPlan, account: Account, watcher: ProgressListener) -> None:
        await self._world.wait_for_versions(in_force_at(plan.begin))
        experiments = TrialExperiments(self._world.experiments, self._definition)
        version = plan.begin.experiments_version + experiments.ahead
        begin = msgspec.structs.replace(plan.begin, experiments_version=version)
        partition = self._world.make(plan.partition, begin, experiments)
        partition.refused |= await in_thread(self._world.stored.refused, plan.partition)
        result = FoldResult(has_views=False)
        async for records in source_of(self._world, self._request).read(plan.partition, begin.next, plan.cut + 1):
            await self._world.wait_for_versions(required_versions(records))
            await in_thread(self._take, partition, records, result)
            watcher.moved(len(records))
        self._pass_silences(partition, min(self._now(), self._request.until) + 1, result)
        await in_thread(self._count, result)
        for outcome, count in result.counts.items():
            account.records[outcome] = account.records.get(outcome, 0) + count

    def _take(self, partition: Partition, records: Sequence[LogRecord], result: FoldResult) -> None:
        for record in records:
            if partition.next_silence is not None:
                self._pass_silences(partition, _live_time(record), result)
            if record.key is None or _site_of(record.key) == self._definition.site:
                partition.fold(record, result)
            else:
                partition.advance_clock(record, result)
            if len(result.updates) >= UPDATES:
                self._count(result)
        require_folding(partition, result)

    def _pass_silences(self, partition: Partition, to: int, result: FoldResult) -> None:
        """Move the clock to each silence that comes before `to`, as live workers do by ticks."""
        while (due := partition.next_silence) is not None and due < to:
            partition.advance_to(due, result)

    def _count(self, result: FoldResult) -> None:
        """Score what is folded, and take what fires. What an update fires must be known before a later one of its
        session is scored.
        """
        updates, result.updates = result.updates, []
        result.dead.clear()
        window = self._request.window
        for each in updates:
            if window.holds(each.record.site, each.record.opened_at) and not each.record.bot:
                self._sessions.add(identity_of(each.record))
        for ready in score([each for each in updates if each.session is not None], self._world.models):
            for made in ready:
                if window.holds(made.record.site, made.record.opened_at):
                    self._note(made.partition, made.record)

    def _note(self, partition: int, record: ScoredSession) -> None:
        identity = identity_of(record)
        if identity in self._firings:
            return
        fired = next((each for each in record.interventions if each.name == self._definition.name), None)
        if fired is not None:
            self._firings[identity] = TrialFiring(
                fired.fired_at, partition, fired.offset, record.session_id, record.visitor_id, fired.held
            )


def _site_of(key: bytes) -> str:
    return key.partition(b"/")[0].decode(errors="replace")


def _live_time(record: LogRecord) -> int:
    """Where a record moves the live clock to, in ms; 0 where it does not."""
    try:
        content = clamp_to_append_time(decode(record.key, record.value), record.timestamp)
    except UndecodableError:
        return 0
    if isinstance(content, Event):
        return content.received_at if clock_of(content) == LIVE_CLOCK else 0
    return content.to if isinstance(content, Tick) and content.clock == LIVE_CLOCK else 0
