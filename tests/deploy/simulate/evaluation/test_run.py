"""`opecom simulate shop --verify`: needs no service, ends with its line, and exits by what it found."""

import msgspec
import pytest
from typer.testing import CliRunner

from deploy.cli.simulate import app
from deploy.simulate.evaluation.samples import NUMBERS
from deploy.simulate.shop.shop import ShopParameters, visits


def test_the_last_line_is_the_evaluation() -> None:
    ended = CliRunner().invoke(app, ["shop", "--sessions", "150", "--seed", "7", "--days", "2", "--verify", "--json"])
    document = msgspec.json.decode(ended.stdout.splitlines()[-1])
    made = visits(ShopParameters(150, seed=7, days=2))
    assert ended.stdout.startswith(f"150 sessions, {sum(visit.event_count for visit in made):,} events, scored by tabm")
    assert list(document["figures"]) == [f"{name}_{number}" for name in ("ratio", "gain") for number in NUMBERS]
    assert (document["sessions"], document["buyers"]) == (150, sum(visit.bought for visit in made))
    assert ended.exit_code == (1 if document["lost"] or document["outside"] else 0)


@pytest.mark.parametrize("option", [["--sessions", "0"], ["--days", "0"], ["--seed", "-1"], ["--amounts", "0"]])
def test_options_without_a_meaning_are_refused(option: list[str]) -> None:
    ended = CliRunner().invoke(app, ["shop", *option, "--verify"])
    assert ended.exit_code == 2
    assert "Traceback" not in ended.output
