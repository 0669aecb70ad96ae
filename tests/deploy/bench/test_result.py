"""The shape of a result, and which figures meet their targets."""

import json

import pytest

from deploy.bench.machine import machine, versions
from deploy.bench.result import NO_TARGET, TARGETS, FigureTarget, Result, number, rounded


def result(**given: float) -> Result:
    floor = {"floor_p50_ms": 2.0, "floor_p99_ms": 8.0, "ratio_p50": 3.98, "ratio_p99": 3.13}
    figures = {"rate": 1000.0, "p50_ms": 7.96, "p99_ms": 25.04} | floor | given
    return Result("latency", figures, {"python": "3.11"}, {"cores": 2}, ("a note",))


@pytest.mark.parametrize(
    ("target", "figure", "met"),
    [
        pytest.param(FigureTarget(10), 10.0, True, id="at least: just reached"),
        pytest.param(FigureTarget(10), 9.999, False, id="at least: just missed"),
        pytest.param(FigureTarget(10, at_most=True), 10.0, True, id="at most: just kept"),
        pytest.param(FigureTarget(10, at_most=True), 10.001, False, id="at most: just broken"),
    ],
)
def test_a_target_holds_up_to_its_bound(target: FigureTarget, figure: float, met: bool) -> None:
    assert target.met(figure) is met


def test_the_json_is_one_object_with_the_agreed_members() -> None:
    line = result().json()
    assert "\n" not in line
    assert json.loads(line) == {
        "bench": "latency",
        "figures": {
            "rate": 1000,
            "p50_ms": 7.96,
            "p99_ms": 25.04,
            "floor_p50_ms": 2.0,
            "floor_p99_ms": 8.0,
            "ratio_p50": 3.98,
            "ratio_p99": 3.13,
        },
        "targets": {
            "rate": {"at_least": 990, "met": True},
            "p50_ms": {"at_most": 8, "met": True},
            "p99_ms": {"at_most": 25, "met": False},
            "ratio_p50": {"at_most": 4, "met": True},
            "ratio_p99": {"at_most": 4, "met": True},
        },
        "versions": {"python": "3.11"},
        "machine": {"cores": 2},
    }


@pytest.mark.parametrize(
    "figures",
    [
        pytest.param({"rate": 1000.0}, id="some are missing"),
        pytest.param(dict.fromkeys(["rate", "p50_ms", "p99_ms", "p100_ms"], 1.0), id="one is not asked for"),
    ],
)
def test_a_result_without_exactly_its_figures_is_none(figures: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="bench latency gives"):
        Result("latency", figures, {}, {}).json()


def test_the_rows_state_met_or_missed() -> None:
    rows = result().rows()
    assert rows[2:4] == [("p99_ms", "25.04", "at most 25", "missed"), ("floor_p50_ms", "2", "none", "")]


@pytest.mark.parametrize(("quick", "bound"), [(False, 100_000), (True, 20_000)])
def test_a_quick_run_is_required_to_hold_fewer_open_sessions(quick: bool, bound: int) -> None:
    figures = {"open_sessions": 20_000.0, "rss_mb": 499.0, "recovery_events_per_cpu_second": 70_001.0}
    figures |= {"recovery_seconds": 4.0, "recovery_cpu_seconds": 3.0, "recovery_events": 9_000.0}
    told = Result("sessions", figures, {}, {}, quick=quick)
    assert told.targets()["open_sessions"] == {"at_least": bound, "met": quick}
    assert told.rows()[0][2:] == (f"at least {bound:,}", "met" if quick else "missed")


def test_the_issue_s_targets_are_the_ones_held_against() -> None:
    spoken = {
        bench: {name: each.spoken() if each else NO_TARGET for name, each in targets.items()}
        for bench, targets in TARGETS.items()
    }
    assert spoken == {
        "worker": {
            "events_per_cpu_second": "at least 25,000",
            "ratio_to_naive_faust": "at least 20",
            "ratio_to_bare_loop": "at least 0.95",
            "session_events_per_cpu_second": "at least 20,000",
            "session_ratio_to_naive_faust": "at least 20",
            "session_ratio_to_bare_loop": "at least 0.95",
            "experiments_ratio": "at least 0.95",
        },
        "latency": {
            "rate": "at least 990",
            "p50_ms": "at most 8",
            "p99_ms": "at most 25",
            "floor_p50_ms": "none",
            "floor_p99_ms": "none",
            "ratio_p50": "at most 4",
            "ratio_p99": "at most 4",
        },
        "peers": {
            **dict.fromkeys(
                (f"{way}_events_per_cpu_second" for way in ("worker", "confluent", "quix", "naive_faust")),
                "none",
            ),
            "ratio_to_confluent": "at least 0.5",
            "ratio_to_naive_faust": "at least 10",
            "ratio_to_quix": "at least 5",
            **dict.fromkeys((f"{way}_requests_per_cpu_second" for way in ("ingest", "starlette", "granian")), "none"),
            "ratio_to_granian": "at least 0.1",
            "ratio_to_starlette": "at least 0.5",
        },
        **{
            name: {
                "accepted_per_second": "at least 1,000",
                "lost": "at most 0",
                "lag_seconds": "at most 60",
                "rss_growth_mb": f"at most {growth}",
            }
            for name, growth in (("load", 300), ("load --embedded", 600))
        },
        "soak": {
            "rate": "none",
            "lost": "at most 0",
            "lag_seconds": "at most 60",
            **{
                f"{part}_{name}_per_hour": f"at most {bound}"
                for part in ("ingest", "worker", "writer")
                for name, bound in (("rss_mb", 30), ("files", 6), ("threads", 2), ("tasks", 6))
            },
            **{
                f"{part}_{name}_plus_minus": "none"
                for part in ("ingest", "worker", "writer")
                for name in ("rss_mb", "files", "threads", "tasks")
            },
        },
        "ingest": {
            "batch_events_per_cpu_second": "at least 15,000",
            "single_requests_per_cpu_second": "at least 2,000",
            "spool_batch_events_per_cpu_second": "at least 12,000",
            "spool_single_requests_per_cpu_second": "at least 1,600",
            "spool_batch_ratio": "at least 0.8",
            "spool_single_ratio": "at least 0.8",
        },
        "writer": {"updates_per_cpu_second": "at least 15,000"},
        "writer --embedded": {"updates_per_cpu_second": "at least 8,000", "lag_seconds": "at most 10"},
        "replay": {
            "events_per_cpu_second": "at least 30,000",
            "rss_growth_mb": "at most 25",
            "rss_growth_ratio": "at most 1.1",
        },
        "sessions": {
            "open_sessions": "at least 100,000",
            "rss_mb": "at most 500",
            "recovery_events_per_cpu_second": "at least 70,000",
            "recovery_seconds": "at most 5",
            "recovery_cpu_seconds": "none",
            "recovery_events": "none",
        },
        "growth": {
            "event_us_few": "none",
            "event_us_many": "none",
            "open_sessions": "at least 100,000",
            "ratio_many_to_few": "at most 1.3",
        },
        "model": {
            "row_us": "at most 310",
            "ratio_to_identity": "at most 4",
            "batch256_row_us": "at most 5",
            "reasons_row_us": "at most 8",
            "session_row_ratio": "at most 1.3",
        },
        "predict": {
            "requests_per_second": "at least 620",
            "ratio_to_report_way": "at least 3",
            "p99_ms": "at most 5",
            "rss_mb": "at most 150",
        },
        "learn": {
            "rows_per_second": "at least 1,667",
            "seconds": "at most 1,080",
            "peak_mb": "at most 4,000",
            **{f"auc_{number}": f"at least {auc}" for number, auc in ((1, 0.74), (3, 0.74), (5, 0.76), (10, 0.76))},
            "gap_to_truth": "at most 0.01",
        },
        "history": {"minutes": "at most 30", "learn_peak_mb": "at most 4,000"},
        "console": {
            "script_kb_predict": "at most 200",
            "script_kb_charts": "at most 300",
            "axe_serious": "at most 0",
            "csp_violations": "at most 0",
            "layout_shift": "at most 0.05",
            "first_load_ms": "at most 1,500",
            "heap_growth_mb": "at most 20",
            "longest_task_ms": "at most 200",
        },
        "tracker": {
            "cpu_ms_per_page_view": "at most 5",
            "gzipped_bytes": "at most 7,000",
            "longest_slice_ms": "at most 50",
        },
        "browser": {
            "kb_gzipped": "at most 130",
            "max_difference": "at most 0.001",
            "same_top_reason": "at least 0.99",
            "p95_ms": "at most 2",
            "requests_in_private": "at most 0",
        },
        "experiments": {
            "aa_peeking_rate": "at most 0.05",
            "aa_planned_rate": "at most 0.064",
            "aa_fixed_rate": "at most 0.064",
            "coverage": "at least 0.93",
            "cuped_shortening": "at least 0.15",
            "cuped_ceiling": "none",
            "power_error": "at most 0.05",
            "srm_caught": "at least 0.99",
            "srm_false_rate": "at most 0.02",
        },
        "floods": {
            "slow_connections": "at least 990",
            "bombs_refused": "at least 400",
            "bombs_not_refused": "at most 0",
            "honest_refused": "at most 0",
            "quiet_p99_ms": "none",
            "flood_p99_ms": "none",
            "ratio_p99": "at most 2",
            "rss_growth_mb": "at most 200",
        },
        "idle": {"cpu_percent": "at most 8", "rss_mb": "at most 900", "first_event_ms": "at most 250"},
    }


@pytest.mark.parametrize(
    ("figure", "kept", "spoken"),
    [
        pytest.param(25_432.7, 25433, "25,433", id="thousands"),
        pytest.param(21.1548, 21.15, "21.15", id="tens"),
        pytest.param(0.85004, 0.85, "0.85", id="below one"),
    ],
)
def test_figures_are_rounded_to_what_is_known(figure: float, kept: float, spoken: str) -> None:
    assert (rounded(figure), number(figure)) == (kept, spoken)


def test_machine_and_versions_name_what_the_figures_depend_on() -> None:
    assert machine().keys() == {"cores", "cpu", "memory_gb", "system", "load_at_start"}
    found = versions([("kafka", "4.3.0")])
    assert found["kafka"] == "4.3.0"
    assert {"python", "faust", "aiokafka", "onnxruntime"} <= found.keys()
