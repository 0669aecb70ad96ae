"""`opecom experiments plan`: what it prints, and what it refuses in one line."""

import json

import pytest
from typer.testing import CliRunner

from deploy.cli.main import app
from deploy.errors import SetupError

PLAN = ("experiments", "plan", "--base", "3", "--visitors-per-day", "4000")


def output_of(*words: str) -> str:
    done = CliRunner().invoke(app, [*PLAN, *words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_it_names_visitors_and_days_of_each_reading() -> None:
    output = output_of("--uplift", "10", "--explained", "20", "--json")
    assert "from 3.00% to 3.30% (uplift of 10.0%)" in output
    assert all(words in output for words in ("once, at the end", "at 4 planned looks", "at any time", "106,416"))
    document = json.loads(output.splitlines()[-1])
    assert document["plain"][0] == {"reading": "once, at the end", "visitors": 106_416, "days": 34}
    assert document["adjusted"][0]["visitors"] == pytest.approx(106_416 * 0.8, abs=1)


def test_given_days_it_finds_the_smallest_uplift() -> None:
    document = json.loads(output_of("--days", "34", "--json").splitlines()[-1])
    assert document["uplift"] == pytest.approx(0.1, abs=0.002)
    assert document["plain"][0]["days"] == 34
    assert document["adjusted"] == []


def test_unequal_arms_take_more_visitors() -> None:
    even, uneven = (
        json.loads(output_of("--uplift", "10", "--arms", arms, "--json").splitlines()[-1])["plain"][0]["visitors"]
        for arms in ("control:50,treatment:50", "control:90,treatment:10")
    )
    assert uneven > 2 * even


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param((), "give either --uplift", id="neither"),
        pytest.param(("--uplift", "10", "--days", "9"), "give either --uplift", id="both"),
        pytest.param(("--uplift", "10", "--arms", "control"), "--arms must be two or more", id="one arm"),
        pytest.param(("--uplift", "10", "--arms", "a:50,b:none"), "--arms must be two or more", id="no number"),
        pytest.param(("--days", "5"), "take more days", id="no day beside the window"),
        pytest.param(("--uplift", "0.01"), "plan for a greater uplift", id="for ever"),
    ],
)
def test_what_cannot_be_planned_is_one_line(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(SetupError, match=message) as refused:
        CliRunner().invoke(app, [*PLAN, *words], catch_exceptions=False)
    assert "\n" not in str(refused.value)
