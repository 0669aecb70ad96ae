"""Open sessions: the memory that a worker needs for them, and what it costs to fold them again after it was killed.

The worker that users start scores a log of sessions that all stay open, and is killed by SIGKILL when it has committed
the last of them. Another one is started: it folds the log from the committed mark, which is where the oldest open
session began. The CPU of folding is what the second start takes more than the first, which found an empty log, until
each is ready and waits. That worker has no snapshots. One that has them, and is started before it, shows what recovery
really takes.
"""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from deploy.bench.crowd import EVENTS, ConcurrentSessions, Given
from deploy.bench.errors import BenchError
from deploy.bench.log import BenchLog, wait_for
from deploy.bench.part import Part, answers, samples
from deploy.bench.run import Run, changed, environment
from deploy.bench.simulation import BenchTraffic, simulation
from deploy.processes.interpreter import OPECOM
from ingest.events import UsePages, encode

SESSIONS, QUICK_SESSIONS = 100_000, 20_000
#: The longest session that the daily cut leaves room for is a little longer.
HOURS = 20
#: Events whose visits give the pages and contexts.
PATTERNS = 20_000
LONGEST = 1_800.0

#: Events that come and go beside a session that stays open for HOURS.
PASSED, QUICK_PASSED = 2_000_000, 100_000
_FROM_SNAPSHOT = re.compile(r"(\d+) open sessions from a snapshot")
_FOLDED = re.compile(r"folded (\d+) events in ([0-9.]+) s")


@dataclass(frozen=True, slots=True)
class Restored:
    """What a recovery by a snapshot took, from the assignment of the partitions to the last one's first round."""

    from_snapshot: int
    events: int
    seconds: float
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a worker held, what folding it again took, and what recovery by a snapshot did."""

    open_sessions: int
    rss_mb: float
    again_rss_mb: float
    events: int
    cpu_seconds: float
    seconds: float
    restored: Restored

    @property
    def rate(self) -> float:
        return self.events / self.cpu_seconds

    def spoken(self, name: str) -> str:
        restored = self.restored
        return (
            f"{name}: recovered in {restored.seconds:.1f} s, {restored.cpu_seconds:.1f} CPU-s, "
            f"{restored.from_snapshot:,} sessions from snapshots and {restored.events:,} events folded; "
            f"without snapshots {self.events:,} events folded again in "
            f"{self.seconds:.1f} s, {self.cpu_seconds:.1f} CPU-s, {self.rate:,.0f} events per CPU-s; "
            f"{self.open_sessions:,} sessions open in {self.rss_mb:.0f} MB, {self.again_rss_mb:.0f} MB after recovery"
        )


async def measure(run: Run, data: Path | None, quick: bool) -> tuple[dict[str, float], list[str]]:
    """The figures, and what to say of them; raises BenchError when a session is not open or an event not folded."""
    given = simulation(data, PATTERNS)
    crowd, partitions = ConcurrentSessions(given), run.settings.kafka.partitions
    sessions = QUICK_SESSIONS if quick else SESSIONS
    at_once = await killed(run, given, crowd.at_once(sessions, partitions), sessions * EVENTS)
    if at_once.open_sessions != sessions:
        raise BenchError(f"of {sessions:,} sessions {at_once.open_sessions:,} are open: so there is no figure")
    passed = QUICK_PASSED if quick else PASSED
    after = await killed(run, given, crowd.after_hours(QUICK_SESSIONS, passed, HOURS, partitions), None)
    if after.open_sessions != QUICK_SESSIONS + 1:
        raise BenchError(f"of {QUICK_SESSIONS + 1:,} sessions {after.open_sessions:,} are open: so there is no figure")
    notes = [
        at_once.spoken("all open at once"),
        after.spoken(f"after {HOURS} hours with one session open and about {passed:,} events of others"),
    ]
    figures = {
        "open_sessions": float(at_once.open_sessions),
        "rss_mb": max(at_once.rss_mb, at_once.again_rss_mb),
        "recovery_events_per_cpu_second": at_once.rate,
        "recovery_seconds": after.restored.seconds,
        "recovery_cpu_seconds": after.restored.cpu_seconds,
        "recovery_events": float(after.restored.events),
    }
    return figures, notes


async def killed(run: Run, given: BenchTraffic, records: list[Iterator[Given]], events: int | None) -> Recovered:
    """Let a worker score these records, kill it, let another one take over, kill it too, and let one without snapshots
    do the same. `events` is how many there are, where all of them are of sessions that are open; else None."""
    async with run.log("sessions") as log:
        kafka = log.settings.kafka
        version = await log.publish_pages(given.pages)
        async with _worker(run, log, "worker") as worker:
            start = await _ready(worker, log)
            filled = 0
            for number, part in enumerate(records):
                await log.fill(kafka.events_topic, number, [(None, encode(UsePages(version)))])
                filled += await log.fill(kafka.events_topic, number, part)
            if events is not None and filled != events:
                raise BenchError(f"{filled:,} events were made, not {events:,}")
            await _scored(worker, log, filled)
            opened = await _open(log)
            rss = worker.rss_mb()
            await worker.kill()
        async with _worker(run, log, "worker-restored") as again:
            restored = await _restored(again, log, opened, await _ready(again, log) - start)
            again_rss = again.rss_mb()
            await again.kill()
        plain = replace(log, settings=changed(log.settings, "kafka", snapshots_topic=""))
        async with _worker(run, plain, "worker-again") as again:
            spent = await _ready(again, log) - start
            folded = [(int(count), float(seconds)) for count, seconds in _FOLDED.findall(again.output())]
            # The announcement of the pages may be folded with the rest or have been passed before the first mark.
            count = sum(each for each, _ in folded)
            fewest = 1 if events is None else events
            if not fewest <= count <= filled + kafka.partitions or await _open(log) != opened:
                raise BenchError(
                    f"of {filled:,} events {count:,} were folded again, and of {opened:,} sessions "
                    f"{await _open(log):,} are open again: so there is no figure"
                )
            rss_mb = max(again_rss, again.rss_mb())
            return Recovered(opened, rss, rss_mb, count, spent, sum(each for _, each in folded), restored)


async def _restored(worker: Part, log: BenchLog, opened: int, cpu_seconds: float) -> Restored:
    """What a worker that is ready says of its recovery; raises BenchError unless the same sessions are open again."""
    found = await _open(log)
    if found != opened:
        raise BenchError(f"of {opened:,} sessions {found:,} are open after a recovery by snapshots")
    output = worker.output()
    seconds = await asyncio.to_thread(samples, log.settings.worker.metrics_port, "opecom_worker_claim_seconds_sum")
    return Restored(
        sum(int(count) for count in _FROM_SNAPSHOT.findall(output)),
        sum(int(count) for count, _ in _FOLDED.findall(output)),
        sum(seconds.values()),
        cpu_seconds,
    )


def _worker(run: Run, log: BenchLog, name: str) -> Part:
    return Part(name, run.folder, (*OPECOM, "run", "worker"), environment(log.settings))


async def _ready(worker: Part, log: BenchLog) -> float:
    """The CPU seconds of a worker that has its partitions and waits."""
    port = log.settings.worker.metrics_port
    await worker.until(lambda: answers(port, "/readyz"), "ready", LONGEST)
    await worker.until_idle()
    return worker.cpu()


async def _scored(worker: Part, log: BenchLog, events: int) -> None:
    """Wait until everything is scored and committed; raises BenchError unless every event gave one score."""
    kafka, group = log.settings.kafka, log.settings.worker.group
    ends = await log.ends(kafka.events_topic)

    async def all_committed() -> bool:
        return await log.committed(group, kafka.events_topic) == ends

    await wait_for(all_committed, worker.cpu, LONGEST, "worker")
    await worker.until_idle()
    by_outcome = await asyncio.to_thread(samples, log.settings.worker.metrics_port, "opecom_worker_records_total")
    if by_outcome.get("scored") != events or await log.ends(kafka.dead_topic) != [0] * kafka.partitions:
        raise BenchError(f"of {events:,} events not all were scored ({by_outcome}): so there is no figure")


async def _open(log: BenchLog) -> int:
    """How many sessions the worker says are open; it says so once a second."""
    await asyncio.sleep(1.5)
    by_partition = await asyncio.to_thread(samples, log.settings.worker.metrics_port, "opecom_worker_open_sessions")
    return int(sum(by_partition.values()))
