"""`opecom features list` and `describe`, and what the command asks for where it is to write a file."""

import json

import pytest
from typer.testing import CliRunner

from deploy.cli.main import app
from deploy.errors import SetupError
from scoring.features import NAMES
from scoring.signals import SESSION_NAMES


def features(*words: str) -> str:
    done = CliRunner().invoke(app, ["features", *words], catch_exceptions=False, env={"COLUMNS": "200"})
    assert done.exit_code == 0
    return done.output


@pytest.mark.parametrize(
    ("words", "expected"),
    [pytest.param([], SESSION_NAMES, id="all"), pytest.param(["--contract", "1"], NAMES, id="of contract 1")],
)
def test_the_list_has_the_columns_of_a_row(words: list[str], expected: tuple[str, ...]) -> None:
    assert [each["name"] for each in json.loads(features("list", "--json", *words))] == list(expected)
    printed = features("list", *words)
    assert all(name in printed for name in expected)


def test_a_feature_is_described_whatever_its_case() -> None:
    assert json.loads(features("describe", "CART_value", "--json"))["unknown"].startswith("a price is unknown")
    assert "computed_in  stream/fold/calendar.py" in features("describe", "Weekend")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        pytest.param(["describe", "cart_valu"], "there is no feature cart_valu: did you mean cart_value?", id="a slip"),
        pytest.param(["describe", "xyz"], "there is no feature xyz: `opecom features list` has all", id="no such"),
        pytest.param(["list", "--contract", "3"], "--contract 3: there is 1,", id="no such contract"),
        pytest.param([], "--out: name the file to write, .csv or .parquet;", id="nothing to write to"),
    ],
)
def test_what_is_wrong_is_one_line(words: list[str], reason: str) -> None:
    with pytest.raises(SetupError) as raised:
        features(*words)
    assert str(raised.value).startswith(reason)
