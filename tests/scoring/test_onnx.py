"""The ONNX model beyond the contract: what a graph must be, and hostile rows."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from scoring import registry
from scoring.onnx import GraphError, OnnxModel
from tests.support.rows import sessions


def test_scoring_leaves_nothing_in_the_users_folders(tmp_path: Path) -> None:
    """onnxruntime's wheel reports its use unless it is told not to before it is imported."""
    score = "from scoring.registry import load; import numpy; load().score(numpy.zeros((1, 17), numpy.float32))"
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    environment |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    subprocess.run([sys.executable, "-c", score], env=environment, check=True)
    assert list(tmp_path.iterdir()) == []


def test_bytes_that_are_no_graph_are_refused_in_one_line() -> None:
    with pytest.raises(GraphError, match="onnxruntime cannot read it") as caught:
        OnnxModel(b"not a graph", registry.load().manifest)
    assert "\n" not in str(caught.value)


def test_a_graph_with_other_inputs_is_refused() -> None:
    from onnx import TensorProto, helper

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 3]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "other", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    with pytest.raises(GraphError, match="not features"):
        OnnxModel(model.SerializeToString(), registry.load().manifest)


@pytest.mark.parametrize("value", [np.inf, 3e38, -5.0, -np.inf], ids=str)
@pytest.mark.parametrize("place", [0, 5, 8, 10, 12, 15, 16])
def test_a_number_out_of_range_gives_a_probability(place: int, value: float) -> None:
    rows = sessions(3).rows.astype(np.float32)
    rows[1, place] = value
    scores = registry.load().score(rows)
    assert np.isfinite(scores.probability).all()
    assert np.isfinite(scores.reasons).all()


def test_a_row_that_is_not_a_number_spoils_itself_alone() -> None:
    rows = sessions(3).rows.astype(np.float32)
    clean = registry.load().score(rows)
    rows[1, 8] = np.nan
    scores = registry.load().score(rows)
    assert np.isnan(scores.probability[1])
    np.testing.assert_array_equal(scores.probability[[0, 2]], clean.probability[[0, 2]])
