"""TabM: its graph answers as PyTorch does, its reasons add up, and no label of another split can move its weights."""

from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
from sklearn.metrics import roc_auc_score

from scoring.features import NAMES
from scoring.training.encoding import CODES
from scoring.training.graph import without_reasons
from scoring.training.load import Sessions
from scoring.training.split import Split, split
from scoring.training.tracks import LIVE, TRACKS, UCI, Track
from tests.support.rows import sessions

pytest.importorskip("torch", reason="no PyTorch: make test-train runs the tests of training")
pytestmark = pytest.mark.train

from scoring.training.export import export  # noqa: E402
from scoring.training.fit import QUICK, FittedTabM, fit_tabm, weights_sha256  # noqa: E402

WORDS = ["Month", "VisitorType", *CODES]


@pytest.fixture(scope="module")
def parts() -> Split:
    return split(sessions())


@pytest.fixture(scope="module", params=TRACKS, ids=[track.name for track in TRACKS])
def track(request: pytest.FixtureRequest) -> Track:
    found: Track = request.param
    return found


@pytest.fixture(scope="module")
def fitted(parts: Split, track: Track) -> FittedTabM:
    return fit_tabm(parts, track, seed=0, pace=QUICK)


@pytest.fixture(scope="module")
def graph(fitted: FittedTabM, parts: Split) -> bytes:
    return export(fitted, parts.test)


def run(graph: bytes, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    session = onnxruntime.InferenceSession(graph)
    probability, reasons = session.run(["probability", "reasons"], {"features": rows.astype(np.float32)})
    return probability.astype(np.float64), reasons.astype(np.float64)


def test_it_has_learned(fitted: FittedTabM, parts: Split) -> None:
    probability = fitted.probability(parts.test.rows)
    assert probability[parts.test.bought].mean() > 2 * probability[~parts.test.bought].mean()


def test_probabilities_agree_with_pytorch(graph: bytes, fitted: FittedTabM, parts: Split) -> None:
    probability, _ = run(graph, parts.test.rows)
    assert np.abs(probability - fitted.probability(parts.test.rows)).max() <= 1e-6


def test_numbers_outside_the_training_range_count_as_its_ends(graph: bytes, fitted: FittedTabM) -> None:
    rows = sessions(200, seed=2).rows
    rows[:, :10] = sessions().rows[:, :10].max(axis=0)
    farther = rows.copy()
    farther[:, :10] *= 50
    assert np.abs(run(graph, farther)[0] - fitted.probability(farther)).max() <= 1e-6
    np.testing.assert_allclose(run(graph, farther)[0], run(graph, rows)[0], rtol=0, atol=1e-6)


@pytest.mark.parametrize("word", WORDS)
def test_unknown_words_are_a_zero_one_hot(graph: bytes, fitted: FittedTabM, word: str) -> None:
    codes = [0, 21, 22, 99, 10_000]
    rows = np.repeat(sessions(20, seed=3).rows, len(codes), axis=0)
    rows[:, NAMES.index(word)] = np.tile(codes, 20)
    probability, reasons = run(graph, rows)
    assert np.abs(probability - fitted.probability(rows)).max() <= 1e-6
    for block in (probability, reasons[:, NAMES.index(word)]):
        assert np.ptp(block.reshape(20, len(codes)), axis=1).max() <= 1e-6


def test_every_word_answers_as_in_pytorch(graph: bytes, fitted: FittedTabM) -> None:
    rows = sessions(300, seed=4).rows
    draw = np.random.default_rng(4)
    for word in WORDS:
        rows[:, NAMES.index(word)] = draw.integers(0, 25, len(rows))
    assert np.abs(run(graph, rows)[0] - fitted.probability(rows)).max() <= 1e-6


def test_the_live_track_takes_no_notice_of_the_unpublished_codes(graph: bytes, track: Track, parts: Split) -> None:
    others = parts.test.rows.copy()
    places = [NAMES.index(name) for name in CODES]
    others[:, places] = np.random.default_rng(5).integers(0, 10_000, (len(others), len(places)))
    same = np.array_equal(run(graph, others)[0], run(graph, parts.test.rows)[0])
    assert same == (track is LIVE)


def test_reasons_sum_to_the_distance_from_the_reference(graph: bytes, fitted: FittedTabM, parts: Split) -> None:
    probability, reasons = run(graph, parts.test.rows)
    distance = probability - fitted.probability(np.array([fitted.reference]))[0]
    assert np.abs(reasons.sum(axis=1) - distance).max() <= 1e-5


def test_a_feature_at_its_reference_has_no_part(graph: bytes, fitted: FittedTabM, parts: Split) -> None:
    rows = np.tile(np.array(fitted.reference), (len(NAMES), 1))
    _, reasons = run(graph, rows)
    assert not reasons.any()
    for place in range(len(NAMES)):
        rows = parts.test.rows[:50].copy()
        rows[:, place] = fitted.reference[place]
        assert not run(graph, rows)[1][:, place].any()


def test_neighbours_of_the_reference_have_finite_reasons(graph: bytes, fitted: FittedTabM) -> None:
    rows = np.tile(np.array(fitted.reference), (40, 1))
    rows[1:, 5] += np.geomspace(1e-4, 10, 39)
    probability, reasons = run(graph, rows)
    np.testing.assert_allclose(reasons.sum(axis=1), probability - probability[0], rtol=0, atol=1e-6)
    assert not np.delete(reasons, 5, axis=1).any()


def test_reasons_are_the_rescale_rule_computed_by_hand(graph: bytes, fitted: FittedTabM, parts: Split) -> None:
    """m1 = (h - h°)/(a - a°), m2 = (p - p°)/(l - l°), from the folded weights in float64, one network at a time."""
    front, head = fitted.fold()
    rows = parts.test.rows[:40]
    units, start = front.units(rows), front.units(np.array([fitted.reference]))[0]
    before, before_start = units @ head.hidden + head.hidden_bias, start @ head.hidden + head.hidden_bias
    through_relu = (np.maximum(before, 0) - np.maximum(before_start, 0)) / (before - before_start)
    logits = np.maximum(before, 0) @ head.out + head.out_bias
    logits_start = np.maximum(before_start, 0) @ head.out + head.out_bias
    members, members_start = 1 / (1 + np.exp(-logits)), 1 / (1 + np.exp(-logits_start))
    through_sigmoid = (members - members_start) / (logits - logits_start) / len(head.out_bias)
    slopes = ((through_sigmoid @ head.out.T) * through_relu) @ head.hidden.T
    expected = (slopes * (units - start)) @ front.owners()
    np.testing.assert_allclose(run(graph, rows)[1], expected, rtol=0, atol=2e-5)


def test_the_graph_without_reasons_gives_the_same_probability(graph: bytes, parts: Split) -> None:
    bare = onnxruntime.InferenceSession(without_reasons(graph))
    (probability,) = bare.run(None, {"features": parts.test.rows.astype(np.float32)})
    assert [output.name for output in bare.get_outputs()] == ["probability"]
    np.testing.assert_allclose(probability, run(graph, parts.test.rows)[0], rtol=0, atol=1e-7)


def test_only_standard_operators_that_browsers_run(graph: bytes) -> None:
    model = onnx.load_from_string(graph)
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 17)]
    assert {node.op_type for node in model.graph.node} == {
        *("Clip", "Mul", "Add", "Log", "Gemm", "Relu", "Sigmoid", "ReduceMean", "Squeeze"),
        *("Sub", "Abs", "Less", "Div", "Where", "Max", "Min", "MatMul"),
    }
    assert len(graph) < 600_000


def test_the_same_seed_gives_the_same_weights_and_another_others(parts: Split) -> None:
    first, again, other = (weights_sha256(fit_tabm(parts, UCI, seed, pace=QUICK).network) for seed in (3, 3, 4))
    assert first == again != other


def test_poisoned_test_labels_leave_the_weights_unchanged(parts: Split, track: Track, fitted: FittedTabM) -> None:
    poisoned = replace(parts, test=Sessions(parts.test.rows * 7, ~parts.test.bought, ""))
    assert weights_sha256(fit_tabm(poisoned, track, 0, pace=QUICK).network) == weights_sha256(fitted.network)


def test_shuffled_training_labels_teach_nothing() -> None:
    parts = split(sessions(8000))
    shuffled = np.random.default_rng(1).permutation(parts.train.bought)
    learned = fit_tabm(replace(parts, train=replace(parts.train, bought=shuffled)), UCI, 0, pace=QUICK)
    assert 0.45 <= roc_auc_score(parts.test.bought, learned.probability(parts.test.rows)) <= 0.55


def test_a_number_that_never_varies_is_no_obstacle() -> None:
    given = sessions(600)
    given.rows[:, NAMES.index("SpecialDay")] = 0
    parts = split(given)
    fitted = fit_tabm(parts, UCI, 0, pace=QUICK)
    rows = parts.test.rows.copy()
    rows[:, NAMES.index("SpecialDay")] = 0.5
    np.testing.assert_allclose(run(export(fitted, parts.test), rows)[0], fitted.probability(rows), rtol=0, atol=1e-6)
