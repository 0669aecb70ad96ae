"""A model as an ONNX graph, run by onnxruntime on one thread; knows nothing of how the graph was trained or stored."""

import os

import numpy as np
from numpy.typing import NDArray

from scoring.errors import ScoringError

# The library would keep a device id and a database of usage in the user's cache folder; it looks once, at its import.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime

from scoring.contracts import contract
from scoring.external_data import WireError, external_tensors
from scoring.manifest import Manifest
from scoring.model import Scores, check_rows

#: Rows of one run: what a graph makes of more falls out of the processor's cache, and a row takes a third longer.
RUN_ROWS = 256


class GraphError(ScoringError, ValueError):
    """The bytes are no graph of ours: `features` float32[batch, columns] in, `probability` and `reasons` out."""


class OnnxModel:
    """Runs one graph; safe to call from several threads, each call computes on its own."""

    def __init__(self, graph: bytes, manifest: Manifest) -> None:
        """Raises GraphError with what is wrong with the graph, ContractError for a contract that is unknown here."""
        self.manifest = manifest
        self._columns = len(contract(manifest.contract_version).names)
        try:
            elsewhere = external_tensors(graph)
        except WireError as error:
            raise GraphError(f"onnxruntime cannot read it: it is no ONNX file ({error})") from error
        if elsewhere:
            raise GraphError(
                f"the data of {', '.join(elsewhere[:3])} lies in another file (external data), which no checksum "
                "covers: save the graph with its data inside"
            )
        try:
            self._session = session(graph)
        except Exception as error:  # onnxruntime's exceptions share no base class but this one
            raise GraphError(f"onnxruntime cannot read it: {str(error).splitlines()[0]}") from error
        inputs = {given.name: (given.type, given.shape[1:]) for given in self._session.get_inputs()}
        outputs = {made.name for made in self._session.get_outputs()}
        if inputs != {"features": ("tensor(float)", [self._columns])} or not {"probability", "reasons"} <= outputs:
            raise GraphError(
                f"takes {inputs} and gives {sorted(outputs)}, not features[{self._columns}] to probability and reasons"
            )

    def score(self, rows: NDArray[np.float32]) -> Scores:
        check_rows(rows, self._columns)
        runs = [self._run(rows[start : start + RUN_ROWS]) for start in range(0, len(rows), RUN_ROWS)] or [
            self._run(rows)
        ]
        probability, reasons = runs[0] if len(runs) == 1 else map(np.concatenate, zip(*runs, strict=True))
        return Scores(probability.astype(np.float64), reasons)

    def _run(self, rows: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        probability, reasons = self._session.run(["probability", "reasons"], {"features": rows})
        return probability, reasons


def session(graph: bytes) -> onnxruntime.InferenceSession:
    """A session as scoring runs them; raises one of onnxruntime's exceptions."""
    return onnxruntime.InferenceSession(graph, _options(), providers=["CPUExecutionProvider"])


def _options() -> onnxruntime.SessionOptions:
    """One thread and no spinning: the graph is microseconds long, and the other cores belong to other partitions."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return options
