"""The benchmarks that need no Kafka, small: every figure is there, and what is compared answers alike."""

import asyncio
import re
from collections import defaultdict
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import msgspec
import numpy as np
import pytest

from deploy.bench import (
    browser,
    console,
    experiments,
    floods,
    growth,
    learn,
    model,
    predict,
    shop_exposures,
    tracker,
    writer_embedded,
)
from deploy.bench.errors import BenchError
from deploy.bench.report_way import PredictionInput, ReportWay
from deploy.bench.result import TARGETS
from deploy.bench.run import alone
from deploy.cli.bench import bench
from deploy.errors import SetupError
from deploy.settings.model import Settings
from scoring import registry
from scoring.browser.program import BrowserExportError
from scoring.onnx import session
from scoring.prediction import decode
from scoring.prediction_rows import model_input
from tests.support.browser import MISSING, chromium


def test_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "QUICK_ROUNDS", 2)
    monkeypatch.setattr(model, "RUNS", 20)
    with alone(Settings()) as run:
        figures, notes = asyncio.run(model.measure(run, None, True))
    assert figures.keys() == TARGETS["model"].keys()
    # What is faster than what is the benchmark's to say, on an idle machine; of reasons it is a difference.
    assert all(figure > 0 for name, figure in figures.items() if name != "reasons_row_us"), notes
    assert registry.current() in notes[0]


def test_the_figures_of_a_model_are_of_one_run(monkeypatch: pytest.MonkeyPatch) -> None:
    took = defaultdict(float, {"row": 60.0, "identity": 20.0, "batch": 512.0, "plain 64": 64.0, "reasons 64": 320.0})
    took |= {"uci row": 40.0, "session row": 50.0}
    monkeypatch.setattr(model, "_timed", lambda *_: took)
    with alone(Settings()) as run:
        figures, _ = asyncio.run(model.measure(run, None, True))
    alone_figures = {"row_us": 60, "ratio_to_identity": 3, "batch256_row_us": 2, "reasons_row_us": 4}
    assert figures == alone_figures | {"session_row_ratio": 1.25}


@pytest.mark.skipif(find_spec("lightgbm") is None, reason="the extra `learn` is not installed")
def test_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learn, "QUICK", msgspec.structs.replace(learn.QUICK, sessions=500))
    with alone(Settings()) as run:
        figures, notes = asyncio.run(learn.measure(run, None, True))
        assert figures.keys() == TARGETS["learn"].keys()
    rows, updates = (int(number.replace(",", "")) for number in re.findall(r"([\d,]+) (?:rows|stored)", notes[0]))
    # Closings are no rows, and neither is what follows a purchase.
    assert 500 < rows < updates - 500
    assert figures["rows_per_second"] * figures["seconds"] == pytest.approx(rows)
    assert min(figures[f"auc_{number}"] for number in (1, 3, 5, 10)) > 0.3
    assert -0.5 < figures["gap_to_truth"] < 0.5
    assert figures["peak_mb"] > 50


def test_the_graph_without_reasons_gives_the_same_probabilities() -> None:
    whole = registry.graph_of(registry.SHIPPED, registry.current())
    rows = model.model_rows(None, 300)
    cut = session(model.without_reasons(whole))
    assert [output.name for output in cut.get_outputs()] == ["probability"]
    [probability] = cut.run(["probability"], {"features": rows})
    np.testing.assert_allclose(probability, registry.load().score(rows).probability, rtol=0, atol=1e-6)


def test_the_payloads_are_the_rows_that_the_model_is_measured_on() -> None:
    bodies = predict.payloads(None)
    assert len(bodies) == predict.SESSIONS
    rows = np.array([model_input(decode(body)) for body in bodies], np.float32)
    np.testing.assert_array_equal(rows, model.model_rows(None, predict.SESSIONS))


def test_the_report_s_way_takes_the_same_requests() -> None:
    way = ReportWay()
    for body in predict.payloads(None)[:20]:
        given = PredictionInput.model_validate_json(body).model_dump()
        assert given == msgspec.json.decode(body)
        features = way.preprocess(given)
        assert features.shape[1] > 60
        assert 0 < way.infer(features) < 1


@pytest.mark.long
def test_predict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predict, "QUICK_TURN", 0.5)
    monkeypatch.setattr(predict, "QUICK_TURNS", 1)
    monkeypatch.setattr(predict, "QUICK_HALF", 1.0)
    monkeypatch.setattr(predict, "QUICK_STAGED", 20)
    monkeypatch.setattr(predict, "WORKERS", (1, 2))
    with alone(Settings()) as run:
        figures, notes = asyncio.run(predict.measure(run, None, True))
    assert figures.keys() == TARGETS["predict"].keys()
    assert all(figure > 0 for figure in figures.values())
    assert any(note.startswith("2 workers: ") for note in notes)
    assert [note.partition(":")[0] for note in notes[-4:]] == list(predict.STAGES)


@pytest.mark.long
def test_writer_on_the_embedded_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_embedded, "QUICK_EVENTS", 2_000)
    monkeypatch.setattr(writer_embedded, "WARM", 20)
    with alone(Settings()) as run:
        figures, notes = asyncio.run(writer_embedded.measure(run, None, True))
    assert figures.keys() == TARGETS["writer --embedded"].keys()
    assert figures["updates_per_cpu_second"] > 0
    assert "blocks of the store" in notes[0]


@pytest.mark.long
def test_floods(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(floods, "SLOW", 200)
    with alone(Settings()) as run:
        figures, notes = asyncio.run(floods.measure(run, None, True))
    assert figures.keys() == TARGETS["floods"].keys()
    assert figures["slow_connections"] >= 190, notes
    assert figures["bombs_not_refused"] == figures["honest_refused"] == 0, notes
    assert figures["rss_growth_mb"] <= 200, notes


def test_only_writer_and_load_are_measured_on_the_embedded_profile() -> None:
    with pytest.raises(SetupError, match="bench idle has no --embedded"):
        bench("idle", embedded=True)


@pytest.mark.skipif(chromium() is None, reason=MISSING)
def test_tracker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracker, "QUICK_LOADS", 2)
    with alone(Settings()) as run:
        figures, notes = asyncio.run(tracker.measure(run, None, True))
    assert figures.keys() == TARGETS["tracker"].keys()
    assert 0 < figures["longest_slice_ms"] <= figures["cpu_ms_per_page_view"]
    assert figures["gzipped_bytes"] <= TARGETS["tracker"]["gzipped_bytes"].bound
    assert notes[0].startswith("2 page views")


@pytest.mark.skipif(chromium() is None, reason=MISSING)
def test_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser, "QUICK_ROWS", 300)
    with alone(Settings()) as run:
        figures, notes = asyncio.run(browser.measure(run, None, True))
    targets = TARGETS["browser"]
    assert figures.keys() == targets.keys()
    # How long a score takes is an idle machine's to say.
    assert all(targets[name].met(figures[name]) for name in figures if name != "p95_ms"), notes
    assert figures["p95_ms"] > 0
    assert notes[-1].endswith("0 violations of the policy")


@pytest.mark.skipif(chromium() is None, reason=MISSING)
def test_a_page_that_cannot_load_the_model_gives_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser, "QUICK_ROWS", 10)
    whole = browser.export
    monkeypatch.setattr(browser, "export", lambda *given: replace(whole(*given), weights=b"torn"))
    with alone(Settings()) as run, pytest.raises(BenchError, match=r"the model does not load in the page: .*fetch"):
        asyncio.run(browser.measure(run, None, True))


def test_a_model_that_no_browser_runs_gives_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise BrowserExportError("its graph has decision trees")

    monkeypatch.setattr(browser, "export", refuse)
    with (
        alone(Settings()) as run,
        pytest.raises(BenchError, match=r"no model to run, \S+: its graph has decision trees"),
    ):
        asyncio.run(browser.measure(run, None, True))


@pytest.mark.long
@pytest.mark.skipif(chromium() is None, reason=MISSING)
def test_console(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "QUICK_LOADS", 1)
    monkeypatch.setattr(console, "QUICK_SECONDS", 5)
    with alone(Settings()) as run:
        figures, notes = asyncio.run(console.measure(run, None, True))
    assert figures.keys() == TARGETS["console"].keys()
    assert 100 < figures["script_kb_predict"] <= TARGETS["console"]["script_kb_predict"].bound
    assert figures["axe_serious"] == figures["csp_violations"] == 0
    assert figures["first_load_ms"] > 0
    assert notes[0].startswith("gzipped script and largest paint: overview ")


def test_the_console_without_its_pages_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(console, "PAGES", tmp_path)
    with alone(Settings()) as run, pytest.raises(BenchError, match="make console"):
        asyncio.run(console.measure(run, None, True))


def test_tracker_without_a_browser_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "chromium"
    monkeypatch.setattr("deploy.bench.chromium.shutil.which", lambda _: str(program))
    with alone(Settings()) as run, pytest.raises(BenchError, match=r"make browser") as failure:
        asyncio.run(tracker.measure(run, None, True))
    assert "\n" not in str(failure.value)


def test_a_slice_within_another_one_counts_once() -> None:
    def slice_of(name: str, begin: int, long: int, url: str = "http://x/static/tracker.js") -> dict[str, object]:
        return {"ph": "X", "name": name, "ts": begin, "dur": long, "tdur": long, "tid": 1, "args": {"url": url}}

    events = [
        slice_of("EvaluateScript", 0, 4_000),
        slice_of("v8.compile", 0, 1_000),
        slice_of("FunctionCall", 9_000, 500),
        slice_of("FunctionCall", 20_000, 9_000, "http://x/shop.js"),
        slice_of("Layout", 30_000, 9_000),
    ]
    assert tracker.slices(events, "/static/tracker.js") == [4.0, 0.5]


def test_growth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "QUICK_OPEN", (100, 1_000))
    monkeypatch.setattr(growth, "COUNTED", 50)
    monkeypatch.setattr(growth, "PATTERNS", 2_000)
    with alone(Settings()) as run:
        figures, notes = asyncio.run(growth.measure(run, None, True))
    assert figures.keys() == TARGETS["growth"].keys()
    assert figures["open_sessions"] == 1_000
    assert all(figure > 0 for figure in figures.values()), notes


def test_growth_gives_no_figure_when_a_session_is_not_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "QUICK_OPEN", (100, 1_000))
    monkeypatch.setattr(growth, "COUNTED", 50)
    monkeypatch.setattr(growth, "PATTERNS", 2_000)
    # The rounds begin so late that what was open before has closed.
    monkeypatch.setattr(growth, "MINUTE", 12 * 60_000)
    with alone(Settings()) as run, pytest.raises(BenchError, match="are open"):
        asyncio.run(growth.measure(run, None, True))


def test_experiments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experiments, "QUICK", 2)
    monkeypatch.setattr(experiments, "QUICK_SHOP", msgspec.structs.replace(experiments.QUICK_SHOP, sessions=400))
    monkeypatch.setattr(shop_exposures, "FEWEST", 20)
    with alone(Settings()) as run:
        figures, notes = asyncio.run(experiments.measure(run, None, True))
    assert figures.keys() == TARGETS["experiments"].keys()
    assert all(0 <= figures[name] <= 1 for name in figures if not name.startswith("cuped_")), notes
    assert -0.5 < figures["cuped_shortening"] < 0.5
    assert 0 < figures["cuped_ceiling"] < 0.5
    assert figures["srm_caught"] == 1
    assert [line.partition(":")[0] for line in notes[-5:]] == [f"exposed at {each}" for each in shop_exposures.MOMENTS]


def test_a_shop_with_too_few_exposed_visitors_gives_no_figure() -> None:
    small, model = msgspec.structs.replace(experiments.QUICK_SHOP, sessions=50), registry.load()
    with pytest.raises(BenchError, match="too few to compare intervals"):
        shop_exposures.shortenings(small, lambda _: model)
