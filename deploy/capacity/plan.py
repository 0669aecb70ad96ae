"""Cores, memory, disk, partitions and machines of a load. Pure: figures in, a plan out.

Every part's cost is taken to grow with the events, and the workers' memory with the open sessions. A plan says where
that goes beyond what was measured.
"""

from math import ceil, isfinite

from msgspec import Struct

from deploy.capacity.measured import Measurements
from deploy.errors import SetupError

DAY = 86_400
GB = 1e9
#: The most that anything may be asked for; beyond, floats would say nothing any more.
MOST = 1e12


class Demand(Struct, frozen=True):
    """Events a second, all day; sessions open at the same time; days that the databases keep events and
    scores, which Kafka keeps no longer than its topics say."""

    events_per_second: float
    sessions: float
    days: float


class PartPlan(Struct, frozen=True):
    """What one part takes in all: cores, processes or servers, GB of memory and of disk."""

    name: str
    cores: float
    processes: int
    memory_gb: float
    disk_gb: float


class Plan(Struct, frozen=True):
    """`replicas` of the log and of both databases; `extrapolated` are the lines that say what was not measured."""

    demand: Demand
    parts: tuple[PartPlan, ...]
    partitions: int
    replicas: int
    machines: int
    extrapolated: tuple[str, ...]

    @property
    def cores(self) -> float:
        return sum(part.cores for part in self.parts)

    @property
    def memory_gb(self) -> float:
        return sum(part.memory_gb for part in self.parts)

    @property
    def disk_gb(self) -> float:
        return sum(part.disk_gb for part in self.parts)


def checked(demand: Demand) -> Demand:
    """The demand; raises SetupError, which names the option, for what no system can be asked for."""
    options = {
        "--events-per-second": (demand.events_per_second, False),
        "--sessions": (demand.sessions, True),
        "--days": (demand.days, False),
    }
    for option, (value, may_be_zero) in options.items():
        if not isfinite(value) or value < 0 or value > MOST or (value == 0 and not may_be_zero):
            least = "at least 0" if may_be_zero else "more than 0"
            raise SetupError(f"{option} must be {least} and at most {MOST:,.0f}, not {value:g}")
    return demand


def planned(demand: Demand, figures: Measurements) -> Plan:
    """One machine and one copy where the load fits on it, else copies on at least as many machines.

    Raises SetupError for a demand or figures that cannot be computed with.
    """
    checked(demand)
    alone = _plan(demand, figures, 1)
    return alone if alone.machines == 1 else _plan(demand, figures, round(figures["replicas"]))


def _plan(demand: Demand, figures: Measurements, replicas: int) -> Plan:
    rate, used = demand.events_per_second, figures["used_share"]
    updates = rate * figures["updates_per_event"]
    day = rate * DAY / GB * replicas
    log = day * (
        figures["kafka_event_bytes"] * min(demand.days, figures["kafka_event_days"])
        + figures["kafka_score_bytes"] * min(demand.days, figures["kafka_score_days"])
    )
    kept = day * demand.days
    ingest = rate / figures["ingest_requests_per_core_second"] / used
    worker = rate / figures["worker_events_per_core_second"] / used
    writer = updates / figures["writer_updates_per_core_second"] / used
    kafka = rate * figures["kafka_us_per_event"] / 1e6 / used * replicas
    mariadb = rate * figures["mariadb_us_per_event"] / 1e6 / used * replicas
    cores = figures["machine_cores"]
    parts = (
        _processes("ingest", ingest, figures["ingest_mb"], 0, 0),
        _processes("worker", worker, figures["worker_mb"], demand.sessions * figures["session_kb"] * 1e3 / GB, 0),
        _processes(
            "writer and ClickHouse", writer, figures["writer_mb"], 0, kept * figures["clickhouse_bytes_per_event"]
        ),
        _servers("Kafka", kafka, replicas, cores, figures["kafka_gb"], log),
        _servers("MariaDB", mariadb, replicas, cores, figures["mariadb_gb"], kept * figures["mariadb_bytes_per_event"]),
    )
    # Twice as many as workers, so that workers can be added; a power of two, so that they share evenly.
    workers = parts[1].processes
    partitions = max(round(figures["least_partitions"]), 1 << (2 * workers - 1).bit_length())
    disk = figures["machine_disk_gb"] * figures["disk_share"]
    machines = max(
        replicas,
        ceil(sum(part.cores for part in parts) / cores),
        ceil(sum(part.memory_gb for part in parts) / figures["machine_memory_gb"]),
        ceil(sum(part.disk_gb for part in parts) / disk),
    )
    return Plan(demand, parts, partitions, replicas, machines, _extrapolated(demand, figures, parts, replicas))


def _processes(name: str, cores: float, mb: float, more_gb: float, disk_gb: float) -> PartPlan:
    """A part of which each process has one core."""
    processes = max(1, ceil(cores))
    return PartPlan(name, cores, processes, processes * mb / 1e3 + more_gb, disk_gb)


def _servers(name: str, cores: float, replicas: int, machine: float, gb: float, disk_gb: float) -> PartPlan:
    """A part whose servers take a machine's cores each, at the most."""
    servers = max(replicas, ceil(cores / machine))
    return PartPlan(name, cores, servers, servers * gb, disk_gb)


def _extrapolated(demand: Demand, figures: Measurements, parts: tuple[PartPlan, ...], replicas: int) -> tuple[str, ...]:
    rate, events = demand.events_per_second, demand.events_per_second * DAY * demand.days
    found = {part.name: part.processes for part in parts}
    stack, workers = figures["stack_events_per_second"], figures["workers_beside_each_other"]
    beyond = (
        (rate, stack, f"{rate:,.0f} events/s: the whole system was measured up to {stack:,.0f}"),
        (
            found["worker"], workers,
            f"{found['worker']:,} workers: {workers:.0f} were measured beside each other",
        ),
        (
            demand.sessions, figures["sessions_measured"],
            f"{demand.sessions:,.0f} open sessions: {figures['sessions_measured']:,.0f} were measured in one worker",
        ),
        (
            events, figures["events_stored"],
            f"{events:,.0f} events on disk: bytes of an event were measured on {figures['events_stored']:,.0f}",
        ),
        (found["MariaDB"] / replicas, 1, f"{found['MariaDB']:,} servers of MariaDB: sites must be divided among them"),
        (replicas, 1, f"{replicas} copies of everything: one was measured"),
    )  # fmt: skip
    return tuple(line for value, measured, line in beyond if value > measured)
