"""Hours at half load: what memory, open files, threads and tasks of each part do meanwhile.

Batch clients offer half of a load that is given, or of what short steps of `opecom bench load` find first. The slopes
count from the middle of the run on: a session stays open for half an hour, and so long memory may rise.
"""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path

from deploy.bench import load as load_steps
from deploy.bench.batch_clients import BatchClients
from deploy.bench.errors import BenchError
from deploy.bench.http import connections
from deploy.bench.load import EVENTS, broken
from deploy.bench.recount import stored_events
from deploy.bench.run import Run
from deploy.bench.simulation import SITE, endless, simulation
from deploy.bench.slope import BLOCKS, Slope, slope
from deploy.bench.whole_stack import RunningStack, on_services

PARTS = ("ingest", "worker", "writer")
COUNTS = ("rss_mb", "files", "threads", "tasks")
#: Seconds between two samples; a short run takes more of them.
EVERY, SAMPLES = 5.0, 120
#: A round of the traffic that the steps before do not reach, so that these are other events.
AFTER_STEPS = 1_000_000
PATIENCE = load_steps.PATIENCE

Sample = Mapping[tuple[str, str], float]


async def measure(
    run: Run, data: Path | None, quick: bool, minutes: float = 60.0, load: float | None = None
) -> tuple[dict[str, float], list[str]]:
    """The figures, and what to say of them; `load` is in events a second, of which half is offered.

    Raises BenchError when a part ends, or accepted events never come.
    """
    traffic = endless(simulation(data, EVENTS), AFTER_STEPS)
    async with on_services(run) as stack:
        async with stack.running() as system:
            earlier, found = 0, ""
            if load is None:
                clients, steps, _ = await broken(system, data, quick=True)
                earlier, load = len(clients.accepted), max(step.stored_per_second for step in steps)
                found = ", as short steps found"
            seconds = minutes * 60
            (key,) = system.settings.sites[SITE].write_keys
            async with connections(system.settings.ingest.port, key) as them:
                clients = BatchClients(them, traffic, remembers=False)
                async with asyncio.TaskGroup() as group:
                    sampling = group.create_task(_samples(system, seconds))
                    offer = await clients.offer(load / 2, seconds)
                samples = sampling.result()
            had = await system.caught_up(earlier + offer.accepted, PATIENCE)
            if had is None:
                raise BenchError(f"{PATIENCE:.0f} s after the load the databases do not have all that was accepted")
        stored = await asyncio.to_thread(stored_events, stack.settings)
    slopes = slopes_of(samples)
    figures = {
        "rate": offer.accepted_per_second,
        "lost": float(max(0, earlier + offer.accepted - min(stored.values()))),
        "lag_seconds": max(0.0, had - offer.ended),
        **{f"{part}_{name}_per_hour": each.per_hour for (part, name), each in slopes.items()},
        **{f"{part}_{name}_plus_minus": each.plus_minus for (part, name), each in slopes.items()},
    }
    first, last = samples[0][1], samples[-1][1]
    notes = [
        f"{minutes:g} minutes at {load / 2:,.0f} events/s, half of {load:,.0f}{found}; {offer.accepted:,} accepted, "
        f"{offer.pressed} answers 429 or 503; {len(samples)} samples, of which the second half counts",
        *(
            f"{part}: " + ", ".join(f"{name} {first[part, name]:.0f} to {last[part, name]:.0f}" for name in COUNTS)
            for part in PARTS
        ),
    ]
    return figures, notes


def slopes_of(samples: list[tuple[float, Sample]]) -> dict[tuple[str, str], Slope]:
    """By part and count, from the middle of the time on."""
    if not samples:
        raise BenchError("no sample was taken: so there is no figure")
    middle = (samples[0][0] + samples[-1][0]) / 2
    late = [each for each in samples if each[0] >= middle]
    if len(late) < BLOCKS:
        raise BenchError(f"{len(samples)} samples are too few for a slope: give --minutes more")
    return {place: slope([(at, sample[place]) for at, sample in late]) for place in late[0][1]}


async def _samples(system: RunningStack, seconds: float) -> list[tuple[float, Sample]]:
    every, until = min(EVERY, seconds / SAMPLES), time.monotonic() + seconds
    samples = []
    while time.monotonic() < until:
        samples.append((time.monotonic(), await asyncio.to_thread(_sample, system)))
        await asyncio.sleep(every)
    return samples


def _sample(system: RunningStack) -> Sample:
    system.alive()
    sample = {}
    for part in PARTS:
        process = system.parts[part]
        sample[part, "rss_mb"] = process.memory_info().rss / 1e6
        sample[part, "files"] = float(process.num_fds())
        sample[part, "threads"] = float(process.num_threads())
        sample[part, "tasks"] = system.tasks(part)
    return sample
