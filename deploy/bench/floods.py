"""What honest clients feel while others flood: 1,000 slow connections and bombs, on the embedded system as it is used.

Turns without and with the flood follow each other, so both meet the same machine. Honest requests are an open loop: the
latency of each counts from when it was due.
"""

import asyncio
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import msgspec
import psutil
from uuid_utils import uuid7

from deploy.bench.embedded import embedded, running
from deploy.bench.errors import BenchError
from deploy.bench.hostile_clients import HostileReport, HostileTask
from deploy.bench.http import Connections, connections
from deploy.bench.latency import quantile
from deploy.bench.part import Part
from deploy.bench.run import Run
from deploy.bench.simulation import SITE
from deploy.bench.whole_stack import processes_of
from deploy.processes.interpreter import of_module

#: Slow connections at once, and bombs a second.
SLOW, BOMBS = 1_000, 5.0
#: Turns of each kind, the seconds of one, and those of a warm-up that does not count.
TURNS, SECONDS, QUICK_TURNS, QUICK_SECONDS, WARM = 3, 30.0, 2, 8.0, 3.0
#: Honest requests a second, the connections and the sessions that they are of.
RATE, CLIENTS, SESSIONS = 40.0, 8, 50
#: Seconds in which the slow connections must be open.
PATIENCE = 120.0

ACCEPTED = b"202"


class HonestRequests(NamedTuple):
    """Latencies in ms, how many were answered otherwise than 202, and the share of a core that the ingest API took."""

    latencies: list[float]
    refused: int
    cpu: float


class Flood(NamedTuple):
    """What the hostile clients had at the beginning and at the end of a turn, and the most memory of the ingest API."""

    honest: HonestRequests
    before: HostileReport
    after: HostileReport
    rss_mb: float

    @property
    def held(self) -> int:
        """Slow connections that were open, at the beginning or at the end, whichever were fewer."""
        return min(sum(self.before.held.values()), sum(self.after.held.values()))


async def measure(run: Run, data: Path | None, quick: bool) -> tuple[dict[str, float], list[str]]:
    """The figures, and what to say of them; raises BenchError when a part ends or the flood does not come about."""
    turns, seconds = (QUICK_TURNS, QUICK_SECONDS) if quick else (TURNS, SECONDS)
    settings = embedded(run.settings)
    (key,) = settings.sites[SITE].write_keys
    task = HostileTask(settings.ingest.port, key, SLOW, BOMBS)
    quiet: list[HonestRequests] = []
    floods: list[Flood] = []
    async with running(run, settings) as up:
        ingest = processes_of(up)["ingest"]
        await honest_requests(task, ingest, WARM)
        rested = ingest.memory_info().rss / 1e6
        for _ in range(turns):
            quiet.append(await honest_requests(task, ingest, seconds))
            floods.append(await _flood(run, task, ingest, seconds))
    bombs = sum((Counter(flood.after.bombs) for flood in floods), Counter[str]())
    refused = sum(count for name, count in bombs.items() if name[-3:-2] == "4")
    calm, flooded = (
        _p99([each for requests in part for each in requests.latencies])
        for part in (quiet, [flood.honest for flood in floods])
    )
    most = max(flood.rss_mb for flood in floods)
    figures = {
        "slow_connections": float(min(flood.held for flood in floods)),
        "bombs_refused": float(refused),
        "bombs_not_refused": float(bombs.total() - refused),
        "honest_refused": float(sum(each.refused for each in (*quiet, *(flood.honest for flood in floods)))),
        "quiet_p99_ms": calm,
        "flood_p99_ms": flooded,
        "ratio_p99": flooded / calm,
        "rss_growth_mb": max(0.0, most - rested),
    }
    held = floods[-1].after
    notes = [
        f"{turns} turns of {seconds:.0f} s each without and with the flood; honest: {RATE:.0f} page views a second, "
        f"{sum(len(each.latencies) for each in quiet):,} and {sum(len(each.honest.latencies) for each in floods):,}",
        "p99 of the turns in ms, without and with: "
        + ", ".join(
            f"{_p99(a.latencies):.1f} {_p99(b.honest.latencies):.1f}" for a, b in zip(quiet, floods, strict=True)
        ),
        "CPU of the ingest API in % of a core, without and with: "
        + ", ".join(f"{a.cpu:.0%} {b.honest.cpu:.0%}" for a, b in zip(quiet, floods, strict=True)),
        f"slow connections: {', '.join(f'{name} {number}' for name, number in held.held.items())}; "
        f"opened again in the last turn, as the API ended them: {held.reopened:,}",
        f"bombs: {', '.join(f'{name} {number}' for name, number in sorted(bombs.items()))}",
        f"memory of the ingest API: {rested:.0f} MB before, at most {most:.0f} MB in the flood",
    ]
    return figures, notes


async def honest_requests(task: HostileTask, ingest: psutil.Process, seconds: float) -> HonestRequests:
    """Post page views at RATE for so long."""
    sessions = [str(uuid7()) for _ in range(SESSIONS)]
    latencies: list[float] = []
    refused = 0
    began, begin, spent = time.monotonic(), time.monotonic() + 0.2, sum(ingest.cpu_times()[:2])

    async def client(number: int, them: Connections) -> None:
        nonlocal refused
        connection = await them.open()
        for each in range(number, round(RATE * seconds), CLIENTS):
            due = begin + each / RATE
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            body = {"session_id": sessions[each % SESSIONS], "page_url": f"https://shop.example/{each}"}
            status, _ = await connection.request("/tracker/pageview", msgspec.json.encode(body))
            latencies.append((time.monotonic() - due) * 1000)
            refused += status != ACCEPTED

    async with connections(task.port, task.key) as them:
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(CLIENTS):
                    group.create_task(client(number, them))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
    share = (sum(ingest.cpu_times()[:2]) - spent) / (time.monotonic() - began)
    return HonestRequests(latencies, refused, share)


async def _flood(run: Run, task: HostileTask, ingest: psutil.Process, seconds: float) -> Flood:
    command = (*of_module("deploy.bench.hostile_clients"), msgspec.json.encode(task).decode())
    async with Part("hostile-clients", run.folder, command, {}) as hostile:
        await hostile.until(lambda: _all_open(hostile, task), f"holding {task.slow} connections", PATIENCE)
        # Opening them all is not what is measured; what the API ends is opened again throughout.
        await asyncio.sleep(WARM)
        before = _last_report(hostile)
        most = [ingest.memory_info().rss]
        honest = asyncio.create_task(honest_requests(task, ingest, seconds))
        while not honest.done():
            await asyncio.wait([honest], timeout=0.5)
            most.append(ingest.memory_info().rss)
        return Flood(await honest, before, _last_report(hostile), max(most) / 1e6)


def _all_open(hostile: Part, task: HostileTask) -> bool:
    try:
        return sum(_last_report(hostile).held.values()) >= task.slow
    except BenchError:
        return False


def _last_report(hostile: Part) -> HostileReport:
    """What the hostile clients wrote last; raises BenchError before that."""
    whole = hostile.output().rpartition("\n")[0]
    try:
        return msgspec.json.decode(whole.rpartition("\n")[2], type=HostileReport)
    except msgspec.DecodeError:
        raise BenchError(f"the hostile clients did not report: {whole[-300:]}") from None


def _p99(latencies: list[float]) -> float:
    return quantile(sorted(latencies), 0.99)
