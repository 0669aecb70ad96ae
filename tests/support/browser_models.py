"""Models as browsers get them: graphs of both contracts with their manifests, and Node that scores rows by them."""

import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import pytest

from deploy.bench.two_contracts import RANK, graph_of_contract
from scoring import registry
from scoring.browser.export import BrowserModel
from scoring.contracts import SESSION, Contract, contract
from scoring.manifest import Manifest
from scoring.onnx import session
from tests.support.models import session_graph

RUNTIME = Path(__file__).parents[2] / "ingest" / "static" / "model.mjs"
SCRIPT = Path(__file__).with_name("score_rows.mjs")


class GraphModel(NamedTuple):
    graph: bytes
    manifest: Manifest

    @property
    def made_for(self) -> Contract:
        return contract(self.manifest.contract_version)


@cache
def shipped() -> GraphModel:
    version = registry.current()
    return GraphModel(registry.graph_of(registry.SHIPPED, version), registry.manifest(registry.SHIPPED, version))


def model_of(graph: bytes, made_for: Contract, reference: tuple[float | None, ...]) -> GraphModel:
    """A graph with a manifest that says what it gives to the reference session."""
    manifest = msgspec.structs.replace(
        shipped().manifest, version="m1", contract_version=made_for.number, reference=reference, training_shop=None
    )
    row = np.array([manifest.reference_row], np.float32)
    [probability] = session(graph).run(["probability"], {"features": row})[0]
    return GraphModel(graph, msgspec.structs.replace(manifest, reference_probability=float(probability)))


@cache
def network_2() -> GraphModel:
    """A folded network of contract 2 behind a projection, with drawn weights."""
    return model_of(graph_of_contract(SESSION, RANK), SESSION, (1.0,) * len(SESSION.names))


@cache
def logistic_2() -> GraphModel:
    """A logistic regression of contract 2, of whose reference session much is unknown."""
    graph, reference = session_graph()
    return model_of(graph, SESSION, reference)


class PageScore(NamedTuple):
    """What the runtime gives for one row: `reasons` are the strongest three, (feature, value, contribution) each."""

    probability: float
    label: str
    band: str
    reasons: list[tuple[str, float | None, float]]


def node() -> str:
    """The path of Node; skips without one."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("no Node: the benchmark `browser` runs this script in Chromium too")
    return found


def scored_by_node(folder: Path, made: BrowserModel, rows: np.ndarray) -> list[PageScore]:
    """Scores rows, float32[batch, columns], by the runtime that pages get, in one run of Node."""
    write_files(folder, made, rows)
    done = run_node(folder)
    assert done.returncode == 0, done.stderr
    return [PageScore(*each) for each in json.loads(done.stdout)]


def write_files(folder: Path, made: BrowserModel, rows: np.ndarray) -> None:
    """What `run_node` reads."""
    (folder / "head.json").write_bytes(made.head)
    (folder / "weights.bin").write_bytes(made.weights)
    (folder / "rows.bin").write_bytes(rows.astype("<f4").tobytes())


def run_node(folder: Path) -> subprocess.CompletedProcess[str]:
    files = [folder / name for name in ("head.json", "weights.bin", "rows.bin")]
    command = [node(), SCRIPT, RUNTIME.as_uri(), *files]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
