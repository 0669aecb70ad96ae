"""Capacity: what a load takes by figures that are given, what is extrapolated, and what no system can do."""

import subprocess
from math import ceil
from pathlib import Path

import msgspec
import pytest

from deploy.capacity.measured import FILE, Measurements, read
from deploy.capacity.plan import Demand, planned
from deploy.capacity.report import amount, document, lines, table
from deploy.cli.failures import lines as failure_lines
from deploy.errors import SetupError
from deploy.processes.interpreter import OPECOM
from deploy.settings.model import Settings

FIGURES = read()
ROOT = Path(__file__).parents[3]


def changed(**values: float) -> Measurements:
    """The figures with other values."""

    def with_values(figures):  # type: ignore[no-untyped-def]
        return {
            name: msgspec.structs.replace(figure, value=values.get(name, figure.value))
            for name, figure in figures.items()
        }

    return Measurements(FIGURES.machines, with_values(FIGURES.measured), with_values(FIGURES.assumed))


def test_a_part_has_the_cores_of_its_rate_at_the_share_that_is_used() -> None:
    figures = changed(worker_events_per_core_second=10_000, used_share=0.5, kafka_us_per_event=100, replicas=3)
    plan = planned(Demand(100_000, 0, 1), figures)
    parts = {part.name: part for part in plan.parts}
    assert (parts["worker"].cores, parts["worker"].processes) == (20, 20)
    assert parts["Kafka"].cores == pytest.approx(100_000 * 100e-6 / 0.5 * 3)
    assert plan.cores == sum(part.cores for part in plan.parts)
    assert plan.partitions == 64


def test_open_sessions_take_memory_and_days_take_disk() -> None:
    figures = changed(session_kb=4, clickhouse_bytes_per_event=1_000)
    few, many = (planned(Demand(10, sessions, 1), figures) for sessions in (0, 1_000_000))
    assert many.memory_gb - few.memory_gb == pytest.approx(4)
    short, long = (planned(Demand(10, 0, days), figures) for days in (1, 10))
    kafka = [next(part.disk_gb for part in plan.parts if part.name == "Kafka") for plan in (short, long)]
    a_day = 10 * 86_400 / 1e9
    assert kafka[0] == pytest.approx(a_day * (FIGURES["kafka_event_bytes"] + FIGURES["kafka_score_bytes"]))
    assert kafka[1] == pytest.approx(a_day * (10 * FIGURES["kafka_event_bytes"] + 7 * FIGURES["kafka_score_bytes"]))
    assert long.disk_gb - kafka[1] == pytest.approx(10 * (short.disk_gb - kafka[0]))
    (stored,) = (part.disk_gb for part in short.parts if part.name == "writer and ClickHouse")
    assert stored == pytest.approx(10 * 86_400 * 1_000 / 1e9)


def test_what_fits_on_one_machine_has_one_copy_and_what_does_not_has_more() -> None:
    small, large = planned(Demand(10, 1_000, 1), FIGURES), planned(Demand(100_000, 1_000, 90), FIGURES)
    assert (small.machines, small.replicas) == (1, 1)
    assert large.replicas == FIGURES["replicas"]
    assert large.machines >= large.replicas


@pytest.mark.parametrize(
    ("given", "by"),
    [
        pytest.param(changed(machine_cores=2, machine_disk_gb=1e6), "cores", id="cores"),
        pytest.param(changed(machine_memory_gb=4, machine_disk_gb=1e6), "memory_gb", id="memory"),
        pytest.param(changed(machine_disk_gb=100), "disk_gb", id="disk"),
    ],
)
def test_machines_are_as_many_as_the_scarcest_takes(given: Measurements, by: str) -> None:
    plan = planned(Demand(20_000, 2_000_000, 30), given)
    size = {
        "cores": given["machine_cores"], "memory_gb": given["machine_memory_gb"],
        "disk_gb": given["machine_disk_gb"] * given["disk_share"],
    }  # fmt: skip
    taken = {name: getattr(plan, name) / room for name, room in size.items()}
    assert plan.machines == max(plan.replicas, *map(ceil, taken.values()))
    assert max(taken, key=taken.__getitem__) == by


def test_what_goes_beyond_the_measured_is_named_and_nothing_else() -> None:
    figures = changed(stack_events_per_second=1_000, sessions_measured=100_000, events_stored=1e12)
    assert planned(Demand(1_000, 100_000, 1), figures).extrapolated == ()
    assert planned(Demand(1_001, 100_000, 1), figures).extrapolated == (
        "1,001 events/s: the whole system was measured up to 1,000",
    )
    (sessions,) = planned(Demand(1_000, 100_001, 1), figures).extrapolated
    assert sessions.startswith("100,001 open sessions")
    huge = planned(Demand(1_000_000, 1e8, 365), figures).extrapolated
    assert [line.split(":")[0].split(" ", 1)[1] for line in huge] == [
        "events/s", "workers", "open sessions", "events on disk", "servers of MariaDB", "copies of everything",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("demand", "says"),
    [
        pytest.param(Demand(0, 1, 1), "--events-per-second must be more than 0", id="no events"),
        pytest.param(Demand(-5, 1, 1), "--events-per-second must be more than 0", id="negative"),
        pytest.param(Demand(float("nan"), 1, 1), "--events-per-second", id="not a number"),
        pytest.param(Demand(1, float("inf"), 1), "--sessions must be at least 0", id="endless"),
        pytest.param(Demand(1, -1, 1), "--sessions must be at least 0", id="negative sessions"),
        pytest.param(Demand(1, 1, 0), "--days must be more than 0", id="no days"),
        pytest.param(Demand(1e300, 1, 1), "--events-per-second", id="beyond any system"),
    ],
)
def test_an_impossible_demand_is_one_line_that_names_the_option(demand: Demand, says: str) -> None:
    with pytest.raises(SetupError, match=says) as failed:
        planned(demand, FIGURES)
    assert len(failure_lines(failed.value) or []) == 1


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        pytest.param("value = 11202", "value = -1", "worker_events_per_core_second must be more than 0", id="negative"),
        pytest.param('machine = "idle"', 'machine = "moon"', "machine 'moon'", id="a machine that is not described"),
        pytest.param("[machines]", "[machines", "cannot be read", id="no TOML"),
        pytest.param('date = "2026-11-24"', "day = 1", "cannot be read", id="no date"),
    ],
)
def test_a_file_that_cannot_be_computed_with_is_one_line(before: str, after: str, says: str, tmp_path: Path) -> None:
    broken = tmp_path / "measured.toml"
    broken.write_text(FILE.read_text().replace(before, after, 1))
    with pytest.raises(SetupError, match=says) as failed:
        read(broken)
    assert len(failure_lines(failed.value) or []) == 1


def test_what_kafka_keeps_is_what_its_topics_keep_by_default() -> None:
    kafka = Settings().kafka
    assert FIGURES["kafka_event_days"] * 24 == kafka.events_retention_hours
    assert FIGURES["kafka_score_days"] * 24 == kafka.scored_retention_hours
    assert FIGURES["least_partitions"] == kafka.partitions


def test_a_figure_that_is_missing_is_an_error() -> None:
    with pytest.raises(SetupError, match="no figure moon"):
        FIGURES["moon"]


def test_every_measured_figure_names_a_bench_that_the_document_has() -> None:
    benchmarks = (ROOT / "docs/benchmarks.md").read_text()
    for name, figure in FIGURES.measured.items():
        assert f"`opecom bench {figure.bench}" in benchmarks, name
        assert figure.figure == "notes" or f"| `{figure.bench}` | `{figure.figure}` |" in benchmarks, name


def test_the_table_of_the_document_is_what_the_code_computes() -> None:
    assert table(FIGURES) in (ROOT / "docs/scaling.md").read_text()


def test_every_figure_is_in_the_document_with_where_it_comes_from() -> None:
    text = (ROOT / "docs/scaling.md").read_text()
    for name, figure in FIGURES.measured.items():
        assert f"| `{name}` | {figure.value:,g} | {figure.unit} | `{figure.bench}` | {figure.date} |" in text
    for name, assumed in FIGURES.assumed.items():
        assert f"| `{name}` | {assumed.value:,g} | {assumed.unit} | {assumed.reason} |" in text


def test_the_lines_name_every_part_and_every_figure() -> None:
    plan = planned(Demand(1_000, 100_000, 90), FIGURES)
    text = "\n".join(lines(plan, FIGURES))
    assert all(part.name in text for part in plan.parts)
    assert all(name in text for name in (*FIGURES.measured, *FIGURES.assumed))
    assert document(plan)["cores"] == plan.cores


@pytest.mark.parametrize(
    ("value", "shown"), [(0.1234, "0.12"), (9.96, "10"), (12.4, "12"), (1_234, "1,200"), (9.4, "9.4")]
)
def test_amounts_have_two_digits(value: float, shown: str) -> None:
    assert amount(value) == shown


def test_the_command_prints_the_plan_and_refuses_in_one_line() -> None:
    arguments = ("capacity", "--sessions", "1000", "--days", "30", "--events-per-second")
    good, bad, word = (
        subprocess.run([*OPECOM, *arguments, *more], capture_output=True, text=True, check=False)
        for more in (["100", "--json"], ["0"], ["many"])
    )
    assert msgspec.json.decode(good.stdout.splitlines()[-1])["demand"]["events_per_second"] == 100
    for failed, says in ((bad, "must be more than 0"), (word, "must be a number, not 'many'")):
        (line,) = failed.stderr.splitlines()
        assert failed.returncode
        assert f"--events-per-second {says}" in line
