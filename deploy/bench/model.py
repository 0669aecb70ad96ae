"""The model alone: what one run costs, against an Identity graph, in batches, with its reasons, and by contract.

Everything is timed in this process, in turn, many times over; each figure is the median of the rounds, so that what
else the machine does meanwhile falls on all alike. The graph without reasons is the current model's own, cut off at its
probability. Rows are drawn like UCI's, or taken from its file. The two feature contracts are compared by two networks
of one kind (two_contracts.py), whole, as workers run them.
"""

import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deploy.bench.errors import BenchError
from deploy.bench.run import Run
from deploy.bench.two_contracts import RANK, contract_rows, graph_of_contract
from deploy.simulate.draw import draw
from deploy.simulate.rows import read, sample
from deploy.wiring.models import registry
from scoring.contracts import SESSION, UCI, contract
from scoring.features import model_input
from scoring.folder import RegistryError
from scoring.manifest import ModelError
from scoring.onnx import session
from scoring.registry import current, graph_of, manifest

#: Rounds, and runs of each graph in one of them.
ROUNDS, QUICK_ROUNDS, RUNS = 60, 20, 300
#: Rows of the batches.
BATCH, REASONS_BATCH = 256, 64
ROWS = 2_048

Run1 = Callable[[], object]


async def measure(run: Run, data: Path | None, quick: bool) -> tuple[dict[str, float], list[str]]:
    """The figures, and what to say of them; raises BenchError where a library is missing."""
    scoring = run.settings.scoring
    try:
        version = scoring.model or current(registry(scoring))
        whole = graph_of(registry(scoring), version)
        made_for = contract(manifest(registry(scoring), version).contract_version)
    except (RegistryError, ModelError) as error:
        raise BenchError(str(error)) from error
    rows = model_rows(data, ROWS)
    runs = _runs(whole, contract_rows(rows, made_for)) | _contract_runs(rows)
    took = _timed(runs, QUICK_ROUNDS if quick else ROUNDS)
    figures = {
        "row_us": took["row"],
        "ratio_to_identity": took["row"] / took["identity"],
        "batch256_row_us": took["batch"] / BATCH,
        "reasons_row_us": (took["reasons 64"] - took["plain 64"]) / REASONS_BATCH,
        "session_row_ratio": took["session row"] / took["uci row"],
    }
    notes = [
        f"model {version}, {len(whole) / 1000:.0f} kB; Identity {took['identity']:.1f} µs a run",
        f"with its reasons: one row {took['row with reasons']:.1f} µs, "
        f"a row of {BATCH} {took['batch with reasons'] / BATCH:.2f} µs, "
        f"of {REASONS_BATCH} {took['reasons 64'] / REASONS_BATCH:.2f} µs",
        f"a network of contract 1 {took['uci row']:.1f} µs a row, of contract 2 {took['session row']:.1f} µs, "
        f"without the projection to {RANK} {took['unprojected row']:.1f} µs; a row of {BATCH} "
        f"{took['uci batch'] / BATCH:.2f} and {took['session batch'] / BATCH:.2f} µs",
    ]
    return figures, notes


def model_rows(data: Path | None, count: int) -> NDArray[np.float32]:
    """float32[count, 17] of the UCI file, or drawn like it."""
    given = sample(read(data), count) if data else draw(count)
    return np.array([model_input(each.features) for each in given], np.float32)


def _runs(whole: bytes, rows: NDArray[np.float32]) -> dict[str, Run1]:
    try:
        plain, identity = session(without_reasons(whole)), session(identity_graph(rows.shape[1]))
    except ImportError as error:
        raise BenchError("bench model needs the package onnx: install op-ecom[train]") from error
    full = session(whole)
    one, many, some = rows[:1], rows[:BATCH], rows[:REASONS_BATCH]
    both = ["probability", "reasons"]
    return {
        "identity": lambda: identity.run(["probability"], {"features": one}),
        "row": lambda: plain.run(["probability"], {"features": one}),
        "row with reasons": lambda: full.run(both, {"features": one}),
        "batch": lambda: plain.run(["probability"], {"features": many}),
        "batch with reasons": lambda: full.run(both, {"features": many}),
        "plain 64": lambda: plain.run(["probability"], {"features": some}),
        "reasons 64": lambda: full.run(both, {"features": some}),
    }


def _contract_runs(rows: NDArray[np.float32]) -> dict[str, Run1]:
    """Whole graphs of both contracts, of one row and of many."""
    both, of_session = ["probability", "reasons"], contract_rows(rows, SESSION)
    uci, projected, unprojected = (
        session(graph_of_contract(made_for, rank)) for made_for, rank in ((UCI, None), (SESSION, RANK), (SESSION, None))
    )
    return {
        "uci row": lambda: uci.run(both, {"features": rows[:1]}),
        "session row": lambda: projected.run(both, {"features": of_session[:1]}),
        "unprojected row": lambda: unprojected.run(both, {"features": of_session[:1]}),
        "uci batch": lambda: uci.run(both, {"features": rows[:BATCH]}),
        "session batch": lambda: projected.run(both, {"features": of_session[:BATCH]}),
    }


def _timed(runs: Mapping[str, Run1], rounds: int) -> dict[str, float]:
    """Microseconds of one run of each, by the median of the rounds; the first round does not count."""
    took: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds + 1):
        for name, run in runs.items():
            start = time.perf_counter()
            for _ in range(RUNS):
                run()
            took[name].append((time.perf_counter() - start) / RUNS * 1e6)
    return {name: statistics.median(each[1:]) for name, each in took.items()}


def without_reasons(graph: bytes) -> bytes:
    """The graph cut off at its probability."""
    import onnx
    from onnx.utils import Extractor

    cut: bytes = (
        Extractor(onnx.load_from_string(graph)).extract_model(["features"], ["probability"]).SerializeToString()
    )
    return cut


def identity_graph(columns: int) -> bytes:
    """The least that a run can cost: the features as they came."""
    from onnx import TensorProto, helper

    shape = ["batch", columns]
    graph = helper.make_graph(
        [helper.make_node("Identity", ["features"], ["probability"])],
        "identity",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, shape)],
    )
    made: bytes = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    ).SerializeToString()
    return made
