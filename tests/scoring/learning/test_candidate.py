"""A learned model in a registry: found whole, never promoted, with a card and a report that needs nothing else."""

import errno
import re
from pathlib import Path

import numpy as np
import pytest

from scoring import registry
from scoring.folder import RegistryError
from scoring.learning.candidate import register_candidate
from scoring.learning.choose import LearnedModel, learn
from scoring.learning.curve import every_session, learning_curve
from scoring.learning.figures import METRICS, NUMBERS, measured
from scoring.learning.report import LearningWindow
from scoring.learning.split import split_by_time
from scoring.manifest import FittedWindow
from scoring.training.metrics import measure
from tests.support.learning import drawn_rows, shipped

WINDOW = LearningWindow("shop", 0, 86_400_000)


@pytest.fixture(scope="module")
def learned() -> LearnedModel:
    return learn(drawn_rows(1_200), shipped(), cost_limit=100)


def test_a_candidate_is_registered_beside_the_one_in_force(learned: LearnedModel, tmp_path: Path) -> None:
    registry.seed(tmp_path)
    before = registry.current(tmp_path)
    rows = drawn_rows(1_200)
    found = register_candidate(learned, WINDOW, rows.sha256(), "2026-11-29", tmp_path)
    assert registry.current(tmp_path) == before
    model = registry.load(tmp_path, found.manifest.version)
    assert re.fullmatch(r"recalibrated-shop-2026-11-29-[0-9a-f]{8}", model.manifest.version)
    assert (model.manifest.contract_version, model.manifest.data_sha256) == (2, rows.sha256())
    assert model.manifest.training_shop is not None
    assert model.manifest.training_shop.site == "shop"
    newest = split_by_time(rows).test
    assert model.manifest.fitted_on == FittedWindow(since=0, until=int(newest.opened_at.min()), site="shop")
    assert {"log_loss_validation", "auc_test", "ece_3_test"} <= model.manifest.metrics.keys()
    card = registry.card(tmp_path, found.manifest.version)
    assert rows.sha256() in card
    assert max(map(len, card.splitlines())) <= 120
    assert "<svg" in found.report
    assert not re.search(r"(?:src|href)=|https?://|<script", found.report)
    assert all(
        name in found.report
        for name in ("live scores", "constant rate", rows.sha256(), "event 5:", "Seeds", "Learning curve")
    )


@pytest.mark.parametrize("full_at", ["model.onnx", "manifest.json"])
def test_of_a_disk_that_is_full_there_is_one_line_and_no_version(
    full_at: str, learned: LearnedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.seed(tmp_path)
    versions, write = registry.versions(tmp_path), Path.write_bytes

    def write_half(file: Path, content: bytes) -> int:
        if full_at in file.name:
            write(file, content[: len(content) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, content)

    with monkeypatch.context() as full:
        full.setattr(Path, "write_bytes", write_half)
        with pytest.raises(RegistryError, match=f"cannot write .*{full_at}: No space left on device") as refused:
            register_candidate(learned, WINDOW, "rows", "2026-11-29", tmp_path)
    assert "\n" not in str(refused.value)
    assert registry.versions(tmp_path) == versions
    assert not [file for file in tmp_path.rglob("*") if full_at in file.name and file.parent.name not in versions]
    # Once there is room it is registered whole.
    found = register_candidate(learned, WINDOW, "rows", "2026-11-29", tmp_path)
    assert registry.load(tmp_path, found.manifest.version).manifest == found.manifest


def test_the_learning_curve_ends_with_the_fit_on_all_training_days(learned: LearnedModel) -> None:
    curve = learning_curve(learned.validated, learned.parts)
    sessions = learned.parts.train.sessions()
    assert [at.sessions for at in curve] == [-(-sessions // 8), -(-sessions // 4), -(-sessions // 2), sessions]
    assert curve[-1].buyers == learned.parts.train.purchases()
    assert curve[-1].loss.value == pytest.approx(learned.chosen.loss)
    assert all(at.loss.low < at.loss.value < at.loss.high for at in curve)
    assert learning_curve(learned.validated, learned.parts) == curve


def test_a_part_has_whole_sessions_from_the_first_to_the_last_day() -> None:
    rows = drawn_rows(100)
    shuffled = rows.take(np.argsort(rows.session * 7 % 101, kind="stable"))
    for given in (rows, shuffled):
        parts = {every: given.take(every_session(given, every)) for every in (4, 8)}
        assert [part.sessions() for part in parts.values()] == [25, 13]
        assert set(parts[8].session) < set(parts[4].session)
        for part in parts.values():
            assert len(part) == np.isin(given.session, part.session).sum()
    assert sorted(set(rows.take(every_session(rows, 8)).session.tolist())) == list(range(0, 100, 8))


def test_figures_are_those_of_scikit_learn() -> None:
    rows = drawn_rows(800)
    at = next(each for each in measured(rows, {"live": rows.live}, 20) if each.number == 3)
    chosen = rows.events == 3
    expected = measure(rows.bought[chosen], rows.live[chosen], 0.5)
    found = at.figures["live"]
    assert {name: found[name].value for name in METRICS} == pytest.approx(
        {name: expected[name] for name in METRICS}, abs=0.03
    )
    for name in ("auc", "pr_auc", "log_loss", "brier", "ece"):
        assert found[name].value == pytest.approx(expected[name], abs=1e-9)
        assert found[name].low <= found[name].value <= found[name].high or name == "ece"


def test_each_number_of_events_is_looked_at_where_sessions_have_it() -> None:
    rows = drawn_rows(400)
    found = measured(rows, {"constant": np.full(len(rows), 0.1)}, 5)
    assert [each.number for each in found] == [number for number in NUMBERS if number in (0, 1, 3, 5)]
    assert found[0].sessions == found[-1].sessions == 400
    assert found[0].figures["constant"]["auc"].value == 0.5
