"""Ours beside the peers: the same events, model and acknowledgements, one way after the other, in one run.

Each way to score is a process of its own with topics of its own. It gets a first burst, which does not count, and when
it has come to rest a second one; what counts is its CPU time until every score is acknowledged by every in-sync replica
and every offset is committed. Each way to take requests is a process of its own, too: single requests, each waiting for
its answer, which in ours comes after Kafka's acknowledgement and with the peers has nothing behind it. The ways take
turns, in rounds whose order alternates, and a ratio is the median of the rounds'.
"""

import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from statistics import median
from time import time

from deploy.bench import naive_faust
from deploy.bench.backlog_cost import LoopCost, check
from deploy.bench.errors import BenchError
from deploy.bench.http import connections, post_all
from deploy.bench.log import BenchLog, wait_for
from deploy.bench.part import Part, answers
from deploy.bench.peer_programs.environment import installed, of_peer, variables
from deploy.bench.peer_programs.task import PeerTask, write
from deploy.bench.run import Run, environment
from deploy.bench.simulation import SITE, BenchTraffic, simulation, single
from deploy.bench.worker import records
from deploy.processes.interpreter import OPECOM, of_module
from deploy.processes.ports import free_port
from ingest.events import UsePages, encode
from scoring.manifest import Manifest
from scoring.registry import SHIPPED, current, manifest

PROGRAMS = "deploy.bench.peer_programs"
#: How long one way may take, in seconds.
LONGEST = 600.0
#: Rounds; events of a burst for what takes batches and for what takes one event after the other; requests.
ROUNDS, BACKLOG, NAIVE, REQUESTS = 3, 100_000, 8_000, 20_000
QUICK_ROUNDS, QUICK_BACKLOG, QUICK_NAIVE, QUICK_REQUESTS = 1, 40_000, 4_000, 6_000
#: Of each partition, the events of the first burst; and the requests that come first.
WARM, WARM_REQUESTS = 100, 1_000
#: Trackers that send at a time.
TRACKERS = 32

Way = Callable[[], Awaitable[LoopCost]]
Rates = Sequence[Mapping[str, float]]


async def measure(run: Run, data: Path | None, quick: bool) -> tuple[dict[str, float], list[str]]:
    """The figures, and what to say of them; raises BenchError when a library is missing, or an event of any way."""
    libraries = installed()
    rounds = QUICK_ROUNDS if quick else ROUNDS
    many = simulation(data, QUICK_BACKLOG if quick else BACKLOG)
    few = simulation(data, QUICK_NAIVE if quick else NAIVE)
    scoring: dict[str, Way] = {
        "worker": lambda: _worker(run, many),
        "confluent": lambda: _peer(run, many, "confluent", "confluent_loop"),
        "quix": lambda: _peer(run, few, "quix", "quix"),
        "naive_faust": lambda: _naive_faust(run, few),
    }
    requests = QUICK_REQUESTS if quick else REQUESTS
    taking: dict[str, Way] = {
        "ingest": lambda: _ingest(run, simulation(data, WARM_REQUESTS + requests), requests),
        "starlette": lambda: _echo(run, data, requests, "starlette", of_module(f"{PROGRAMS}.echo_starlette")),
        "granian": lambda: _echo(run, data, requests, "granian", of_peer(f"{PROGRAMS}.echo_granian")),
    }
    scored, taken = await _by_turns(scoring, rounds), await _by_turns(taking, rounds)
    figures = {
        **_rates(scored, "events_per_cpu_second"),
        **_ratios(scored, "worker"),
        **_rates(taken, "requests_per_cpu_second"),
        **_ratios(taken, "ingest"),
    }
    notes = [
        *(f"{way}: {_listed([each[way] for each in scored])} events per CPU-s" for way in scoring),
        *(f"{way}: {_listed([each[way] for each in taken])} requests per CPU-s" for way in taking),
        "peers: " + ", ".join(f"{name} {number}" for name, number in libraries),
    ]
    return figures, notes


async def _by_turns(ways: Mapping[str, Way], rounds: int) -> Rates:
    taken = []
    for number in range(rounds):
        order = list(ways) if number % 2 == 0 else list(ways)[::-1]
        taken.append({name: (await ways[name]()).rate for name in order})
    return taken


def _rates(rounds: Rates, unit: str) -> dict[str, float]:
    return {f"{way}_{unit}": median(each[way] for each in rounds) for way in rounds[0]}


def _ratios(rounds: Rates, ours: str) -> dict[str, float]:
    """Ours over each peer's, the median of the rounds."""
    return {
        f"ratio_to_{way}": median(each[ours] / each[way] for each in rounds) for way in sorted(rounds[0]) if way != ours
    }


def _listed(values: Sequence[float]) -> str:
    return ", ".join(f"{value:,.0f}" for value in values)


async def _worker(run: Run, history: BenchTraffic) -> LoopCost:
    async with run.log("worker") as log:
        version = await log.publish_pages(history.pages)
        for partition in range(log.settings.kafka.partitions):
            await log.fill(log.settings.kafka.events_topic, partition, [(None, encode(UsePages(version)))])
        async with Part("worker", run.folder, (*OPECOM, "run", "worker"), environment(log.settings)) as part:
            return await _two_bursts(log, part, history, "worker")


async def _naive_faust(run: Run, history: BenchTraffic) -> LoopCost:
    async with run.log("naive-faust") as log:
        await log.publish_pages(history.pages)
        command = of_module(naive_faust.__name__)
        async with Part("naive-faust", run.folder, command, environment(log.settings)) as part:
            await part.until(lambda: part.has_logged(naive_faust.READY), "ready", 60)
            return await _two_bursts(log, part, history, "naive Faust")


async def _peer(run: Run, history: BenchTraffic, name: str, module: str) -> LoopCost:
    async with run.log(name) as log:
        state = run.folder / log.settings.worker.group
        state.mkdir()
        file = state / "task.json"
        write(_task(log, history, state), file)
        command = (*of_peer(f"{PROGRAMS}.{module}"), str(file))
        try:
            async with Part(name, run.folder, command, variables()) as part:
                return await _two_bursts(log, part, history, name)
        finally:
            # Quix makes a topic for the changes of its store.
            own = [topic for topic in await log.admin.list_topics() if log.settings.worker.group in topic]
            await log.forget(own)


def _task(log: BenchLog, history: BenchTraffic, state: Path) -> PeerTask:
    kafka, site = log.settings.kafka, log.settings.sites[SITE]
    return PeerTask(
        bootstrap=kafka.bootstrap,
        events_topic=kafka.events_topic,
        scored_topic=kafka.scored_topic,
        group=log.settings.worker.group,
        graph=str(SHIPPED / _shipped().version / "model.onnx"),
        manifest=_shipped(),
        timezone=site.timezone,
        holidays=site.holidays,
        special_days=site.special_days,
        pages=history.pages,
        state=str(state / "store"),
    )


def _shipped() -> Manifest:
    return manifest(SHIPPED, current(SHIPPED))


async def _two_bursts(log: BenchLog, part: Part, history: BenchTraffic, name: str) -> LoopCost:
    """Let a part that has started eat a few events, rest, and eat the others."""
    kafka = log.settings.kafka
    sent: set[str] = set()
    streams = [list(events) for events in records(history, kafka.partitions, sent)]

    async def eat(parts: Sequence[Sequence[tuple[bytes, bytes]]]) -> int:
        given = [await log.fill(kafka.events_topic, number, rows) for number, rows in enumerate(parts)]
        ends = await log.ends(kafka.events_topic)

        async def all_committed() -> bool:
            return await log.committed(log.settings.worker.group, kafka.events_topic) == ends

        await wait_for(all_committed, part.cpu, LONGEST, name)
        return sum(given)

    await log.coordinated(log.settings.worker.group)
    await eat([rows[:WARM] for rows in streams])
    await part.until_idle()
    before = part.cpu()
    events = await eat([rows[WARM:] for rows in streams])
    spent = part.cpu() - before
    await check(log, sent, name)
    return LoopCost(events, spent)


async def _ingest(run: Run, traffic: BenchTraffic, requests: int) -> LoopCost:
    async with run.log("ingest") as log:
        settings = log.settings
        async with Part("ingest", run.folder, (*OPECOM, "run", "ingest"), environment(settings)) as part:
            await part.until(lambda: answers(settings.ingest.port, "/readyz"), "ready", 30)
            cost = await _posted(part, settings.ingest.port, settings.sites[SITE].write_keys[0], traffic, requests)
        ends = await log.ends(settings.kafka.events_topic)
        if sum(ends) != WARM_REQUESTS + requests:
            raise BenchError(f"of {WARM_REQUESTS + requests:,} events {sum(ends):,} are on the log: there is no figure")
        return cost


async def _echo(run: Run, data: Path | None, requests: int, name: str, command: tuple[str, ...]) -> LoopCost:
    port = free_port()
    async with Part(name, run.folder, (*command, str(port)), variables()) as part:
        await part.until(lambda: listens(port), "ready", 30)
        return await _posted(part, port, "none", simulation(data, WARM_REQUESTS + requests), requests)


async def _posted(part: Part, port: int, key: str, given: BenchTraffic, requests: int) -> LoopCost:
    traffic = given.traffic()
    async with connections(port, key) as them:
        for count in (WARM_REQUESTS, requests):
            bodies = [single(event, int(time() * 1000)) for event in islice(traffic, count)]
            before = part.cpu()
            await post_all(them, iter(bodies), TRACKERS)
            spent = part.cpu() - before
    return LoopCost(requests, spent)


def listens(port: int) -> bool:
    """Whether something takes connections at this loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
