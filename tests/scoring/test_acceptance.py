"""What a model must answer before it scores anything, and graphs that do not."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from scoring import registry
from scoring.acceptance import UnfitModelError, accept
from scoring.external_data import WireError, external_tensors
from scoring.folder import RegistryError
from scoring.model import ConstantModel, Scores
from tests.support.models import registry_of

ROWS, LEVEL = 17, 0.25


def graph(
    probability: Callable[[list[onnx.NodeProto], list[onnx.TensorProto]], None],
    reasons: float = 0.0,
    shape: tuple[object, ...] = ("batch",),
) -> bytes:
    """A graph whose probability is made by `probability` and whose reasons are all the same."""
    nodes: list[onnx.NodeProto] = []
    constants = [numpy_helper.from_array(np.array(0, np.float32), "zero")]
    probability(nodes, constants)
    constants.append(numpy_helper.from_array(np.array(reasons, np.float32), "reason"))
    nodes.append(helper.make_node("Mul", ["features", "zero"], ["nothing"]))
    nodes.append(helper.make_node("Add", ["nothing", "reason"], ["reasons"]))
    inputs = [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", ROWS])]
    outputs = [
        helper.make_tensor_value_info("probability", TensorProto.FLOAT, shape),
        helper.make_tensor_value_info("reasons", TensorProto.FLOAT, ["batch", ROWS]),
    ]
    made = helper.make_graph(nodes, "odd", inputs, outputs, constants)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    content: bytes = model.SerializeToString()
    return content


def always(value: float) -> Any:
    """The same probability for every session."""

    def write(nodes: list[onnx.NodeProto], constants: list[onnx.TensorProto]) -> None:
        constants += [
            numpy_helper.from_array(np.array(value, np.float32), "level"),
            numpy_helper.from_array(np.array([1], np.int64), "axis"),
        ]
        nodes += [
            helper.make_node("ReduceSum", ["features", "axis"], ["sums"], keepdims=0),
            helper.make_node("Mul", ["sums", "zero"], ["zeros"]),
            helper.make_node("Add", ["zeros", "level"], ["probability"]),
        ]

    return write


def by_feature(nodes: list[onnx.NodeProto], constants: list[onnx.TensorProto]) -> None:
    constants.append(numpy_helper.from_array(np.array(LEVEL, np.float32), "level"))
    nodes += [
        helper.make_node("Mul", ["features", "zero"], ["zeros"]),
        helper.make_node("Add", ["zeros", "level"], ["probability"]),
    ]


def one_alone(nodes: list[onnx.NodeProto], constants: list[onnx.TensorProto]) -> None:
    """One probability, however many sessions there are."""
    constants.append(numpy_helper.from_array(np.array([LEVEL], np.float32), "level"))
    nodes.append(helper.make_node("Identity", ["level"], ["probability"]))


def folder_of(tmp_path: Path, content: bytes, **changes: Any) -> Path:
    folder = registry_of(tmp_path / "models", "m1", "odd")
    (folder / "odd" / "model.onnx").write_bytes(content)
    file = folder / "odd" / "manifest.json"
    known = msgspec.json.decode(file.read_bytes())
    changes = {"sha256": hashlib.sha256(content).hexdigest(), "reference_probability": LEVEL, **changes}
    file.write_bytes(msgspec.json.encode(known | changes))
    return folder


@pytest.mark.parametrize(
    ("content", "changes", "reason"),
    [
        pytest.param(graph(always(float("nan"))), {}, "it gives nan where a probability is from 0 to 1", id="NaN"),
        pytest.param(graph(always(float("inf"))), {}, "it gives inf where a probability is from 0 to 1", id="infinite"),
        pytest.param(graph(always(5e9)), {}, "it gives 5e+09 where a probability is from 0 to 1", id="too much"),
        pytest.param(graph(always(-0.1)), {}, "it gives -0.1 where", id="negative"),
        pytest.param(
            graph(by_feature, shape=("batch", ROWS)), {}, "its probability has the shape [1, 17]", id="by feature"
        ),
        pytest.param(
            graph(one_alone, shape=("n",)), {}, "its probability has the shape [1] for 4 sessions", id="one for all"
        ),
        pytest.param(
            graph(always(LEVEL)),
            {"reference_probability": 0.4},
            "it gives the reference session 0.25, its manifest says 0.4",
            id="another model's manifest",
        ),
        pytest.param(graph(always(LEVEL), reasons=0.1), {}, "it gives reasons for the reference session", id="reasons"),
        pytest.param(graph(always(LEVEL), reasons=float("nan")), {}, "reasons that are no numbers", id="NaN reasons"),
        pytest.param(graph(always(LEVEL)), {"threshold": 1.5}, "threshold 1.5", id="threshold"),
        pytest.param(graph(always(LEVEL)), {"bands": [0.6, 0.3]}, "bands from 0.6 and 0.3", id="bands"),
    ],
)
def test_an_unfit_graph_is_refused_and_never_promoted(
    tmp_path: Path, content: bytes, changes: dict[str, Any], reason: str
) -> None:
    folder = folder_of(tmp_path, content, **changes)
    with pytest.raises(RegistryError, match="cannot be used") as caught:
        registry.promote(folder, "odd")
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
    assert registry.current(folder) == "m1"


def test_a_graph_that_answers_as_its_manifest_states_is_taken(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, graph(always(LEVEL)))
    registry.promote(folder, "odd")
    assert registry.load(folder).score(np.zeros((2, ROWS), np.float32)).probability.tolist() == [LEVEL, LEVEL]


class Unexplained(ConstantModel):
    """Gives a session with pages another probability than one without, and no reason for it."""

    def score(self, rows: np.ndarray) -> Scores:
        scores = super().score(rows)
        scores.probability[rows[:, 4] > 0] = 0.4
        return scores


def test_reasons_must_add_up() -> None:
    accept(ConstantModel(0.25))
    with pytest.raises(UnfitModelError, match=r"its reasons are 0.15 away from adding up"):
        accept(Unexplained(0.25))


def external(where: str) -> bytes:
    """The graph with a tensor whose data is in another file: of the graph, of a node, or of a graph within a node."""
    tensor = TensorProto(name="far", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="../weights.bin")
    model = onnx.load_from_string(graph(always(LEVEL)))
    if where == "initializer":
        model.graph.initializer.append(tensor)
    elif where == "node":
        model.graph.node.append(helper.make_node("Constant", [], ["far"], value=tensor))
    else:
        inner = helper.make_graph([], "inner", [], [], [tensor])
        model.graph.node.append(helper.make_node("If", ["zero"], ["far"], then_branch=inner, else_branch=inner))
    content: bytes = model.SerializeToString()
    return content


@pytest.mark.parametrize("where", ["initializer", "node", "branch"])
def test_data_outside_the_graph_is_refused(tmp_path: Path, where: str) -> None:
    content = external(where)
    (tmp_path / "weights.bin").write_bytes(np.array([LEVEL], np.float32).tobytes())
    assert set(external_tensors(content)) == {"far"}
    with pytest.raises(RegistryError, match=r"the data of far.* lies in another file") as caught:
        registry.load(folder_of(tmp_path, content), "odd")
    assert "\n" not in str(caught.value)


def test_the_shipped_graph_holds_its_data() -> None:
    assert external_tensors(registry.graph_of(registry.SHIPPED, registry.current())) == []


@pytest.mark.parametrize(
    "content", [b"\x3a\xff", b"\x3a", b"\x0f", b"\x80" * 11, b"\x3a\x02\x3a\x05"], ids=lambda content: content.hex()
)
def test_bytes_that_are_no_message_are_an_error(content: bytes) -> None:
    with pytest.raises(WireError):
        external_tensors(content)
