"""What experiments cost the worker: live traffic with three of them and a hold-out, and the same without.

Both ways are the worker's own process over the same events with the same model of contract 2. Two experiments of
actions have conditions over signals and scores, one of models gives half of the visitors another version of the same
network, so that what models of different sizes cost is not in the figure. What counts is each process's CPU time, and
the ratio is the median over pairs. The two of a pair run at once: a machine that others share is as slow for one as for
the other, while two runs one after the other differ by a tenth and more.

What is in force is the log's first record, and the process has it, its partitions and its models before the events
come. They are then released together, as in worker.py.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import msgspec

from deploy.bench.backlog_cost import LONGEST, LoopCost, check
from deploy.bench.errors import BenchError
from deploy.bench.log import BenchLog, wait_for
from deploy.bench.part import Part, answers
from deploy.bench.run import Run, environment
from deploy.bench.session_traffic import VERSION, session_traffic, with_session_model
from deploy.bench.simulation import SITE, BenchTraffic
from deploy.processes.interpreter import OPECOM
from ingest.events import Control, Event, UseExperiments, UsePages, encode, key_of
from ingest.partition import partition_of
from stream.experiments.definition import Arm, Definition, ExperimentDefinition, HoldoutDefinition
from stream.kafka.experiments_topic import add_definition

#: Pairs of a worker with and one without experiments, and events of each.
PAIRS, EVENTS = 7, 50_000
QUICK_PAIRS, QUICK_EVENTS = 3, 15_000
#: Over so many ms before now the events come: so no session is idle for half an hour before the worker has ended.
WINDOW_MS = 10 * 60_000
#: The model of the other arm; that of the control is the one in force.
OTHER = f"{VERSION}-b"
HELD_OUT = "hold-out"

_HALVES = ((0, 5_000),), ((5_000, 10_000),)


def definitions(now: int) -> list[Definition]:
    """Three experiments and a hold-out of a tenth; `now` in ms UTC."""

    def experiment(name: str, salt: str, **given: object) -> ExperimentDefinition:
        whole: dict[str, object] = {"site": SITE, "kind": "action", "unit": "visitor", "layer": name, "by": "bench"}
        whole |= {"salt": salt * 16, "status": "running", "started_at": now}
        arms = tuple(Arm(*each) for each in zip(("control", "treatment"), _HALVES, (False, True), strict=True))
        return ExperimentDefinition(name=name, **(whole | {"arms": arms} | given))  # type: ignore[arg-type]

    models = tuple(Arm(*each) for each in zip(("control", "other"), _HALVES, (True, True), ("", OTHER), strict=True))
    return [
        HoldoutDefinition(site=SITE, salt="1" * 16, buckets=1_000, changed_at=now),
        experiment("chat", "2", audience="band >= building and cart_value > 0"),
        experiment("coupon", "3", audience="page_views >= 3 and not Weekend or device_class in (mobile, tablet)"),
        experiment("models", "4", kind="model", arms=models),
    ]


@dataclass(frozen=True, slots=True)
class ExperimentsCost:
    """Pairs of what the worker needed with experiments and without."""

    pairs: Sequence[tuple[LoopCost, LoopCost]]

    @property
    def ratios(self) -> list[float]:
        """Events per CPU second with experiments over those without, of each pair."""
        return [given.rate / without.rate for given, without in self.pairs]

    @property
    def ratio(self) -> float:
        return median(self.ratios)

    def notes(self) -> list[str]:
        given, without = (median(each[way].rate for each in self.pairs) for way in (0, 1))
        ratios = ", ".join(f"{each:.3f}" for each in self.ratios)
        return [
            f"live traffic, three experiments and a hold-out: {given:,.0f} events per CPU-s, without {without:,.0f}",
            f"live traffic, ratio with experiments to without: {ratios}",
        ]


async def experiments_cost(run: Run, quick: bool) -> ExperimentsCost:
    """What the worker needs; raises BenchError when an event is missing, or an experiment that should be in records."""
    number, events = (QUICK_PAIRS, QUICK_EVENTS) if quick else (PAIRS, EVENTS)
    run, traffic = with_session_model(run, OTHER), session_traffic(events)
    return ExperimentsCost([await _pair(run, traffic) for _ in range(number)])


async def _pair(run: Run, traffic: BenchTraffic) -> tuple[LoopCost, LoopCost]:
    """The worker with experiments and the one without, at once."""
    events, both_wait = live(traffic, int(time.time() * 1000)), asyncio.Barrier(2)
    try:
        async with asyncio.TaskGroup() as group:
            given, without = (group.create_task(_scored(run, traffic, events, way, both_wait)) for way in (True, False))
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from failed
    return given.result(), without.result()


async def _scored(
    run: Run, traffic: BenchTraffic, events: Sequence[Event], with_experiments: bool, both_wait: asyncio.Barrier
) -> LoopCost:
    """1 What is in force, and nothing else, and the process that has taken it · 2 the events behind a version of the
    page statistics that is not written yet, for which it waits, as the other one does · 3 the statistics."""
    name = "worker-with" if with_experiments else "worker-without"
    async with run.log(name) as log:
        kafka, worker = log.settings.kafka, log.settings.worker

        async def all_committed() -> bool:
            return await log.committed(worker.group, kafka.events_topic) == await log.ends(kafka.events_topic)

        await _to_every_partition(log, await _in_force(log) if with_experiments else UsePages(0))
        async with Part(name, run.folder, (*OPECOM, "run", "worker"), environment(log.settings)) as part:
            await part.until(lambda: answers(worker.metrics_port, "/readyz"), "ready", 60)
            await wait_for(all_committed, part.cpu, LONGEST, name)
            version = len(traffic.pages)
            await _to_every_partition(log, UsePages(version))
            await _fill(log, events)
            await part.until_idle()
            await both_wait.wait()
            before = part.cpu()
            if await log.publish_pages(traffic.pages) != version:
                raise BenchError(f"topic {kafka.pages_topic} was not empty")
            await wait_for(all_committed, part.cpu, LONGEST, name)
            spent = part.cpu() - before
        await check(log, {each.event_id for each in events}, name)
        await _check_experiments(log, name, with_experiments)
        return LoopCost(len(events), spent)


async def _in_force(log: BenchLog) -> Control:
    """Write the definitions; the control that puts them in force."""
    version = 0
    for each in definitions(int(time.time() * 1000)):
        version = await add_definition(log.producer, log.settings.kafka.experiments_topic, each)
    return UseExperiments(version)


async def _to_every_partition(log: BenchLog, control: Control) -> None:
    for partition in range(log.settings.kafka.partitions):
        await log.fill(log.settings.kafka.events_topic, partition, [(None, encode(control))])


async def _fill(log: BenchLog, events: Sequence[Event]) -> None:
    kafka = log.settings.kafka
    parts: list[list[tuple[bytes, bytes]]] = [[] for _ in range(kafka.partitions)]
    for event in events:
        key = key_of(event.site, event.session_id)
        parts[partition_of(key, kafka.partitions)].append((key, encode(event)))
    for partition, records in enumerate(parts):
        await log.fill(kafka.events_topic, partition, records)


def live(traffic: BenchTraffic, now: int) -> list[Event]:
    """The events of the traffic in its order, as live ones that came evenly over WINDOW_MS before `now`."""
    events = list(traffic.traffic())
    times = (now - WINDOW_MS + WINDOW_MS * number // len(events) for number in range(len(events)))
    return [
        msgspec.structs.replace(event, clock="live", occurred_at=at, received_at=at)
        for event, at in zip(events, times, strict=True)
    ]


class _Experiment(msgspec.Struct, frozen=True):
    experiment: str


class _Record(msgspec.Struct, frozen=True):
    """Of a scored session what experiments made of it."""

    model_version: str
    experiments: tuple[_Experiment, ...] = ()
    holdout: bool = False


async def _check_experiments(log: BenchLog, name: str, with_experiments: bool) -> None:
    """Raise BenchError unless records name each experiment, the hold-out and both models, or none of them."""
    kafka, found = log.settings.kafka, set[str]()
    async for records in log.read(kafka.scored_topic, await log.ends(kafka.scored_topic)):
        for each in (msgspec.json.decode(record.value, type=_Record) for record in records):
            found |= {each.model_version, *(one.experiment for one in each.experiments)}
            found |= {HELD_OUT} if each.holdout else set()
    wanted = {VERSION, *({OTHER, HELD_OUT, "chat", "coupon", "models"} if with_experiments else ())}
    if found != wanted:
        raise BenchError(
            f"{name}: records name {sorted(found)} where {sorted(wanted)} should be, so there is no figure"
        )
