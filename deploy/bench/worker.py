"""Events from a backlog to acknowledged scores: the worker, beside two other ways to write it.

Each way is a process of its own with topics of its own, over the same events and the same model: those of the UCI data
with the shipped model, then those of the generated shop with a model of contract 2. What counts is CPU time between two
readings: when the process has started, has its partitions and waits, and when every score is acknowledged and its
offset committed. The ways take turns, in rounds whose order alternates, and a ratio is the median of the rounds': a
machine that others share changes its speed from minute to minute. Then the worker scores live traffic with and without
experiments (worker_experiments.py).

The worker and the bare loop wait by the design's own rule: the log's first record puts a version of the page
statistics in force that is not written yet, and no worker goes on without it. The whole backlog is on the topic, the
first reading is taken, and then the statistics are written. Naive Faust knows no such rule: it is given its events,
in a burst that takes a fraction of the time it needs for them, when it waits for work.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from statistics import median
from time import monotonic

from deploy.bench import bare_loop, naive_faust
from deploy.bench.backlog_cost import LONGEST, LoopCost, check
from deploy.bench.errors import BenchError
from deploy.bench.log import wait_for
from deploy.bench.part import Part, answers, samples
from deploy.bench.run import Run, changed, environment
from deploy.bench.session_traffic import session_traffic, with_session_model
from deploy.bench.simulation import BenchTraffic, simulation
from deploy.bench.worker_experiments import experiments_cost
from deploy.processes.interpreter import OPECOM, of_module
from deploy.processes.ports import free_port
from ingest.events import Event, UsePages, encode, key_of

#: Rounds, and in each the events of a backlog and for naive Faust, which needs a second for a thousand.
ROUNDS, BACKLOG, NAIVE = 5, 100_000, 8_000
QUICK_ROUNDS, QUICK_BACKLOG, QUICK_NAIVE = 1, 40_000, 4_000


class Way(StrEnum):
    """A way to write the worker."""

    WORKER = "worker"
    BARE = "bare aiokafka loop"
    NAIVE = "naive Faust"


@dataclass(frozen=True, slots=True)
class ThreeWays:
    """The worker beside the two other ways, on the same events, once in each round."""

    rounds: list[dict[Way, LoopCost]]

    def figures(self, prefix: str) -> dict[str, float]:
        return {
            f"{prefix}events_per_cpu_second": median(each[Way.WORKER].rate for each in self.rounds),
            f"{prefix}ratio_to_naive_faust": median(self.ratios(Way.NAIVE)),
            f"{prefix}ratio_to_bare_loop": median(self.ratios(Way.BARE)),
        }

    def ratios(self, other: Way) -> list[float]:
        """The worker's events per CPU second over the other way's, in each round."""
        return [each[Way.WORKER].rate / each[other].rate for each in self.rounds]

    def notes(self, traffic: str) -> list[str]:
        return [
            *(f"{traffic}, {way}: {_listed([each[way].rate for each in self.rounds])} events per CPU-s" for way in Way),
            *(f"{traffic}, ratio to {way}: {_listed(self.ratios(way), 2)}" for way in (Way.NAIVE, Way.BARE)),
        ]


def _listed(values: Sequence[float], digits: int = 0) -> str:
    return ", ".join(f"{value:,.{digits}f}" for value in values)


async def measure(run: Run, data: Path | None, quick: bool) -> tuple[dict[str, float], list[str]]:
    """The figures, and what to say of them; raises BenchError when an event is missing or comes twice."""
    rounds, backlog, few = (QUICK_ROUNDS, QUICK_BACKLOG, QUICK_NAIVE) if quick else (ROUNDS, BACKLOG, NAIVE)
    history = simulation(data, backlog)
    uci = await three_ways(run, run, history, simulation(data, few), rounds)
    # Naive Faust keeps to the seventeen features and the shipped model: it has still less to do.
    session_run = with_session_model(run)
    session = await three_ways(session_run, run, session_traffic(backlog), session_traffic(few), rounds)
    experiments = await experiments_cost(run, quick)
    figures = uci.figures("") | session.figures("session_") | {"experiments_ratio": experiments.ratio}
    notes = [*uci.notes("the seventeen features"), *session.notes("signals, contract 2"), *experiments.notes()]
    if not quick:
        one, two = await by_wall(run, history, 1), await by_wall(run, history, 2)
        notes.append(
            f"by the wall: one worker {one:,.0f} events/s, two workers {two:,.0f}, {two / one:.2f} times as many; "
            "Kafka is on the same cores"
        )
    return figures, notes


async def three_ways(run: Run, naive_run: Run, history: BenchTraffic, burst: BenchTraffic, rounds: int) -> ThreeWays:
    """What each way needs for the history, naive Faust for the burst, by turns."""
    ways: dict[Way, Callable[[], Awaitable[LoopCost]]] = {
        Way.WORKER: lambda: from_backlog(run, history, "worker", (*OPECOM, "run", "worker")),
        Way.BARE: lambda: from_backlog(run, history, "bare-loop", of_module(bare_loop.__name__)),
        Way.NAIVE: lambda: in_a_burst(naive_run, burst),
    }
    taken = []
    for number in range(rounds):
        order = list(ways) if number % 2 == 0 else list(reversed(ways))
        taken.append({way: await ways[way]() for way in order})
    return ThreeWays(taken)


async def from_backlog(run: Run, history: BenchTraffic, name: str, command: tuple[str, ...]) -> LoopCost:
    """Let a part that folds by the log's rules eat a backlog that is complete before the first reading."""
    async with run.log(name) as log:
        kafka, worker = log.settings.kafka, log.settings.worker
        # The marker stands behind the rows; so this will be its offset, which is the version.
        version = len(history.pages)
        sent: set[str] = set()
        async with Part(name, run.folder, command, environment(log.settings)) as part:
            # Before the backlog: a worker is ready with its partitions, and takes none whose statistics are missing.
            await part.until(
                lambda: answers(worker.metrics_port, "/readyz") or part.has_logged(bare_loop.READY), "ready", 60
            )
            for partition, events in enumerate(records(history, kafka.partitions, sent)):
                await log.fill(kafka.events_topic, partition, [(None, encode(UsePages(version)))])
                await log.fill(kafka.events_topic, partition, events)
            ends = await log.ends(kafka.events_topic)
            await part.until_idle()
            before = part.cpu()
            if await log.publish_pages(history.pages) != version:
                raise BenchError(f"topic {kafka.pages_topic} was not empty")

            async def all_committed() -> bool:
                return await log.committed(worker.group, kafka.events_topic) == ends

            await wait_for(all_committed, part.cpu, LONGEST, name)
            spent = part.cpu() - before
        await check(log, sent, name)
        return LoopCost(len(sent), spent)


async def by_wall(run: Run, history: BenchTraffic, workers: int) -> float:
    """Events a second, by the wall, of so many workers that share a backlog, from its release to the last score.

    The workers divide the empty partitions among them first: while they wait for the statistics, they could not.
    """
    async with run.log(f"workers-{workers}") as log, AsyncExitStack() as running:
        kafka = log.settings.kafka
        parts, ports = [], [free_port() for _ in range(workers)]
        for number, port in enumerate(ports):
            settings = changed(log.settings, "worker", metrics_port=port)
            part = Part(f"worker-{workers}-{number}", run.folder, (*OPECOM, "run", "worker"), environment(settings))
            parts.append(await running.enter_async_context(part))
            await part.until(lambda port=port: answers(port, "/readyz"), "ready", 60)  # type: ignore[misc]
        version = len(history.pages)
        for partition in range(kafka.partitions):
            await log.fill(kafka.events_topic, partition, [(None, encode(UsePages(version)))])
        sent: set[str] = set()
        for partition, events in enumerate(records(history, kafka.partitions, sent)):
            await log.fill(kafka.events_topic, partition, events)
        for part in parts:
            await part.until_idle()
        began = monotonic()
        await log.publish_pages(history.pages)

        def scored() -> float:
            return sum(samples(port, "opecom_worker_records_total").get("scored", 0.0) for port in ports)

        async def all_scored() -> bool:
            return await asyncio.to_thread(scored) >= len(sent)

        await wait_for(all_scored, lambda: [part.cpu() for part in parts], LONGEST, f"{workers} workers")
        took = monotonic() - began
        await check(log, sent, f"{workers} workers")
        return len(sent) / took


async def in_a_burst(run: Run, history: BenchTraffic) -> LoopCost:
    """Let naive Faust eat its events."""
    name = "naive-faust"
    async with run.log(name) as log:
        kafka = log.settings.kafka
        await log.publish_pages(history.pages)
        sent: set[str] = set()
        streams = [list(events) for events in records(history, kafka.partitions, sent)]
        command = of_module(naive_faust.__name__)
        async with Part(name, run.folder, command, environment(log.settings)) as part:
            await part.until(lambda: part.has_logged(naive_faust.READY), "ready", 60)
            await part.until_idle()
            before = part.cpu()
            for partition, events in enumerate(streams):
                await log.fill(kafka.events_topic, partition, events)

            async def all_scored() -> bool:
                return sum(await log.ends(kafka.scored_topic)) >= len(sent)

            await wait_for(all_scored, part.cpu, LONGEST, name)
            spent = part.cpu() - before
        await check(log, sent, name)
        return LoopCost(len(sent), spent)


def records(history: BenchTraffic, partitions: int, sent: set[str]) -> Iterator[Iterator[tuple[bytes, bytes]]]:
    """Key and value of the events of each partition; their ids are added to `sent` as they are taken."""

    def of(events: Iterator[Event]) -> Iterator[tuple[bytes, bytes]]:
        for event in events:
            sent.add(event.event_id)
            yield key_of(event.site, event.session_id), encode(event)

    for events in history.history(partitions):
        yield of(events)
