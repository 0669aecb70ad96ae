"""Training as a user runs it: a file in, a version in a registry out."""

import os
from pathlib import Path

import numpy as np
import pytest

from scoring import registry
from scoring.training.__main__ import main
from scoring.training.load import load
from scoring.training.split import split
from scoring.training.train import train
from tests.support.rows import sessions, write_csv
from tests.support.uci import uci_file


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_csv(tmp_path_factory.mktemp("data") / "sessions.csv", sessions())


def test_a_file_becomes_a_version_that_scores(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(data), "--out", str(tmp_path), "--date", "2025-03-04"]) == 0
    (version,) = registry.versions(tmp_path)
    assert version.startswith("lr-2025-03-04-")
    assert version in capsys.readouterr().out
    model = registry.load(tmp_path)
    assert model.manifest.metrics["auc_test"] > 0.7
    assert model.manifest.data_sha256 == load(data).sha256
    held = split(load(data)).test
    scores = model.score(held.rows.astype(np.float32))
    said = scores.probability.round(6) >= model.manifest.threshold
    assert model.manifest.metrics["recall_test"] == pytest.approx(said[held.bought].mean(), abs=1e-6)
    card = (tmp_path / version / "card.md").read_text()
    assert "CC BY 4.0" in card
    assert "OperatingSystems, Browser, Region, TrafficType have no influence" in card


def test_the_same_file_and_date_give_the_same_version(data: Path, tmp_path: Path) -> None:
    first, second = (train(data, tmp_path / name, "2025-03-04") for name in ("a", "b"))
    assert first.manifest == second.manifest
    for part in ("model.onnx", "manifest.json", "card.md"):
        assert (first.folder / part).read_bytes() == (second.folder / part).read_bytes()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param("a,b\n1,2\n", "first line must be", id="another file"),
        pytest.param(None, "--data", id="no file"),
    ],
)
def test_a_refusal_is_one_line_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, message: str
) -> None:
    file = tmp_path / "s.csv"
    if content is not None:
        file.write_text(content)
    assert main(["--data", str(file), "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_too_few_buyers_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write_csv(tmp_path / "few.csv", sessions(30))
    assert main(["--data", str(file), "--out", str(tmp_path / "out")]) == 1
    assert "of each kind" in capsys.readouterr().err


def test_a_place_that_cannot_be_written_is_refused(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main(["--data", str(data), "--out", str(tmp_path / "file" / "models")]) == 1
    assert "cannot write the model" in capsys.readouterr().err
    assert os.listdir(tmp_path) == ["file"]


def test_training_on_uci_gives_the_shipped_model(tmp_path: Path) -> None:
    shipped = registry.load()
    again = train(uci_file(), tmp_path, shipped.manifest.created_at)
    assert again.manifest.data_sha256 == shipped.manifest.data_sha256
    assert again.manifest.metrics["auc_test"] >= 0.88
    parts = split(load(uci_file()))
    assert [len(part.bought) for part in (parts.train, parts.validation, parts.test)] == [8631, 1233, 2466]
    rows = parts.test.rows.astype(np.float32)
    here, there = registry.load(tmp_path).score(rows), shipped.score(rows)
    # another processor's linear algebra may end in other last bits, so bytes may differ where answers do not
    np.testing.assert_allclose(here.probability, there.probability, rtol=0, atol=1e-4)
