"""The file of sites and keys: together with the settings, followed while parts run, changed by commands."""

import logging
import tomllib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from deploy.errors import SetupError
from deploy.settings.access_file import LOOK, AccessFile, Reloading, place, read, sites_of
from deploy.settings.model import Settings
from deploy.sites import changes as access_changes
from deploy.wiring import access as wiring
from deploy.wiring.calendars import calendars
from storage.http.errors import ReadError
from storage.http.secret_keys import digest_of
from tests.support.events import NOON

FAR = "203.0.113.9"


def settings(folder: Path, **given: Any) -> Settings:
    return Settings(data_dir=folder, **given)


def write(known: Settings, text: str) -> None:
    place(known).write_text(text)


def test_without_a_file_there_are_the_sites_of_the_settings(tmp_path: Path) -> None:
    known = settings(tmp_path)
    assert sites_of(known) == known.sites
    assert read(place(known)) == AccessFile()


def test_lists_of_settings_and_file_both_hold_and_settings_win_the_rest(tmp_path: Path) -> None:
    own = {"write_keys": ("key-of-settings",), "timezone": "Europe/Vienna"}
    known = settings(tmp_path, sites={"shop": own})
    write(
        known,
        '[sites.shop]\nwrite_keys = ["key-of-file"]\ntimezone = "UTC"\nholidays = "AT"\norigins = ["https://a.example"]\n'
        '[sites.other]\ntimezone = "Europe/Rome"\n',
    )
    sites = sites_of(known)
    assert sites["shop"].write_keys == ("key-of-settings", "key-of-file")
    assert (sites["shop"].timezone, sites["shop"].holidays) == ("Europe/Vienna", "AT")
    assert sites["shop"].origins == ("https://a.example",)
    assert sites["other"].timezone == "Europe/Rome"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("sites = 7", "sites: Input should be", id="no tables"),
        pytest.param("[sites.shop", "is not TOML", id="no TOML"),
        pytest.param("[sites.shop]\ncolour = 1", r"sites\.shop\.colour: Extra inputs", id="an unknown field"),
        pytest.param("[sites.live]\n", "cannot be the name of a site", id="a name of no site"),
        pytest.param(
            '[keys.a]\nsha256 = "x"\nscopes = ["read"]\ncreated_at = 2026-01-01', r"keys\.a\.sha256", id="no hash"
        ),
        pytest.param(
            f'[keys.a]\nsha256 = "{"0" * 64}"\nscopes = ["all"]\ncreated_at = 2026-01-01', "scopes", id="no scope"
        ),
    ],
)
def test_a_file_that_is_wrong_is_one_line_that_states_where(text: str, line: str, tmp_path: Path) -> None:
    known = settings(tmp_path)
    write(known, text)
    with pytest.raises(SetupError, match=line) as refused:
        sites_of(known)
    assert "\n" not in str(refused.value)
    assert str(refused.value).startswith(str(place(known)))


def test_a_file_that_the_settings_name_is_missed_and_may_come(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    known, clock = settings(tmp_path, access_file=tmp_path / "mounted" / "access.toml"), Clock()
    follow = Reloading(known, lambda file: sorted(file.sites), now=clock)
    assert "is not there yet: `opecom sites add` makes it" in caplog.text
    assert follow() == []
    access_changes.add_site(known, "shop", [], {})
    clock.at = 1.0
    assert follow() == ["shop"]


class Clock:
    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def test_a_file_is_looked_at_now_and_then(tmp_path: Path) -> None:
    known, clock, made = settings(tmp_path), Clock(), []

    def make(file: AccessFile) -> list[str]:
        made.append(file)
        return sorted(file.sites)

    follow = Reloading(known, make, now=clock)
    write(known, "[sites.shop]\n")
    clock.at = LOOK - 0.1
    assert follow() == []
    clock.at = LOOK
    assert follow() == ["shop"]
    clock.at = 2 * LOOK + 0.1
    assert follow() == ["shop"]
    assert len(made) == 2


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        pytest.param(lambda place: place.write_text("[sites"), "is not TOML", id="no TOML"),
        pytest.param(lambda place: place.write_text("[sites.other]\n"), "not here", id="refused by who takes it"),
        pytest.param(lambda place: place.unlink(), "is gone", id="gone"),
        pytest.param(lambda place: (place.unlink(), place.mkdir()), "cannot be read", id="no file"),
    ],
)
def test_a_file_that_breaks_is_reported_once_and_the_old_one_holds(
    broken: Callable[[Path], object], said: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    known, clock = settings(tmp_path), Clock()
    write(known, "[sites.shop]\n")

    def make(file: AccessFile) -> list[str]:
        if "other" in file.sites:
            raise SetupError("not here")
        return sorted(file.sites)

    follow = Reloading(known, make, now=clock)
    broken(place(known))
    with caplog.at_level(logging.INFO, "deploy.settings.access_file"):
        for clock.at in (2.0, 4.0, 6.0):
            assert follow() == ["shop"]
    (line,) = [record.getMessage() for record in caplog.records]
    assert said in line
    assert "\n" not in line


def test_keys_are_made_and_revoked_while_the_api_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr("deploy.settings.access_file.time.monotonic", clock)
    monkeypatch.setattr(Reloading.__init__, "__defaults__", (1.0, clock))
    known = settings(tmp_path)
    access = wiring.access(known)
    key = access_changes.add_key(known, "ops", {"read"}, ["default"])
    with pytest.raises(ReadError, match="is no key of scope read"):
        access.check({"x-opecom-key": key}, FAR)
    clock.at += 1.0
    caller = access.check({"x-opecom-key": key}, FAR)
    assert (caller.name, caller.sites) == ("ops", frozenset({"default"}))
    access_changes.revoke_key(known, "ops")
    clock.at += 1.0
    with pytest.raises(ReadError, match="is no key of scope read"):
        access.check({"x-opecom-key": key}, FAR)


def test_a_worker_knows_the_calendar_of_a_site_that_is_added_later(tmp_path: Path) -> None:
    known = settings(tmp_path)
    running = calendars(known)
    friday_late = NOON + 11 * 3_600_000
    assert running.of("shop").day(friday_late) == running.of("default").day(friday_late)
    access_changes.add_site(known, "shop", [], {"timezone": "Pacific/Auckland"})
    there = running.of("shop~run1")
    assert there is running.of("shop~run1")
    assert there.latest_cut(NOON) != running.of("default").latest_cut(NOON)


def test_no_key_outside_the_embedded_profile_names_the_command(tmp_path: Path) -> None:
    known = settings(tmp_path, profile="services")
    with pytest.raises(SetupError, match=r"`opecom keys add NAME --scope read` makes it"):
        wiring.access(known)
    access_changes.add_key(known, "ops", {"admin"}, None)
    wiring.access(known)


def test_what_a_command_writes_is_private_and_leaves_the_rest_as_it_is(tmp_path: Path) -> None:
    known = settings(tmp_path)
    write(
        known, '# Mine.\n[sites.shop]\norigins = ["https://a.example"] # the first\ncount_unverified_purchases = true\n'
    )
    key = access_changes.add_site(
        known, "shop", ["https://b.example", "https://a.example"], {"timezone": "Europe/Rome"}
    )
    text = place(known).read_text()
    assert text.startswith("# Mine.\n")
    assert tomllib.loads(text) == {
        "sites": {
            "shop": {
                "origins": ["https://a.example", "https://b.example"],
                "count_unverified_purchases": True,
                "timezone": "Europe/Rome",
                "write_keys": [key],
            }
        }
    }
    assert place(known).stat().st_mode & 0o777 == 0o600
    assert access_changes.add_site(known, "shop", ["https://c.example"], {}) == ""
    assert sorted(each.name for each in tmp_path.iterdir()) == ["access.lock", "access.toml", "audit.log"]


def test_a_rotated_key_holds_beside_the_old_one_until_that_is_retired(tmp_path: Path) -> None:
    known = settings(tmp_path)
    first = access_changes.add_site(known, "shop", [], {})
    second = access_changes.rotate(known, "shop", "write")
    assert sites_of(known)["shop"].write_keys == (second, first)
    assert access_changes.retire(known, "shop", "write") == 1
    assert sites_of(known)["shop"].write_keys == (second,)
    assert access_changes.retire(known, "shop", "write") == 0
    assert access_changes.rotate(known, "shop", "purchase").startswith("whsec_")


def test_only_the_hash_of_a_secret_key_is_kept(tmp_path: Path) -> None:
    known = settings(tmp_path)
    key = access_changes.add_key(known, "ops", {"read", "export"}, None)
    assert key not in place(known).read_text()
    (kept,) = read(place(known)).secret_keys()
    assert (kept.digest, kept.scopes, kept.sites) == (digest_of(key), {"read", "export"}, None)


def test_a_key_that_expires_is_kept_with_its_moment(tmp_path: Path) -> None:
    known = settings(tmp_path)
    access_changes.add_key(known, "ops", {"read"}, None, days=90)
    access_changes.add_key(known, "for good", {"read"}, None)
    kept = read(place(known)).keys
    assert kept["ops"].expires_at == kept["ops"].created_at + timedelta(days=90)
    assert "expires_at" not in place(known).read_text().partition("for good")[2]
    expires = {key.name: key.expires_at for key in read(place(known)).secret_keys()}
    assert expires == {"ops": kept["ops"].created_at.timestamp() + 90 * 86_400, "for good": None}


WRONG: dict[str, tuple[Callable[[Settings], object], str]] = {
    "a key's name in use": (lambda s: access_changes.add_key(s, "ops", {"read"}, None), "`opecom keys revoke ops`"),
    "a key of no site": (
        lambda s: access_changes.add_key(s, "b", {"read"}, ["x"]),
        "there is no site x: `opecom sites",
    ),
    "revoking what is not": (lambda s: access_changes.revoke_key(s, "b"), "has no key b"),
    "rotating no site": (lambda s: access_changes.rotate(s, "x", "write"), "there is no site x"),
    "removing no site": (lambda s: access_changes.remove_site(s, "uci"), "has no site uci"),
    "no origin": (lambda s: access_changes.add_site(s, "x", ["shop.example"], {}), "--origin: .*https://shop.example"),
    "no zone": (lambda s: access_changes.add_site(s, "x", [], {"timezone": "Mars/Base"}), r"sites\.x: timezone"),
    "no name": (lambda s: access_changes.add_site(s, "A B", [], {}), "cannot be the name of a site"),
    "keys of the settings": (lambda s: access_changes.retire(s, "default", "write"), "has keys in the settings"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_change_that_cannot_be_is_one_line_and_changes_nothing(what: str, tmp_path: Path) -> None:
    change, line = WRONG[what]
    known = settings(tmp_path, sites={"default": {"write_keys": ["key-of-settings"]}})
    access_changes.add_key(known, "ops", {"read"}, None)
    before = place(known).read_text()
    with pytest.raises(SetupError, match=line) as refused:
        change(known)
    assert "\n" not in str(refused.value)
    assert place(known).read_text() == before


def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    with pytest.raises(SetupError, match=r"cannot be changed .* a mounted secret is changed where it comes from"):
        access_changes.add_site(settings(tmp_path, access_file=in_the_way / "access.toml"), "x", [], {})
