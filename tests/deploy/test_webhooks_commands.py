"""What `opecom webhooks` shows of what receivers answered, and of what experiments hold back."""

import re
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from deploy.cli.main import app
from deploy.errors import SetupError
from deploy.settings.model import load
from deploy.wiring.relational import relational_of_this_program
from storage.webhooks import deliveries, message, registry
from tests.support.operations import put_held

#: What a terminal's markup would take for an end without a beginning.
HOSTILE = "[/bold] [red]no"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPECOM_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "400")


def output_of(*words: str) -> str:
    done = CliRunner().invoke(app, ["webhooks", *words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_what_receivers_answer_is_shown_as_it_is() -> None:
    engine = relational_of_this_program(load())
    url = f"https://shop.example/{HOSTILE[:7]}"
    made = registry.add(engine, "default", url, (), False, 1)
    deliveries.put_test(engine, made.id, "default", message.test("default", made.id, 1), 1)
    (claimed,) = deliveries.claim(engine, made.id, 1, 2, 3)
    deliveries.settle(engine, claimed, "dead", 4, 500, f"500 {HOSTILE}")
    engine.dispose()
    assert url in output_of("list")
    assert f"500 {HOSTILE}" in output_of("deliveries")


def test_what_is_held_back_is_listed_and_not_sent_again() -> None:
    engine = relational_of_this_program(load())
    made = registry.add(engine, "default", "https://shop.example/", (), False, 1)
    held = put_held(engine, made.id, "default")
    engine.dispose()
    (listed,) = msgspec.json.decode(output_of("deliveries", "--held", "--json"))
    assert (listed["id"], listed["state"]) == (held, "held")
    assert "held back: arm control of chat" in output_of("deliveries")
    assert msgspec.json.decode(output_of("deliveries", "--dead", "--json")) == []
    for words, line in (
        (("resend", held), f"{held} is never sent (held back: arm control of chat)"),
        (("deliveries", "--dead", "--held"), "take one of them"),
    ):
        with pytest.raises(SetupError, match=re.escape(line)):
            CliRunner().invoke(app, ["webhooks", *words], catch_exceptions=False)
