"""Plans the replay of a partition: where folding begins and ends, and what stood in force there."""

from datetime import UTC, datetime

from ingest.events import Event, UndecodableError, decode
from storage.database.threads import in_thread
from storage.replay.context import ReplayContext
from storage.replay.errors import ReplayError
from storage.replay.request import PartitionPlan, ReplaySelection
from storage.replay.stored_log import ControlsInForce
from stream.experiments.history import Experiments
from stream.fold.log_time import clamp_to_append_time
from stream.fold.mark import Mark, decode_mark
from stream.fold.models_in_force import ModelsInForce
from stream.kafka.source import Bounds, Source
from stream.replay import EARLIER, NEVER
from stream.required import RequiredVersions


async def plan(world: ReplayContext, request: ReplaySelection, partition: int) -> PartitionPlan:
    """The plan of one partition; raises ReplayError and SourceError where the source cannot give what is asked for."""
    source = source_of(world, request)
    bounds = await source.bounds(partition)
    cut = bounds.end - 1
    first = await _first(world, request, source, partition, bounds)
    known = await in_thread(world.stored.in_force, partition, first) if first > bounds.start else None
    known = known or ControlsInForce(ModelsInForce())
    await world.wait_for_versions(RequiredVersions(experiments=known.experiments))
    clocks = await in_thread(world.stored.clocks, partition, first) if first else {}
    begin = Mark(
        first,
        clocks,
        known.models.common,
        known.pages,
        sites=known.models.sites,
        experiments_version=known.experiments,
        left_out=left_out(world.experiments, known),
    )
    last = await _last(world, request, partition, cut)
    # A training set has no sessions that are open at the cut, whoever they belong to; nor has a shadow.
    tail = begin if request.folds_sites else await _tail(world, request, partition, begin, cut)
    return PartitionPlan(partition, begin, last, cut, tail, await _lacks(world, request, partition, first, cut))


def left_out(experiments: Experiments, known: ControlsInForce) -> tuple[str, ...]:
    """The running experiments that live workers left out, since a model of theirs could not be used."""
    running = experiments.models(known.experiments)
    refused = {name for before, version in known.refused_experiments for name in experiments.begun(before, version)}
    return tuple(sorted(refused & running.keys()))


def source_of(world: ReplayContext, request: ReplaySelection) -> Source:
    return world.kafka if request.source == "kafka" else world.stored


async def _first(world: ReplayContext, request: ReplaySelection, source: Source, partition: int, bounds: Bounds) -> int:
    """Where folding begins: EARLIER than the window, or where the log does."""
    since = request.since - EARLIER
    if request.since and (kept := await indexed(world, partition)) is not None and kept.start <= bounds.start:
        found = await in_thread(world.stored.first_received_since, partition, since)
        return max(bounds.end if found is None else found, bounds.start)
    if bounds.start > 0:
        await _require_whole(request, source, partition, bounds)
    return bounds.start


async def _last(world: ReplayContext, request: ReplaySelection, partition: int, cut: int) -> int:
    """The last record that must be folded before a replay may end early; the cut, where the index does not tell."""
    if request.until == NEVER or request.include_late or (kept := await indexed(world, partition)) is None:
        return cut
    found = await in_thread(world.stored.last_received_before, partition, request.until + EARLIER)
    # What ClickHouse does not have yet, it cannot place.
    return cut if found is None or found + 1 >= kept.end else min(found, cut)


async def indexed(world: ReplayContext, partition: int) -> Bounds | None:
    """What of the partition ClickHouse can find by time: all that it keeps, where that has no holes; else None."""
    first, end, count = await in_thread(world.stored.extent, partition)
    return Bounds(first, end) if count and count == end - first else None


async def _require_whole(request: ReplaySelection, source: Source, partition: int, bounds: Bounds) -> None:
    """Raise ReplayError where the window begins before, or with, what is left of the log."""
    async for records in source.read(partition, bounds.start, min(bounds.start + 1, bounds.end)):
        for record in records:
            try:
                content = clamp_to_append_time(decode(record.key, record.value), record.timestamp)
            except UndecodableError:
                content = None
            at = content.received_at if isinstance(content, Event) else record.timestamp
            if request.since - EARLIER >= at:
                return
            earliest = datetime.fromtimestamp((at + EARLIER) / 1000, UTC)
            other = "--source clickhouse, or " if request.source == "kafka" else ""
            raise ReplayError(
                f"partition {partition} begins at offset {bounds.start:,}, and what was before it is gone: add "
                f"{other}--from {earliest:%Y-%m-%dT%H:%M}, from where sessions are whole"
            )


async def _tail(world: ReplayContext, request: ReplaySelection, partition: int, begin: Mark, cut: int) -> Mark:
    """Where to begin looking for what is open at the cut: at the workers' mark, made for that, or at the begin."""
    committed = None if request.include_late else await world.committed(partition)
    mark = decode_mark(committed[1]) if committed is not None else None
    if committed is None or mark is None or not begin.next <= mark.next <= committed[0] <= cut + 1:
        return begin
    return mark


async def _lacks(world: ReplayContext, request: ReplaySelection, partition: int, first: int, cut: int) -> bool:
    """Whether ClickHouse lacks any of the records that are read from Kafka."""
    if request.source != "kafka" or request.into != "databases" or cut < first:
        return False
    kept, end, count = await in_thread(world.stored.extent, partition)
    return not count or kept > first or end <= cut or count != end - kept
