"""Graphs become programs by their operators: the same numbers as onnxruntime's, or one line that says why not."""

from collections.abc import Callable

import numpy as np
import onnx
import pytest

from scoring.browser import interpreter
from scoring.browser.program import ELEMENTWISE, BrowserExportError
from scoring.browser.rows import generated_rows
from scoring.browser.translate import program_of
from scoring.contracts import UCI
from scoring.features import NAMES
from scoring.learning.choose import learn
from scoring.onnx import session
from scoring.training.differences import draw
from scoring.training.graph import Nodes, file_of, outputs
from scoring.training.trees import LESS, Branch, Trees
from tests.support.browser_models import GraphModel, logistic_2, network_2, shipped
from tests.support.learning import drawn_rows
from tests.support.learning import shipped as base_model

COLUMNS = len(NAMES)
ROWS = generated_rows(UCI, shipped().manifest.reference_row, 300)


def written(write: Callable[[Nodes, str], str]) -> bytes:
    """A graph of contract 1 whose reasons are what `write` makes of the features, float[batch, 17]."""
    nodes = Nodes()
    reasons = write(nodes, nodes.add("Clip", ["features", nodes.constant("low", 0), nodes.constant("high", 9)], "x"))
    nodes.add("Identity", [reasons], "reasons")
    mean = nodes.add("Sigmoid", [nodes.add("ReduceMean", [reasons], "mean", axes=[1], keepdims=1)], "column")
    nodes.add("Squeeze", [mean, nodes.constant("last", [1], np.int64)], "probability")
    return file_of(nodes, outputs())


def of_one(operator: str) -> Callable[[Nodes, str], str]:
    return lambda nodes, x: nodes.add(operator, [x], "y")


def of_two(operator: str) -> Callable[[Nodes, str], str]:
    return lambda nodes, x: nodes.add(operator, [x, nodes.constant("row", np.arange(COLUMNS) / 4)], "y")


def logical(operator: str) -> Callable[[Nodes, str], str]:
    def write(nodes: Nodes, x: str) -> str:
        one = nodes.add("Greater", [x, nodes.constant("one", 1.0)], "above")
        two = nodes.add("Less", [x, nodes.constant("four", 4.0)], "below")
        made = nodes.add(operator, [one] if operator == "Not" else [one, two], "y")
        return nodes.add("Cast", [made], "z", to=onnx.TensorProto.FLOAT)

    return write


def compared(operator: str) -> Callable[[Nodes, str], str]:
    return lambda nodes, x: nodes.add(
        "Where", [nodes.add(operator, [x, nodes.constant("limit", 2.0)], "c"), x, nodes.constant("else", -1.0)], "y"
    )


def columns(nodes: Nodes, x: str) -> str:
    """The columns in another order, by Slice, Gather and Concat."""
    given = [nodes.constant(name, [at], np.int64) for name, at in (("begin", -5), ("end", 99), ("axis", 1))]
    last = nodes.add("Slice", [x, *given], "last_five")
    rest = nodes.add("Gather", [x, nodes.constant("places", [3, 0, -1, *range(2, 11)], np.int64)], "rest", axis=1)
    return nodes.add("Concat", [last, rest], "y", axis=1)


def product(nodes: Nodes, x: str) -> str:
    matrix = np.random.default_rng(2).normal(0, 0.2, (COLUMNS, COLUMNS))
    turned = nodes.add("Gemm", [x, nodes.constant("m", matrix)], "t", transB=1, alpha=0.5)
    return nodes.add("Gemm", [nodes.add("MatMul", [turned, "m"], "u"), "m", nodes.constant("b", [0.5])], "y")


def through_a_row(nodes: Nodes, x: str) -> str:
    """A number of each row as [batch], and back."""
    axis = nodes.constant("axes", [1], np.int64)
    mean = nodes.add("ReduceMean", [x], "mean_of_x", axes=[-1], keepdims=0)
    raised = nodes.add("Add", [mean, nodes.constant("raise", 1.0)], "raised")
    return nodes.add("Sub", [x, nodes.add("Unsqueeze", [raised, axis], "again")], "y")


def many(operator: str, count: int) -> Callable[[Nodes, str], str]:
    return lambda nodes, x: nodes.add(
        operator, [x, *(nodes.constant(f"c{each}", float(each)) for each in range(count))], "y"
    )


GRAPHS = {
    **{name: of_one(name) for name in ("Abs", "Exp", "Neg", "Relu", "Sigmoid", "Sqrt", "Tanh")},
    **{name: of_two(name) for name in ("Add", "Div", "Max", "Min", "Mul", "Sub")},
    **{name: logical(name) for name in ("And", "Or", "Not")},
    **{name: compared(name) for name in ("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual")},
    "Log": lambda nodes, x: nodes.add("Log", [nodes.add("Add", [x, nodes.constant("one", 1.0)], "above")], "y"),
    "IsNaN": lambda nodes, x: nodes.add("Cast", [nodes.add("IsNaN", [x], "n")], "y", to=onnx.TensorProto.FLOAT),
    "Clip": lambda nodes, x: nodes.add("Clip", [x, nodes.constant("from", 1.0), nodes.constant("to", 3.0)], "y"),
    "Where": compared("Less"),
    "Slice, Gather, Concat": columns,
    "Gemm, MatMul": product,
    "ReduceMean, Unsqueeze": through_a_row,
    "Sum of four": many("Sum", 3),
    "Max of one": many("Max", 0),
    "Min of three": many("Min", 2),
}  # fmt: skip


def test_every_operator_is_tried() -> None:
    assert set(GRAPHS) >= ELEMENTWISE
    assert set(interpreter.FUNCTIONS) == ELEMENTWISE


@pytest.mark.parametrize("name", GRAPHS)
def test_an_operator_gives_what_onnxruntime_gives(name: str) -> None:
    graph = written(GRAPHS[name])
    ours = interpreter.run(program_of(graph, COLUMNS), ROWS)
    probability, reasons = session(graph).run(["probability", "reasons"], {"features": ROWS})
    np.testing.assert_allclose(ours.reasons, reasons, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(ours.probability, probability, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("make", [shipped, network_2, logistic_2])
def test_a_model_gives_what_onnxruntime_gives(make: Callable[[], GraphModel]) -> None:
    model = make()
    rows = generated_rows(model.made_for, model.manifest.reference_row, 500, seed=5)
    ours = interpreter.run(program_of(model.graph, len(model.made_for.names)), rows)
    probability, reasons = session(model.graph).run(["probability", "reasons"], {"features": rows})
    np.testing.assert_allclose(ours.probability, probability, rtol=0, atol=1e-5)
    np.testing.assert_allclose(ours.reasons, reasons, rtol=0, atol=3e-5)


def test_weights_that_two_operators_share_are_stored_once() -> None:
    program = program_of(shipped().graph, COLUMNS)
    assert len(program.matrices) == 1
    [hidden] = program.matrices
    assert sum(hidden + 1 in each.inputs for each in program.instructions) == 2


def mixed_batch(nodes: Nodes, x: str) -> str:
    """What depends on the other rows of a batch: a column beside a vector of all rows."""
    mean = nodes.add("ReduceMean", [x], "mean_of_x", axes=[1], keepdims=0)
    square = nodes.add("MatMul", [nodes.constant("ones", np.ones((COLUMNS, 1))), x], "square")
    return nodes.add("Add", [square, mean], "y")


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        pytest.param(lambda n, x: n.add("Softmax", [x], "y", axis=1), r"does not run \(Softmax\)", id="an operator"),
        pytest.param(
            lambda n, x: n.add("Softplus", [n.add("Erf", [x], "e")], "y"), r"\(Erf, Softplus\)", id="two operators"
        ),
        pytest.param(
            lambda n, x: n.add("Sub", [x, n.add("ReduceMean", [x], "m", axes=[0], keepdims=1)], "y"),
            r"ReduceMean \(m\).*not along the columns",
            id="a mean over the batch",
        ),
        pytest.param(mixed_batch, r"MatMul \(square\)", id="a product with no constant matrix"),
        pytest.param(
            lambda n, x: n.add("Cast", [n.add("Cast", [x], "i", to=6)], "y", to=1), "Cast .*float32", id="integers"
        ),
    ],
)
def test_another_graph_is_refused_with_its_operator(write: Callable[[Nodes, str], str], expected: str) -> None:
    with pytest.raises(BrowserExportError, match=rf"{expected}.*export a network or a logistic regression") as failed:
        program_of(written(write), COLUMNS)
    assert "\n" not in str(failed.value)


def test_trees_are_refused_by_their_name() -> None:
    trees = Trees(0.25, [Branch(LESS, 0, 1.0, (), 1.0, -1.0)])
    with pytest.raises(BrowserExportError, match="decision trees"):
        program_of(draw(trees, (0.0,) * COLUMNS, pairs=1), COLUMNS)


def test_a_graph_without_reasons_is_refused() -> None:
    model = onnx.load_from_string(shipped().graph)
    model.graph.node.remove(next(node for node in model.graph.node if "reasons" in node.output))
    with pytest.raises(BrowserExportError, match="one probability and 17 reasons"):
        program_of(model.SerializeToString(), COLUMNS)


def test_a_graph_of_an_opset_to_come_is_refused() -> None:
    model = onnx.load_from_string(shipped().graph)
    model.opset_import[0].version = 99
    with pytest.raises(BrowserExportError, match="opset 99"):
        program_of(model.SerializeToString(), COLUMNS)


def test_a_model_around_another_one_runs_too() -> None:
    """The recalibrated model holds the shipped graph whole, behind columns that it takes of contract 2."""
    found = learn(drawn_rows(600), base_model(), "recalibrated").chosen
    rows = drawn_rows(200, seed=2).rows
    ours = interpreter.run(program_of(found.graph, rows.shape[1]), rows)
    probability, reasons = session(found.graph).run(["probability", "reasons"], {"features": rows})
    np.testing.assert_allclose(ours.probability, probability, rtol=0, atol=1e-5)
    np.testing.assert_allclose(ours.reasons, reasons, rtol=0, atol=3e-5)
