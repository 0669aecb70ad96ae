"""What `opecom webhooks` shows of what receivers answered."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.cli.main import app
from deploy.settings.model import load
from deploy.wiring.relational import relational_of_this_program
from storage.webhooks import deliveries, message, registry

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
