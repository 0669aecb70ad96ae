"""What a benchmark says: its figures, the targets they are held against, and where they were taken. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec


@dataclass(frozen=True, slots=True)
class FigureTarget:
    """A bound that a figure must keep; `quick` is that of a run with less input, where it is another one."""

    bound: float
    at_most: bool = False
    quick: float | None = None

    def met(self, figure: float) -> bool:
        return figure <= self.bound if self.at_most else figure >= self.bound

    def spoken(self) -> str:
        return f"{'at most' if self.at_most else 'at least'} {number(self.bound)}"


#: What stands for the target of a figure of which nothing is asked: it is there to be compared with.
NO_TARGET = "none"

#: Every benchmark, every figure of it, and what is asked of the figure.
TARGETS: Mapping[str, Mapping[str, FigureTarget | None]] = {
    "worker": {
        "events_per_cpu_second": FigureTarget(25_000),
        "ratio_to_naive_faust": FigureTarget(20),
        "ratio_to_bare_loop": FigureTarget(0.95),
        "session_events_per_cpu_second": FigureTarget(20_000),
        "session_ratio_to_naive_faust": FigureTarget(20),
        "session_ratio_to_bare_loop": FigureTarget(0.95),
        # With three experiments and a hold-out over without.
        "experiments_ratio": FigureTarget(0.95),
    },
    # The load is 1,000 events/s; a sender that fell behind that would measure something else.
    "latency": {
        "rate": FigureTarget(990),
        "p50_ms": FigureTarget(8, at_most=True),
        "p99_ms": FigureTarget(25, at_most=True),
        "floor_p50_ms": None,
        "floor_p99_ms": None,
        # The path has two pairs, a request and its answer, and a model.
        "ratio_p50": FigureTarget(4, at_most=True),
        "ratio_p99": FigureTarget(4, at_most=True),
    },
    "ingest": {
        "batch_events_per_cpu_second": FigureTarget(15_000),
        "single_requests_per_cpu_second": FigureTarget(2_000),
        "spool_batch_events_per_cpu_second": FigureTarget(12_000),
        "spool_single_requests_per_cpu_second": FigureTarget(1_600),
        "spool_batch_ratio": FigureTarget(0.8),
        "spool_single_ratio": FigureTarget(0.8),
    },
    # The confluent loop and Quix keep sums, as naive Faust does; the echoes take no event anywhere.
    "peers": {
        "worker_events_per_cpu_second": None,
        "confluent_events_per_cpu_second": None,
        "quix_events_per_cpu_second": None,
        "naive_faust_events_per_cpu_second": None,
        "ratio_to_confluent": FigureTarget(0.5),
        "ratio_to_naive_faust": FigureTarget(10),
        "ratio_to_quix": FigureTarget(5),
        "ingest_requests_per_cpu_second": None,
        "starlette_requests_per_cpu_second": None,
        "granian_requests_per_cpu_second": None,
        "ratio_to_granian": FigureTarget(0.1),
        "ratio_to_starlette": FigureTarget(0.5),
    },
    "writer": {"updates_per_cpu_second": FigureTarget(15_000)},
    # The raw events go into chDB beside the updates.
    "writer --embedded": {
        "updates_per_cpu_second": FigureTarget(8_000),
        "lag_seconds": FigureTarget(10, at_most=True),
    },
    # Of two cores on which Kafka, the databases and the clients run too. What is accepted is never lost.
    "load": {
        "accepted_per_second": FigureTarget(1_000, quick=300),
        "lost": FigureTarget(0, at_most=True),
        "lag_seconds": FigureTarget(60, at_most=True),
        "rss_growth_mb": FigureTarget(300, at_most=True),
    },
    "load --embedded": {
        "accepted_per_second": FigureTarget(1_000, quick=300),
        "lost": FigureTarget(0, at_most=True),
        "lag_seconds": FigureTarget(60, at_most=True),
        "rss_growth_mb": FigureTarget(600, at_most=True),
    },
    # Of the second half of the run; the intervals say how sure a slope is.
    "soak": {
        "rate": None,
        "lost": FigureTarget(0, at_most=True),
        "lag_seconds": FigureTarget(60, at_most=True),
        **{
            f"{part}_{name}_per_hour": FigureTarget(bound, at_most=True)
            for part in ("ingest", "worker", "writer")
            for name, bound in (("rss_mb", 30), ("files", 6), ("threads", 2), ("tasks", 6))
        },
        **{
            f"{part}_{name}_plus_minus": None
            for part in ("ingest", "worker", "writer")
            for name in ("rss_mb", "files", "threads", "tasks")
        },
    },
    "replay": {
        "events_per_cpu_second": FigureTarget(30_000),
        "rss_growth_mb": FigureTarget(25, at_most=True),
        "rss_growth_ratio": FigureTarget(1.1, at_most=True),
    },
    # So many are asked to be open; the target says that they really were.
    "sessions": {
        "open_sessions": FigureTarget(100_000, quick=20_000),
        "rss_mb": FigureTarget(500, at_most=True),
        "recovery_events_per_cpu_second": FigureTarget(70_000),
        # Of 20,000 sessions and one of 20 hours, with snapshots.
        "recovery_seconds": FigureTarget(5, at_most=True),
        "recovery_cpu_seconds": None,
        "recovery_events": None,
    },
    # CPU of an event with the fewest and with the most sessions open beside its own.
    "growth": {
        "event_us_few": None,
        "event_us_many": None,
        "open_sessions": FigureTarget(100_000, quick=20_000),
        "ratio_many_to_few": FigureTarget(1.3, at_most=True),
    },
    "model": {
        "row_us": FigureTarget(310, at_most=True),
        "ratio_to_identity": FigureTarget(4, at_most=True),
        "batch256_row_us": FigureTarget(5, at_most=True),
        "reasons_row_us": FigureTarget(8, at_most=True),
        "session_row_ratio": FigureTarget(1.3, at_most=True),
    },
    # The report's own figures are 0.31 ms a run and 620 requests a second.
    "predict": {
        "requests_per_second": FigureTarget(620),
        "ratio_to_report_way": FigureTarget(3),
        "p99_ms": FigureTarget(5, at_most=True),
        "rss_mb": FigureTarget(150, at_most=True),
    },
    # 100,000 sessions have 1,800,000 rows; 1,000,000 are to be learned from in 10 minutes and 4 GB. The quick shop is
    # another one, in which many buy and whose truth ranks less well.
    "learn": {
        "rows_per_second": FigureTarget(1_667, quick=500),
        "seconds": FigureTarget(1_080, at_most=True, quick=120),
        "peak_mb": FigureTarget(4_000, at_most=True),
        "auc_1": FigureTarget(0.74, quick=0.66),
        "auc_3": FigureTarget(0.74, quick=0.66),
        "auc_5": FigureTarget(0.76, quick=0.66),
        "auc_10": FigureTarget(0.76, quick=0.7),
        "gap_to_truth": FigureTarget(0.01, at_most=True, quick=0.05),
    },
    "tracker": {
        "cpu_ms_per_page_view": FigureTarget(5, at_most=True),
        "longest_slice_ms": FigureTarget(50, at_most=True),
        "gzipped_bytes": FigureTarget(7_000, at_most=True),
    },
    # Runtime, head and weights of float16 together; a score with its reasons; requests of a visit after load.
    "browser": {
        "kb_gzipped": FigureTarget(130, at_most=True),
        "max_difference": FigureTarget(0.001, at_most=True),
        "same_top_reason": FigureTarget(0.99),
        "p95_ms": FigureTarget(2, at_most=True),
        "requests_in_private": FigureTarget(0, at_most=True),
    },
    # Bytes as they come over the wire; Live is open for ten minutes at 200 updates a second (quick: half a minute).
    "console": {
        "script_kb_predict": FigureTarget(200, at_most=True),
        "script_kb_charts": FigureTarget(300, at_most=True),
        "axe_serious": FigureTarget(0, at_most=True),
        "csp_violations": FigureTarget(0, at_most=True),
        "layout_shift": FigureTarget(0.05, at_most=True),
        "first_load_ms": FigureTarget(1_500, at_most=True),
        "heap_growth_mb": FigureTarget(20, at_most=True),
        "longest_task_ms": FigureTarget(200, at_most=True),
    },
    # Of 200,000 sessions; the gate lets the learned model pass, or there is no figure.
    "history": {
        "minutes": FigureTarget(30, at_most=True),
        "learn_peak_mb": FigureTarget(4_000, at_most=True),
    },
    # Of 1,000 generated experiments; a rate has the Monte Carlo error that two in a hundred such runs exceed. The quick
    # run draws a twentieth of them and a smaller shop, so its bounds are wider.
    "experiments": {
        "aa_peeking_rate": FigureTarget(0.05, at_most=True, quick=0.1),
        "aa_planned_rate": FigureTarget(0.064, at_most=True, quick=0.13),
        "aa_fixed_rate": FigureTarget(0.064, at_most=True, quick=0.13),
        "coverage": FigureTarget(0.93, quick=0.87),
        "cuped_shortening": FigureTarget(0.15, quick=0),
        "cuped_ceiling": None,
        "power_error": FigureTarget(0.05, at_most=True, quick=0.18),
        "srm_caught": FigureTarget(0.99, quick=0.95),
        "srm_false_rate": FigureTarget(0.02, at_most=True, quick=0.07),
    },
    # The growth is that of the ingest API, which holds up to 67 MB of bodies beside the connections.
    "floods": {
        "slow_connections": FigureTarget(990),
        "bombs_refused": FigureTarget(400, quick=60),
        "bombs_not_refused": FigureTarget(0, at_most=True),
        "honest_refused": FigureTarget(0, at_most=True),
        "quiet_p99_ms": None,
        "flood_p99_ms": None,
        "ratio_p99": FigureTarget(2, at_most=True),
        "rss_growth_mb": FigureTarget(200, at_most=True),
    },
    # Of one core, all processes together.
    "idle": {
        "cpu_percent": FigureTarget(8, at_most=True),
        "rss_mb": FigureTarget(900, at_most=True),
        "first_event_ms": FigureTarget(250, at_most=True),
    },
}


def targets_of(bench: str, quick: bool = False) -> dict[str, FigureTarget | None]:
    """What is asked of each figure of a run; None: nothing."""
    return {
        name: FigureTarget(target.quick, target.at_most) if quick and target and target.quick is not None else target
        for name, target in TARGETS[bench].items()
    }


@dataclass(frozen=True, slots=True)
class Result:
    """One run of one benchmark; `notes` are lines for people, which the JSON leaves out."""

    bench: str
    figures: Mapping[str, float]
    versions: Mapping[str, str]
    machine: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    quick: bool = False

    def targets(self) -> dict[str, dict[str, Any]]:
        """What is asked of each figure and whether it holds; raises ValueError unless the figures are those named."""
        targets = targets_of(self.bench, self.quick)
        if self.figures.keys() != targets.keys():
            raise ValueError(f"bench {self.bench} gives {sorted(self.figures)}, its targets name {sorted(targets)}")
        return {
            name: {"at_most" if target.at_most else "at_least": target.bound, "met": target.met(self.figures[name])}
            for name, target in targets.items()
            if target is not None
        }

    def json(self) -> str:
        """The result as one line."""
        document = {
            "bench": self.bench,
            "figures": {name: rounded(figure) for name, figure in self.figures.items()},
            "targets": self.targets(),
            "versions": dict(self.versions),
            "machine": dict(self.machine),
        }
        return msgspec.json.encode(document).decode()

    def rows(self) -> list[tuple[str, str, str, str]]:
        """(figure, value, target, met or missed), for a table."""
        targets = targets_of(self.bench, self.quick)
        return [(name, number(figure), *_judged(figure, targets[name])) for name, figure in self.figures.items()]


def _judged(figure: float, target: FigureTarget | None) -> tuple[str, str]:
    return (NO_TARGET, "") if target is None else (target.spoken(), "met" if target.met(figure) else "missed")


def rounded(figure: float) -> float:
    """Four digits or whole numbers: a benchmark knows no more."""
    return round(figure) if abs(figure) >= 1000 else float(f"{figure:.4g}")


def number(figure: float) -> str:
    return f"{rounded(figure):,}" if abs(figure) >= 1000 else f"{rounded(figure):g}"
