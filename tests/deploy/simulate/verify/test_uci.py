"""The verifying script over a database made here: equal, and then with one value changed."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from deploy.simulate.draw import draw
from deploy.simulate.rows import Row, write
from deploy.simulate.uci import session_id
from deploy.simulate.verify.uci import COLUMNS, auc, main
from scoring import registry
from scoring.features import model_input
from tests.support.verifying import GeneratedFile, is_one_line

ROWS = 60


class GeneratedRows(GeneratedFile):
    """A file of rows and a database that holds them as the worker would have scored them."""

    site, sessions = "uci~t", ROWS

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, folder / "rows.csv")
        self.version = registry.current()
        self.model = registry.SHIPPED / self.version / "model.onnx"
        rows = draw(ROWS)
        write(self.data, rows)
        scores = registry.load().score(np.array([model_input(row.features) for row in rows], np.float32)).probability
        names = ["site", "session_id", "status", "probability", "label", "model_version", *COLUMNS]
        self.table("sessions", names, [self.line(row, float(score)) for row, score in zip(rows, scores, strict=True)])

    def line(self, row: Row, score: float) -> tuple[object, ...]:
        features = row.features
        values = [row.revenue if theirs == "Revenue" else getattr(features, theirs) for theirs, _ in COLUMNS.values()]
        return (self.site, session_id(row), "closed", score, "YES" if score > 0.5 else "NO", self.version, *values)

    def arguments(self, **given: str) -> list[str]:
        return super().arguments(**{"model": str(self.model)} | given)


@pytest.fixture
def made(tmp_path: Path) -> GeneratedRows:
    return GeneratedRows(tmp_path)


def test_equal_rows_pass_and_every_column_is_counted(made: GeneratedRows, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(made.arguments()) == 0
    said = capsys.readouterr().out
    for name in COLUMNS:
        assert any(line.split()[:2] == [name, str(ROWS)] for line in said.splitlines()), name
    assert "AUC from the database" in said
    assert "every row of the file came back" in said


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        pytest.param(
            "UPDATE sessions SET product_related_count = product_related_count + 1", "product_related", id="count"
        ),
        pytest.param("UPDATE sessions SET exit_rates = exit_rates + 2e-6", "exit_rates", id="rate"),
        pytest.param("UPDATE sessions SET page_values = page_values + 2e-6", "page_values", id="page value"),
        pytest.param("UPDATE sessions SET month = 'Jan'", "month is 'Jan'", id="month"),
        pytest.param("UPDATE sessions SET revenue = 1 - revenue", "revenue", id="outcome"),
        pytest.param("UPDATE sessions SET browser_code = 99", "browser_code is 99", id="code"),
        pytest.param("UPDATE sessions SET probability = probability + 1e-4", "probability", id="probability"),
        pytest.param("UPDATE sessions SET status = 'open'", "not closed", id="open"),
        pytest.param("DELETE FROM sessions", "59 sessions in the database, 60 were sent", id="lost"),
        pytest.param("INSERT INTO sessions SELECT * FROM sessions", "more than one session", id="doubled"),
    ],
)
def test_one_changed_row_fails_and_is_named(
    made: GeneratedRows, capsys: pytest.CaptureFixture[str], statement: str, says: str
) -> None:
    made.change(f"{statement} WHERE session_id = 'row-00017'")
    assert main(made.arguments()) == 1
    said = capsys.readouterr().out
    assert says in said
    assert "row 17" in said or "59 sessions" in said


@pytest.mark.parametrize(
    ("given", "says"),
    [
        pytest.param({"site": "uci~none"}, "no row of site uci~none", id="site that sent nothing"),
        pytest.param({"database": "sqlite:////nowhere/x.sqlite"}, "no database at", id="no database"),
        pytest.param({"database": "oracle://x"}, "type 'oracle'", id="another kind of database"),
        pytest.param({"data": "/nowhere/rows.csv"}, "cannot read the UCI file", id="no file"),
        pytest.param({"model": "/nowhere/model.onnx"}, "cannot load the model", id="no model"),
    ],
)
def test_what_cannot_be_compared_is_one_line(
    made: GeneratedRows, capsys: pytest.CaptureFixture[str], given: dict[str, str], says: str
) -> None:
    assert main(made.arguments(**given)) == 2
    assert is_one_line(capsys.readouterr().err, says)


def test_runs_as_a_program_of_its_own_and_takes_the_database_from_standard_input(made: GeneratedRows) -> None:
    command = [sys.executable, "-P", "-m", "deploy.simulate.verify.uci", *made.arguments(database="-")]
    done = subprocess.run(
        command, input=f"sqlite:///{made.database}\n", capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_area_under_the_curve_is_that_of_scikit_learn() -> None:
    chance = np.random.default_rng(1)
    bought, scores = chance.uniform(size=500) < 0.2, chance.normal(size=500).round(1)
    assert auc(bought, scores) == pytest.approx(roc_auc_score(bought, scores), abs=1e-12)
