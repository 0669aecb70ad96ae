"""`opecom sites` and `opecom keys`: what they say, and what holds after them."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.cli.main import app
from deploy.errors import SetupError
from deploy.settings.access_file import place, read, sites_of
from deploy.settings.model import load
from storage.http.secret_keys import digest_of


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPECOM_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "300")


def output_of(*words: str) -> str:
    done = CliRunner().invoke(app, [*words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_a_site_is_added_shown_and_removed() -> None:
    added = output_of("sites", "add", "shop", "--origin", "https://shop.example", "--timezone", "Europe/Vienna")
    (key,) = sites_of(load())["shop"].write_keys
    assert added.splitlines()[-1].endswith(f": {key}")
    changed = output_of("sites", "add", "shop", "--holidays", "AT")
    assert "the calendar of a site that was known holds until the worker starts again" in changed
    assert key not in changed
    (row,) = [line for line in output_of("sites", "list").splitlines() if "shop" in line]
    assert all(word in row for word in ("https://shop.example", "Europe/Vienna", key, "file"))
    told = json.loads(output_of("sites", "list", "--json"))["sites"]
    assert told["shop"]["in"] == ["file"]
    assert told["default"]["in"] == ["settings"]
    assert "are refused from now on" in output_of("sites", "remove", "shop")
    assert "shop" not in sites_of(load())


def test_a_site_without_origins_states_where_it_takes_events_from() -> None:
    assert "pages of this machine alone: add --origin" in output_of("sites", "add", "shop")


@pytest.mark.parametrize(
    ("given", "stored"),
    [("http://shop.example:80", "http://shop.example"), ("https://bücher.example", "https://xn--bcher-kva.example")],
    ids=["default port", "international name"],
)
def test_an_origin_is_stored_as_browsers_spell_it(given: str, stored: str) -> None:
    output_of("sites", "add", "shop", "--origin", given)
    assert read(place(load())).sites["shop"].origins == (stored,)
    assert stored in output_of("sites", "list")


@pytest.mark.parametrize("kind", ["write", "import", "purchase"])
def test_keys_are_rotated_and_retired(kind: str) -> None:
    output_of("sites", "add", "shop")
    first, second = (output_of("sites", "rotate", "shop", f"--{kind}").splitlines()[0] for _ in range(2))
    listed = output_of("sites", "list", "--json")
    assert (second in listed) == (kind == "write")
    text = place(load()).read_text()
    assert first in text
    assert second in text
    assert "the newest holds" in output_of("sites", "rotate", "shop", f"--{kind}", "--retire")
    text = place(load()).read_text()
    assert first not in text
    assert second in text


@pytest.mark.parametrize("words", [(), ("--write", "--purchase")], ids=["none", "two"])
def test_a_rotation_is_of_one_kind(words: tuple[str, ...]) -> None:
    output_of("sites", "add", "shop")
    with pytest.raises(SetupError, match="say which: --write, --import or --purchase"):
        output_of("sites", "rotate", "shop", *words)


def test_a_key_is_shown_once() -> None:
    key = output_of("keys", "add", "ops", "--scope", "read", "--scope", "export", "--site", "default").splitlines()[0]
    (kept,) = read(place(load())).secret_keys()
    assert (kept.digest, kept.sites) == (digest_of(key), {"default"})
    for listed in (output_of("keys", "list"), output_of("keys", "list", "--json")):
        assert "ops" in listed
        assert key not in listed
        assert digest_of(key).hex() not in listed
    assert "ops is ended" in output_of("keys", "revoke", "ops")
    assert read(place(load())).keys == {}


@pytest.mark.parametrize("name", ["", " ", "a\nb", "\x1b[2J"], ids=repr)
def test_a_key_has_a_name_that_can_be_read(name: str) -> None:
    with pytest.raises(SetupError, match="a key needs a name that can be read"):
        output_of("keys", "add", name, "--scope", "read")
    assert not place(load()).exists()


def test_a_scope_that_is_none_is_one_line() -> None:
    with pytest.raises(SetupError, match="--scope all: there are read, export, personal, admin"):
        output_of("keys", "add", "ops", "--scope", "all")
