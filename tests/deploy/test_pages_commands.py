"""`opecom pages` changes statistics with the machine's own key where the settings name none: nobody may without."""

from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from deploy.cli import pages
from deploy.cli.main import app
from deploy.errors import SetupError
from deploy.settings.model import load
from deploy.wiring.keys import machine_key
from storage.pages.refresh import PagesInForce, Refreshed
from stream.fold.pages import HeldPages


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


HELD = HeldPages("shop", "/cart", "bounce_rate", 0.31, 0.9995, 240, 4_240)
LINE = (
    "page statistics of shop are held: the bounce rate of /cart would go from 0.31 to 0.9995, its sessions from 240 to "
    "4,240: if they are genuine, `opecom pages release --site shop` puts them in force"
)


@pytest.mark.parametrize("words", [("refresh",), ("release", "--site", "other")], ids=lambda words: words[0])
def test_what_is_held_is_named_with_what_puts_it_in_force(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPECOM_DATA_DIR", str(tmp_path))
    body = msgspec.json.encode(Refreshed(version=4, pages=2, written=0, held=(HELD,)))
    monkeypatch.setattr(pages, "call_api", lambda *_: body)
    done = CliRunner().invoke(app, ["pages", *words], catch_exceptions=False)
    assert done.output.splitlines() == ["version 4: 2 pages counted, 0 rows written", LINE]


def test_show_names_what_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPECOM_DATA_DIR", str(tmp_path))
    body = msgspec.json.encode(PagesInForce(4, [], (HELD,)))
    monkeypatch.setattr(pages, "read", lambda *_: body)
    done = CliRunner().invoke(app, ["pages", "show"], catch_exceptions=False)
    assert done.output.splitlines()[-1] == LINE


def test_a_version_that_was_put_back_is_released_for_all_sites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPECOM_DATA_DIR", str(tmp_path))
    body = msgspec.json.encode(Refreshed(version=4, pages=0, written=0, pinned=True))
    monkeypatch.setattr(pages, "call_api", lambda *_: body)
    done = CliRunner().invoke(app, ["pages", "release", "--site", "shop"])
    assert isinstance(done.exception, SetupError)
    assert (
        str(done.exception) == "--site shop: version 4 was put back for all sites: leave --site out to let them go on"
    )
