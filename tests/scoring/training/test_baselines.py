"""The baselines' graphs answer as the libraries that fitted them do, give reasons, and are served like any model."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import pytest
from sklearn.metrics import roc_auc_score

from ingest.events import UseModel
from scoring import registry
from scoring.features import NAMES, model_input
from scoring.onnx import session
from scoring.training.encoding import CODES, TRUTH
from scoring.training.export import Exportable, export
from scoring.training.graph import without_reasons
from scoring.training.load import Sessions, load
from scoring.training.shapley import agreement
from scoring.training.split import Split, split
from scoring.training.tracks import UCI
from stream.publish import ListRecordPublisher
from stream.scored import decode
from tests.support.events import NOON, event
from tests.support.fakes import TOPICS, FakeClient, FakeLog, worker_on
from tests.support.log import log_of
from tests.support.rows import sessions
from tests.support.uci import uci_file

pytest.importorskip("torch", reason="no PyTorch: make test-train runs the tests of training")
pytestmark = pytest.mark.train

from scoring.training.as_reported import fit_logistic_as_reported, fit_xgboost  # noqa: E402
from scoring.training.register import Candidate, register  # noqa: E402
from scoring.training.reported_tabm import fit_tabm_as_reported  # noqa: E402
from scoring.training.rival import fit_lightgbm  # noqa: E402
from scoring.training.study import Servable, judge  # noqa: E402

WORDS = ["Month", "VisitorType", *CODES]
FITS: dict[str, Callable[[Split], Exportable]] = {
    "xgboost": lambda parts: fit_xgboost(parts.train),
    "lightgbm": partial(fit_lightgbm, grid=((31, 20, 0.8),)),
    "tabm-reported": partial(fit_tabm_as_reported, seed=0, epochs=1),
    "lr-reported": lambda parts: fit_logistic_as_reported(parts.train),
}
#: Runs of the model beyond its own, for one session.
MIXED = {"xgboost": 64, "lightgbm": 64, "tabm-reported": 32, "lr-reported": 32}
TREES = {"xgboost", "lightgbm"}


@pytest.fixture(scope="module")
def parts() -> Split:
    return split(sessions())


@pytest.fixture(scope="module", params=FITS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def fitted(kind: str, parts: Split) -> Exportable:
    return FITS[kind](parts)


@pytest.fixture(scope="module")
def graph(fitted: Exportable, parts: Split) -> bytes:
    return export(fitted, parts.test)


def reasons_of(graph: bytes, rows: np.ndarray) -> np.ndarray:
    (reasons,) = session(graph).run(["reasons"], {"features": rows.astype(np.float32)})
    return np.asarray(reasons, np.float64)


def scored(graph: bytes, rows: np.ndarray) -> np.ndarray:
    """Probabilities by the graph that gives nothing else."""
    (probability,) = session(without_reasons(graph)).run(None, {"features": rows.astype(np.float32)})
    return np.asarray(probability, np.float64)


def test_it_has_learned(graph: bytes, parts: Split) -> None:
    assert roc_auc_score(parts.test.bought, scored(graph, parts.test.rows)) > 0.6


def test_values_of_the_training_sessions_in_new_company(graph: bytes, fitted: Exportable, parts: Split) -> None:
    """Thresholds lie on such values: XGBoost's are among them, LightGBM's halfway between two."""
    draw = np.random.default_rng(6)
    rows = np.column_stack([draw.permutation(column) for column in parts.train.rows.T])
    assert np.abs(scored(graph, rows) - fitted.probability(rows)).max() <= 1e-6


@pytest.mark.parametrize("word", WORDS)
def test_unknown_words_are_a_zero_one_hot(graph: bytes, fitted: Exportable, word: str) -> None:
    codes = [0, 21, 32, 33, 64, 99, 10_000]
    rows = np.repeat(sessions(20, seed=3).rows, len(codes), axis=0)
    rows[:, NAMES.index(word)] = np.tile(codes, 20)
    assert np.abs(scored(graph, rows) - fitted.probability(rows)).max() <= 1e-6
    for block in (scored(graph, rows), reasons_of(graph, rows)[:, NAMES.index(word)]):
        assert np.ptp(block.reshape(20, len(codes)), axis=1).max() <= 1e-6


def test_every_word_answers_as_in_the_library(graph: bytes, fitted: Exportable) -> None:
    rows = sessions(500, seed=4).rows
    draw = np.random.default_rng(4)
    for word in WORDS:
        rows[:, NAMES.index(word)] = draw.integers(0, 25, len(rows))
    rows[:, NAMES.index(TRUTH)] = draw.integers(0, 2, len(rows))
    assert np.abs(scored(graph, rows) - fitted.probability(rows)).max() <= 1e-6


def test_reasons_are_the_mean_differences_along_the_orders(
    graph: bytes, fitted: Exportable, kind: str, parts: Split
) -> None:
    rows, expected = parts.test.rows[:40], np.zeros((40, len(NAMES)))
    contract = list(range(len(NAMES)))
    orders = [contract, contract[::-1]]
    if kind in TREES:
        orders += [contract[::2] + contract[1::2], (contract[::2] + contract[1::2])[::-1]]
    for order in orders:
        steps = np.tile(fitted.reference, (len(rows), len(NAMES) + 1, 1))
        for place, feature in enumerate(order, 1):
            steps[:, place:, feature] = rows[:, feature, None]
        worth = fitted.probability(steps.reshape(-1, len(NAMES))).reshape(len(rows), -1)
        expected[:, order] += np.diff(worth, axis=1) / len(orders)
    np.testing.assert_allclose(reasons_of(graph, rows), expected, rtol=0, atol=2e-6)


def test_reasons_sum_to_the_distance_from_the_reference(graph: bytes, fitted: Exportable, parts: Split) -> None:
    distance = fitted.probability(parts.test.rows) - fitted.probability(np.array([fitted.reference]))[0]
    assert np.abs(reasons_of(graph, parts.test.rows).sum(axis=1) - distance).max() <= 1e-5


def test_a_feature_at_its_reference_has_no_part(graph: bytes, fitted: Exportable, parts: Split) -> None:
    assert not reasons_of(graph, np.array([fitted.reference])).any()
    for place in range(len(NAMES)):
        rows = parts.test.rows[:50].copy()
        rows[:, place] = fitted.reference[place]
        assert not reasons_of(graph, rows)[:, place].any()


@pytest.mark.parametrize("value", [np.inf, 3e38, -5.0, -np.inf], ids=str)
def test_a_number_out_of_range_gives_a_probability(graph: bytes, value: float) -> None:
    rows = np.tile(sessions(1).rows, (len(NAMES), 1))
    np.fill_diagonal(rows, value)
    assert np.isfinite(scored(graph, rows)).all()
    assert np.isfinite(reasons_of(graph, rows)).all()


def test_only_trees_go_beyond_standard_operators(graph: bytes, kind: str) -> None:
    model = onnx.load_from_string(graph)
    domains = {opset.domain: opset.version for opset in model.opset_import}
    assert domains == {"": 17, "op-ecom": 1} | ({"ai.onnx.ml": 5} if kind in TREES else {})
    [function] = model.functions
    foreign = {node.op_type for node in function.node if node.domain}
    assert foreign == ({"TreeEnsemble"} if kind in TREES else set())
    assert {node.op_type for node in model.graph.node if not node.domain} == {
        *("Squeeze", "Unsqueeze", "Where", "Reshape", "Concat", "Mul", "Gemm", "Equal"),
    }
    assert len(graph) < 500_000


@pytest.fixture(scope="module")
def registered(
    kind: str, fitted: Exportable, graph: bytes, parts: Split, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    """A registry with the shipped model as its current one and this one beside it; its version."""
    folder = tmp_path_factory.mktemp("models")
    shipped = registry.load()
    registry.add(folder, registry.graph_of(registry.SHIPPED, shipped.manifest.version), shipped.manifest, "")
    model = Servable(kind, UCI, fitted, judge(parts, fitted.probability))
    return folder, register(Candidate(model, graph, ()), parts, folder, "2025-03-04", "").manifest.version


def test_it_is_served_as_any_model(registered: tuple[Path, str], fitted: Exportable, kind: str, parts: Split) -> None:
    folder, version = registered
    model, rows = registry.load(folder, version), parts.test.rows
    scores = model.score(rows.astype(np.float32))
    assert version.startswith(f"{kind}-uci-2025-03-04-")
    assert np.abs(scores.probability - fitted.probability(rows)).max() <= 1e-6
    distance = scores.probability - model.manifest.reference_probability
    assert np.abs(scores.reasons.astype(np.float64).sum(axis=1) - distance).max() <= 1e-5
    said = scores.probability.round(6) >= model.manifest.threshold
    assert model.manifest.metrics["precision_test"] == pytest.approx(parts.test.bought[said].mean(), abs=1e-6)
    card = " ".join(registry.card(folder, version).split())
    assert f"({MIXED[kind]} more runs of the model for each score)" in card
    assert ("ai.onnx.ml" in card) == (kind in TREES)


async def test_a_worker_takes_it_at_the_offset_of_its_promotion(registered: tuple[Path, str]) -> None:
    folder, version = registered
    shipped, records = registry.current(folder), ListRecordPublisher()
    log = FakeLog({0: log_of([event(1, NOON), UseModel(version), event(2, NOON + 1000), UseModel(shipped)])})
    worker, client = worker_on(log, records, models=partial(registry.load, folder)), FakeClient(log)
    await worker.claim({0}, client)
    while not client.done(worker):
        await worker.round({0: client.fetch(0, 10)}, client)
    told = [decode(record.value) for record in records.topics[TOPICS.scored]]
    assert [(each.event.offset, each.model_version) for each in told] == [(0, shipped), (2, version)]
    scores = registry.load(folder, version).score(np.array([model_input(told[1].features)], np.float32))
    assert told[1].probability == pytest.approx(scores.probability[0], abs=1e-6)
    assert TOPICS.dead not in records.topics


@pytest.mark.parametrize("name", sorted(TREES))
def test_on_uci_trees_answer_as_the_library_and_their_reasons_are_near_shapley_values(name: str) -> None:
    """Real sessions have far more equal values than drawn ones, and the models of docs/model.md are of these."""
    parts = split(load(uci_file()))
    fitted = FITS[name](parts)
    graph = fitted.graph()
    for part in (parts.train, parts.validation, parts.test):
        assert np.abs(scored(graph, part.rows) - fitted.probability(part.rows)).max() <= 1e-6
    assert agreement(graph, parts.test.rows[:60], np.array(fitted.reference)) >= 0.85


def test_no_split_lies_between_two_numbers_that_are_one_in_float32(parts: Split) -> None:
    """As sums have that were added in another order; here they tell who buys."""
    place = NAMES.index("ExitRates")

    def with_revealed_label(given: Sessions) -> Sessions:
        rows = given.rows.copy()
        rows[:, place] = np.where(given.bought == 1, 0.028571429 + 1e-12, 0.028571429)
        return Sessions(rows, given.bought, given.sha256)

    same = Split(*map(with_revealed_label, (parts.train, parts.validation, parts.test)))
    export(fit_lightgbm(same, grid=((7, 20, 1.0),)), same.test)
