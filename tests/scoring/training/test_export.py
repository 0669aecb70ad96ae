"""The graph answers as the fitted pipeline does, and its reasons follow the rescale rule."""

from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest

from scoring.features import NAMES
from scoring.training.encoding import CODES
from scoring.training.export import ExportError, check, export
from scoring.training.graph import build, without_reasons
from scoring.training.heads import LinearHead
from scoring.training.logistic import FittedLogistic, fit_logistic
from scoring.training.split import Split, split
from scoring.training.tracks import LIVE, UCI
from tests.support.rows import sessions

MONTH, VISITOR = NAMES.index("Month"), NAMES.index("VisitorType")


@pytest.fixture(scope="module")
def parts() -> Split:
    return split(sessions())


@pytest.fixture(scope="module")
def fitted(parts: Split) -> FittedLogistic:
    return fit_logistic(parts.train, LIVE)


@pytest.fixture(scope="module")
def graph(fitted: FittedLogistic, parts: Split) -> bytes:
    return export(fitted, parts.test)


def run(graph: bytes, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    session = onnxruntime.InferenceSession(graph)
    probability, reasons = session.run(["probability", "reasons"], {"features": rows.astype(np.float32)})
    return probability.astype(np.float64), reasons.astype(np.float64)


def test_the_split_is_stratified(parts: Split) -> None:
    assert [len(part.bought) for part in (parts.train, parts.validation, parts.test)] == [2100, 300, 600]
    shares = [part.bought.mean() for part in (parts.train, parts.validation, parts.test)]
    assert max(shares) - min(shares) < 0.005


def test_probabilities_agree_with_scikit_learn(graph: bytes, fitted: FittedLogistic, parts: Split) -> None:
    probability, _ = run(graph, parts.test.rows)
    assert np.abs(probability - fitted.probability(parts.test.rows)).max() <= 1e-6


def test_numbers_outside_the_training_range_count_as_its_ends(graph: bytes, fitted: FittedLogistic) -> None:
    rows = sessions(200, seed=2).rows
    rows[:, :10] *= 50
    probability, _ = run(graph, rows)
    assert np.abs(probability - fitted.probability(rows)).max() <= 1e-6


def test_reasons_are_each_features_part_of_the_logit_rescaled(
    graph: bytes, fitted: FittedLogistic, parts: Split
) -> None:
    rows, reference = parts.test.rows, np.array([fitted.reference])
    logit, logit_reference = fitted.pipeline.decision_function(rows), fitted.pipeline.decision_function(reference)[0]
    rise = fitted.probability(rows) - fitted.probability(reference)[0]
    rescale = rise / (logit - logit_reference)
    _, reasons = run(graph, rows)
    for feature in range(len(NAMES)):
        without = rows.copy()
        without[:, feature] = reference[0, feature]
        part = logit - fitted.pipeline.decision_function(without)
        np.testing.assert_allclose(reasons[:, feature], part * rescale, rtol=1e-3, atol=1e-6)


def test_reasons_sum_to_the_distance_from_the_reference(graph: bytes, fitted: FittedLogistic, parts: Split) -> None:
    probability, reasons = run(graph, parts.test.rows)
    distance = probability - fitted.probability(np.array([fitted.reference]))[0]
    assert np.abs(reasons.sum(axis=1) - distance).max() <= 1e-5


def test_the_reference_and_its_neighbours_have_finite_reasons(graph: bytes, fitted: FittedLogistic) -> None:
    rows = np.tile(np.array(fitted.reference), (40, 1))
    rows[1:, 5] += np.geomspace(1e-4, 10, 39)  # logits from 0 through the guarded distance and beyond
    probability, reasons = run(graph, rows)
    np.testing.assert_allclose(reasons[0], 0, atol=1e-6)
    assert np.isfinite(reasons).all()
    np.testing.assert_allclose(reasons.sum(axis=1), probability - probability[0], rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("place", "codes"),
    [
        pytest.param(MONTH, [0, 1, 4, 13, 14, 99], id="Month: unknown, not in the data, above the vocabulary"),
        pytest.param(VISITOR, [0, 4, 5, 1000], id="VisitorType: unknown, above the vocabulary"),
    ],
)
def test_unknown_words_are_a_zero_one_hot(graph: bytes, fitted: FittedLogistic, place: int, codes: list[int]) -> None:
    rows = np.repeat(sessions(20, seed=3).rows, len(codes), axis=0)
    rows[:, place] = np.tile(codes, 20)
    probability, reasons = run(graph, rows)
    assert np.abs(probability - fitted.probability(rows)).max() <= 1e-6
    for block in (probability, reasons[:, place]):
        assert np.ptp(block.reshape(20, len(codes)), axis=1).max() <= 1e-6


def test_every_word_answers_as_in_the_pipeline(graph: bytes, fitted: FittedLogistic) -> None:
    rows = np.tile(np.array(fitted.reference), (60, 1))
    rows[:, MONTH], rows[:, VISITOR] = np.tile(np.arange(15), 4), np.repeat(np.arange(4), 15)
    probability, _ = run(graph, rows)
    assert np.abs(probability - fitted.probability(rows)).max() <= 1e-6


def test_codes_that_the_track_may_know_count(parts: Split) -> None:
    known = fit_logistic(parts.train, UCI)
    graph = export(known, parts.test)
    rows = np.repeat(parts.test.rows[:1], 25, axis=0)
    rows[:, NAMES.index("TrafficType")] = np.arange(25)
    probability, reasons = run(graph, rows)
    assert np.abs(probability - known.probability(rows)).max() <= 1e-6
    assert len(np.unique(reasons[:, NAMES.index("TrafficType")].round(6))) > 10
    np.testing.assert_allclose(probability[21:], probability[0], rtol=0, atol=1e-6)


def test_the_unpublished_codes_change_nothing(graph: bytes, parts: Split) -> None:
    probability, reasons = run(graph, parts.test.rows)
    places = [NAMES.index(name) for name in CODES]
    others = parts.test.rows.copy()
    others[:, places] = np.random.default_rng(5).integers(0, 10_000, (len(others), len(places)))
    probability_of_others, reasons_of_others = run(graph, others)
    np.testing.assert_array_equal(probability_of_others, probability)
    np.testing.assert_array_equal(reasons_of_others, reasons)
    assert not reasons[:, places].any()


def test_the_graph_without_reasons_gives_the_same_probability(graph: bytes, parts: Split) -> None:
    bare = onnxruntime.InferenceSession(without_reasons(graph))
    assert [output.name for output in bare.get_outputs()] == ["probability"]
    (probability,) = bare.run(None, {"features": parts.test.rows.astype(np.float32)})
    np.testing.assert_allclose(probability, run(graph, parts.test.rows)[0], rtol=0, atol=1e-7)


def test_only_standard_operators_that_browsers_run(graph: bytes) -> None:
    model = onnx.load_from_string(graph)
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 17)]
    assert {node.op_type for node in model.graph.node} == {
        *("Clip", "Mul", "Add", "Log", "Gemm", "Sigmoid", "Squeeze"),
        *("Sub", "Abs", "Less", "Div", "Where"),
    }


def test_the_same_sessions_give_the_same_bytes(graph: bytes, parts: Split) -> None:
    assert export(fit_logistic(parts.train, LIVE), parts.test) == graph


def test_a_graph_with_another_answer_is_refused(fitted: FittedLogistic, parts: Split) -> None:
    front, head = fitted.fold()
    wrong = build(front, replace(head, bias=head.bias + 1e-4), np.array(fitted.reference))
    with pytest.raises(ExportError, match="probability is off by"):
        check(wrong, fitted, parts.test.rows)


def test_a_graph_whose_reasons_do_not_sum_is_refused(fitted: FittedLogistic, parts: Split) -> None:
    front, head = fitted.fold()
    elsewhere = np.array(fitted.reference)
    elsewhere[8] = 5.0
    wrong = build(front, head, elsewhere)
    with pytest.raises(ExportError, match="sum of the reasons is off by"):
        check(wrong, fitted, parts.test.rows)


def test_a_graph_that_gives_no_number_is_refused(fitted: FittedLogistic, parts: Split) -> None:
    front, head = fitted.fold()
    wrong = build(front, LinearHead(head.weights, float("nan")), np.array(fitted.reference))
    with pytest.raises(ExportError, match="off by nan"):
        check(wrong, fitted, parts.test.rows)
