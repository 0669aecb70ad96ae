"""Training as a user runs it: a file in; versions in a registry, a report and figures out."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from scoring import registry
from scoring.features import NAMES
from scoring.training.encoding import CODES
from scoring.training.load import load
from scoring.training.metrics import best_f1
from scoring.training.split import split
from tests.support.rows import sessions, write_csv
from tests.support.uci import uci_file

pytest.importorskip("torch", reason="no PyTorch: make test-train runs the tests of training")
pytestmark = pytest.mark.train

from deploy.cli.main import app  # noqa: E402
from deploy.errors import SetupError  # noqa: E402


def train(data: Path, out: Path, *options: str) -> list[str]:
    """What `opecom train --quick` printed."""
    given = ["train", "--data", str(data), "--out", str(out), "--date", "2025-03-04", *options]
    return CliRunner().invoke(app, given, catch_exceptions=False).stdout.splitlines()


def refusal(data: Path, out: Path, *options: str) -> str:
    with pytest.raises(SetupError) as caught:
        train(data, out, "--quick", *options)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_csv(tmp_path_factory.mktemp("data") / "sessions.csv", sessions(1500))


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    folder = tmp_path_factory.mktemp("trained")
    return folder, train(data, folder / "models", "--quick", "--ablation", "--json", "--report", str(folder / "report"))


def test_the_last_line_is_the_figures(trained: tuple[Path, list[str]]) -> None:
    folder, printed = trained
    figures = json.loads(printed[-1])
    assert set(figures) == {"tracks", "model"}
    assert set(figures["tracks"]["uci"]) == {
        *("auc_mean", "auc_min", "pr_auc", "brier", "f1", "p_at_5", "p_at_10", "p_at_20", "ece"),
    }
    assert set(figures["tracks"]["live"]) == {"auc_without_page_values"}
    assert figures["model"] == registry.current(folder / "models")


def test_what_can_be_served_is_registered_and_live_is_current(trained: tuple[Path, list[str]], data: Path) -> None:
    folder, _ = trained
    versions = registry.versions(folder / "models")
    assert [version.rsplit("-", 1)[0] for version in versions] == [
        "lightgbm-uci-2025-03-04",
        "lr-reported-uci-2025-03-04",
        "lr-uci-2025-03-04",
        "tabm-live-2025-03-04",
        "tabm-reported-uci-2025-03-04",
        "tabm-uci-2025-03-04",
        "xgboost-uci-2025-03-04",
    ]
    test = split(load(data)).test
    for version in versions:
        model = registry.load(folder / "models", version)
        assert model.manifest.data_sha256 == test.sha256
        assert model.manifest.metrics["auc_test"] > 0.6
        said = model.score(test.rows.astype(np.float32)).probability.round(6) >= model.manifest.threshold
        assert model.manifest.metrics["recall_test"] == pytest.approx(said[test.bought].mean(), abs=1e-6)
        card = (folder / "models" / version / "card.md").read_text()
        assert "CC BY 4.0" in card
        assert ("have no influence" in card) == (model.manifest.track == "live")


def test_the_threshold_is_the_validation_splits(trained: tuple[Path, list[str]], data: Path) -> None:
    model = registry.load(trained[0] / "models")
    held = split(load(data)).validation
    probability = model.score(held.rows.astype(np.float32)).probability
    assert model.manifest.threshold == pytest.approx(best_f1(held.bought, probability), abs=2e-6)


def test_the_report_is_one_page_and_one_table(trained: tuple[Path, list[str]]) -> None:
    page = (trained[0] / "report" / "report.html").read_text()
    table = (trained[0] / "report" / "report.md").read_text()
    assert page.count("<svg") == 8
    assert "src=" not in page
    assert "<link" not in page
    for words in ("LightGBM, tuned", "the report&#x27;s claim", "VisitorType Other", "without page values", "Spearman"):
        assert words in page
    for version in registry.versions(trained[0] / "models"):
        assert f"<td>{version}</td>" in page
        assert f"| {version} |" in table
    for words in ("| the report's claim | 0.9230 |", "Differences from TabM", "cannot all be true", "| 16 | 0."):
        assert words in table


def test_the_same_file_and_date_give_the_same_versions(
    trained: tuple[Path, list[str]], data: Path, tmp_path: Path
) -> None:
    train(data, tmp_path, "--quick")
    for version in registry.versions(trained[0] / "models"):
        for part in ("model.onnx", "manifest.json", "card.md"):
            again, first = (folder / version / part for folder in (tmp_path, trained[0] / "models"))
            assert again.read_bytes() == first.read_bytes()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param("a,b\n1,2\n", "first line must be", id="another file"),
        pytest.param(None, "--data", id="no file"),
    ],
)
def test_a_refusal_is_one_line_and_writes_nothing(tmp_path: Path, content: str | None, message: str) -> None:
    file = tmp_path / "s.csv"
    if content is not None:
        file.write_text(content)
    assert message in refusal(file, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_table_whose_code_columns_are_zero_trains(tmp_path: Path) -> None:
    """As `/admin/export` writes them for a site whose server enriches nothing."""
    given = sessions(400)
    places = [NAMES.index(name) for name in CODES]
    given.rows[:, places] = 0
    printed = train(write_csv(tmp_path / "export.csv", given), tmp_path / "models", "--quick")
    values = ", ".join(f"{name} (0)" for name in CODES)
    assert (
        sum(line.endswith(f"left out, as all training sessions have one value there: {values}") for line in printed)
        == 1
    )
    assert len(registry.versions(tmp_path / "models")) == 7
    for version in registry.versions(tmp_path / "models"):
        assert "left out" in (tmp_path / "models" / version / "card.md").read_text()
        model = registry.load(tmp_path / "models", version)
        rows = given.rows[:5].astype(np.float32)
        before = model.score(rows).probability
        rows[:, places] = 3
        assert (model.score(rows).probability == before).all()


def test_too_few_buyers_are_refused(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "few.csv", sessions(30))
    assert "of each kind" in refusal(file, tmp_path / "out")


def test_a_place_that_cannot_be_written_is_refused(data: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert f"cannot write {tmp_path / 'file' / 'models'}/tabm-live-" in refusal(data, tmp_path / "file" / "models")
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.long
def test_the_study_on_uci_meets_its_targets(tmp_path: Path) -> None:
    """The figures of docs/model.md; ten minutes or less on two cores."""
    figures = json.loads(train(uci_file(), tmp_path, "--json")[-1])["tracks"]
    uci = figures["uci"]
    assert uci["auc_mean"] >= 0.930
    assert uci["auc_min"] >= 0.928
    assert uci["pr_auc"] >= 0.74
    assert uci["brier"] <= 0.072
    assert uci["f1"] >= 0.65
    assert uci["p_at_5"] >= 0.89
    assert uci["p_at_10"] >= 0.745
    assert uci["p_at_20"] >= 0.575
    assert uci["ece"] <= 0.025
    assert figures["live"]["auc_without_page_values"] >= 0.765
    again, shipped = registry.load(tmp_path), registry.load()
    assert again.manifest.data_sha256 == shipped.manifest.data_sha256
    assert again.manifest.metrics["auc_test"] == pytest.approx(shipped.manifest.metrics["auc_test"], abs=0.005)
