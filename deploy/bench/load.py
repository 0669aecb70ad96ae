"""Load until it breaks: batch clients through the whole system into both databases, at a rate that rises in steps.

After each step the clients stop until both databases have all that was accepted; so each step is judged alone. A step
breaks when less than nearly all that was offered is accepted, or when the databases need too long to catch up. Then the
run ends, and every event that was accepted in any step is looked for in the databases by its id. A small step before
the others is checked, too, and not counted: it has the parts load what they need.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from deploy.bench.batch_clients import BATCH, CLIENTS, BatchClients, Offer
from deploy.bench.errors import BenchError
from deploy.bench.http import connections
from deploy.bench.recount import missing, stored_bytes
from deploy.bench.run import Run
from deploy.bench.simulation import SITE, endless, simulation
from deploy.bench.whole_stack import RunningStack, WholeStack, on_services

#: Events a second of the first step, by how much each step is more, most steps, and the seconds of one.
FIRST, QUICK_FIRST, FACTOR, MOST = 500, 500, 1.5, 12
SECONDS, QUICK_SECONDS = 20.0, 4.0
WARM, WARM_SECONDS = 250, 2.0
#: Events that are drawn; they come again with other ids.
EVENTS = 50_000
#: Of what is offered, the part that must be accepted; seconds in which the databases must have it.
NEARLY_ALL, LAG = 0.95, 10.0
#: Seconds after which what is accepted counts as one that never comes.
PATIENCE = 600.0


class LoadStep(NamedTuple):
    """`lag` is how many seconds after the last answer both databases had everything."""

    offer: Offer
    lag: float
    memory: dict[str, float]

    @property
    def stored_per_second(self) -> float:
        """Accepted events by the seconds from the first request until both databases had them."""
        return self.offer.accepted / (self.offer.ended - self.offer.began + self.lag)

    @property
    def broke(self) -> str:
        """Why the step counts as broken; empty: it held."""
        if self.offer.accepted_per_second < NEARLY_ALL * self.offer.rate:
            return f"of {self.offer.rate:,.0f} events/s {self.offer.accepted_per_second:,.0f} were accepted"
        return f"the databases had the last one {self.lag:.1f} s later" if self.lag > LAG else ""

    def line(self) -> str:
        refused = f", {self.offer.pressed} answers 429 or 503" if self.offer.pressed else ""
        memory = ", ".join(f"{name} {rss:.0f}" for name, rss in self.memory.items())
        return (
            f"{self.offer.rate:,.0f} events/s offered: {self.offer.accepted_per_second:,.0f} accepted{refused}, "
            f"both databases {self.lag:.1f} s later; MB: {memory}"
        )


async def measure(run: Run, data: Path | None, quick: bool) -> tuple[dict[str, float], list[str]]:
    """The figures, and what to say of them; raises BenchError when a part ends or accepted events never come."""
    return await measured(on_services, run, data, quick)


async def measured(
    opened: Callable[[Run], AbstractAsyncContextManager[WholeStack]], run: Run, data: Path | None, quick: bool
) -> tuple[dict[str, float], list[str]]:
    async with opened(run) as stack:
        async with stack.running() as system:
            before = system.cpu()
            clients, steps, growth = await broken(system, data, quick)
            spent = {name: (after - before[name]) for name, after in system.cpu().items()}
        lost = await asyncio.to_thread(missing, stack.settings, clients.accepted)
        stored = await asyncio.to_thread(stored_bytes, stack.settings, run.folder)
    events = len(clients.accepted)
    last = steps[-1]
    figures = {
        "accepted_per_second": max(step.stored_per_second for step in steps),
        "lost": float(len(set().union(*lost.values()))),
        "lag_seconds": last.lag,
        "rss_growth_mb": growth,
    }
    notes = [
        f"{CLIENTS} clients, batches of {BATCH}; {events:,} events accepted, each looked for by its id",
        *(step.line() for step in steps),
        f"ended: {last.broke or 'it did not break'}",
        "CPU of an event in µs: " + _listed({name: seconds * 1e6 / events for name, seconds in spent.items()}),
        "bytes of an event on disk: " + _listed({name: size / events for name, size in stored.items()}),
        *(f"lost: {len(ids):,} events are not in {table}" for table, ids in lost.items()),
    ]
    return figures, notes


def _listed(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:,.0f}" for name, value in values.items())


async def broken(system: RunningStack, data: Path | None, quick: bool) -> tuple[BatchClients, list[LoadStep], float]:
    """Raise the rate until a step breaks: the clients, the steps, and by how many MB the parts grew at most."""
    first, seconds = (QUICK_FIRST, QUICK_SECONDS) if quick else (FIRST, SECONDS)
    (key,) = system.settings.sites[SITE].write_keys
    rates = [first * FACTOR**number for number in range(MOST)]
    steps: list[LoadStep] = []
    async with connections(system.settings.ingest.port, key) as them:
        clients = BatchClients(them, endless(simulation(data, EVENTS)))
        base = sum((await _step(system, clients, WARM, WARM_SECONDS)).memory.values())
        async with most_memory(system) as seen:
            for rate in rates:
                steps.append(await _step(system, clients, rate, seconds))
                if steps[-1].broke:
                    break
    return clients, steps, max(0.0, max(seen) - base)


async def _step(system: RunningStack, clients: BatchClients, rate: float, seconds: float) -> LoadStep:
    offer = await clients.offer(rate, seconds)
    had = await system.caught_up(len(clients.accepted), PATIENCE)
    if had is None:
        raise BenchError(
            f"{PATIENCE:.0f} s after {rate:,.0f} events/s the databases do not have all of "
            f"{len(clients.accepted):,} accepted events: so there is no figure"
        )
    return LoadStep(offer, max(0.0, had - offer.ended), system.rss_mb())


@asynccontextmanager
async def most_memory(system: RunningStack) -> AsyncIterator[list[float]]:
    """Resident MB of all parts together, looked at twice a second while the body runs."""
    seen: list[float] = []

    async def look() -> None:
        while True:
            seen.append(sum(system.rss_mb().values()))
            await asyncio.sleep(0.5)

    looking = asyncio.create_task(look())
    try:
        yield seen
    finally:
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking
