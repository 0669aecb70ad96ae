"""`opecom pages` changes statistics with the machine's own key where the settings name none: nobody may without."""

from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from deploy.cli import pages
from deploy.cli.main import app
from deploy.settings.model import load
from deploy.wiring.keys import machine_key
from storage.pages.refresh import Refreshed


@pytest.mark.parametrize("words", [("refresh",), ("restore", "3"), ("release",)], ids=lambda words: words[0])
def test_the_key_of_the_machine_is_sent(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPECOM_DATA_DIR", str(tmp_path))
    own, sent = machine_key(load()), []

    def answer(api: object, method: str, path: str, body: bytes, key: str) -> bytes:
        sent.append((method, key))
        return msgspec.json.encode(Refreshed(version=4, pages=2, written=1))

    monkeypatch.setattr(pages, "call_api", answer)
    done = CliRunner().invoke(app, ["pages", *words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert sent == [("POST", own)]
