"""`opecom features list`, `describe` and `check`, and what the command asks for where it is to write a file."""

import json

import pytest
from typer.testing import CliRunner

from deploy.cli.main import app
from deploy.errors import SetupError
from scoring.features import NAMES
from scoring.signals import SESSION_NAMES
from storage.replay.feature_differences import FeatureCheckReport, FeatureDifference


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


PLACE = ("shop", "s1", 0, 1, 17)


@pytest.mark.parametrize(
    ("found", "lines"),
    [
        pytest.param([], ["9 updates of 2 sessions compared (one in 1, seed 0): 0 differences"], id="none"),
        pytest.param(
            [
                FeatureDifference(*PLACE, "cart_value", None, 3.5),
                FeatureDifference(*PLACE, "", is_stored=False),
                FeatureDifference(*PLACE, "", is_computed=False),
            ],
            [
                "shop, session s1, partition 1, offset 17: cart_value is stored as null, the log says 3.5",
                "shop, session s1, partition 1, offset 17: in the log, and not stored",
                "shop, session s1, partition 1, offset 17: stored, and not in the log",
                "9 updates of 2 sessions compared (one in 1, seed 0): 3 differences",
                "`opecom replay` stores what the log says",
            ],
            id="some",
        ),
    ],
)
def test_a_check_names_each_difference_and_ends_with_1(
    found: list[FeatureDifference], lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    report = FeatureCheckReport(sessions=2, updates=9)
    for each in found:
        report.add(each)
    monkeypatch.setattr("deploy.terminal.replay_progress.check", lambda *_: report)
    done = CliRunner().invoke(app, ["features", "check"], catch_exceptions=False)
    assert (done.exit_code, done.output.splitlines()) == (1 if found else 0, lines)
