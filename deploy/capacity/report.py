"""A plan as lines for people, and the table of docs/scaling.md. Pure."""

from collections.abc import Sequence
from typing import Any

import msgspec

from deploy.capacity.measured import Measurements
from deploy.capacity.plan import Demand, Plan, planned

#: The loads of docs/scaling.md: events a second. A session has twenty events and stays open for half an hour after the
#: last of them, so there are some 100 open for each event a second; events are kept for 90 days.
RATES = (100, 1_000, 10_000, 100_000, 1_000_000)
OPEN_PER_EVENT_SECOND, DAYS = 100, 90
HEAD = (
    *("events/s", "open sessions", "ingest", "worker", "writer, ClickHouse", "Kafka", "MariaDB"),
    *("cores", "memory, GB", "disk, GB", "partitions", "copies", "machines"),
)


def lines(plan: Plan, figures: Measurements) -> list[str]:
    """The plan, what is extrapolated in it, and where its figures come from."""
    demand = plan.demand
    return [
        f"{demand.events_per_second:,g} events/s, {demand.sessions:,g} open sessions, {demand.days:,g} days: "
        f"{amount(plan.cores)} cores, {amount(plan.memory_gb)} GB of memory, {amount(plan.disk_gb)} GB of disk, "
        f"{plan.partitions:,} partitions, {_machines(plan, figures)}",
        *(
            f"  {part.name}: {amount(part.cores)} cores, {part.processes:,} "
            f"{'servers' if part.name in ('Kafka', 'MariaDB') else 'processes'}, {amount(part.memory_gb)} GB of memory"
            + (f", {amount(part.disk_gb)} GB of disk" if part.disk_gb else "")
            for part in plan.parts
        ),
        *(f"extrapolated: {line}" for line in plan.extrapolated or ("nothing",)),
        *(
            f"measured: {name} {figure.value:g} {figure.unit} (bench {figure.bench}, {figure.figure}; {figure.date}; "
            f"{figures.machines[figure.machine]})"
            for name, figure in figures.measured.items()
        ),
        *(
            f"assumed: {name} {figure.value:g} {figure.unit}: {figure.reason}"
            for name, figure in figures.assumed.items()
        ),
    ]


def document(plan: Plan) -> dict[str, Any]:
    """The plan as JSON has it."""
    return {
        **msgspec.to_builtins(plan),
        "cores": plan.cores,
        "memory_gb": plan.memory_gb,
        "disk_gb": plan.disk_gb,
    }


def table(figures: Measurements, rates: Sequence[float] = RATES) -> str:
    """The rows of docs/scaling.md, one for each load."""
    rows = ["| " + " | ".join(HEAD) + " |", "|" + "---:|" * len(HEAD)]
    for rate in rates:
        plan = planned(Demand(rate, rate * OPEN_PER_EVENT_SECOND, DAYS), figures)
        cells = [
            f"{rate:,}", f"{plan.demand.sessions:,}", *(amount(part.cores) for part in plan.parts), amount(plan.cores),
            amount(plan.memory_gb), amount(plan.disk_gb), f"{plan.partitions:,}", str(plan.replicas),
            f"{plan.machines:,}",
        ]  # fmt: skip
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)


def amount(value: float) -> str:
    """Two digits, as a plan knows no more; whole numbers from ten on."""
    return f"{value:.2g}" if value < 10 else f"{float(f'{value:.2g}'):,.0f}"


def _machines(plan: Plan, figures: Measurements) -> str:
    size = (
        f"{figures['machine_cores']:g} cores, {figures['machine_memory_gb']:g} GB and "
        f"{figures['machine_disk_gb']:g} GB of disk"
    )
    return f"{plan.machines:,} {'machine' if plan.machines == 1 else 'machines'} of {size}"
