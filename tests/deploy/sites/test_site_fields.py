"""A site of the file by its fields: set, kept, refused where the settings hold them, and none lost by two at once."""

import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from deploy.errors import HeldBySettingsError, NameTakenError, SetupError, UnknownNameError
from deploy.processes.audit_file import audit_file
from deploy.settings.access_file import place, sites_of
from deploy.settings.model import Settings
from deploy.sites import changes
from deploy.sites.site_fields import change_site, make_site

RULE = {"prefix": "/p/", "type": "ProductRelated"}


def settings(folder: Path, **sites: Any) -> Settings:
    return Settings(data_dir=folder, sites=sites or {"default": {}})


def test_fields_are_set_as_given_and_what_follows_still_belongs_to_the_site(tmp_path: Path) -> None:
    known = settings(tmp_path)
    fields = {"path_rules": [RULE], "rates": {"USD": 0.9}, "currency": "EUR", "origins": ["https://a.example:443"]}
    key = make_site(known, "shop", fields, "key ops")
    change_site(known, "shop", {"holidays": "AT", "origins": ["https://b.example"]}, "key ops")
    changes.rotate(known, "shop", "purchase")
    site = sites_of(known)["shop"]
    assert (site.holidays, site.currency, site.rates) == ("AT", "EUR", {"USD": 0.9})
    assert [rule.model_dump() for rule in site.path_rules] == [RULE]
    assert (site.origins, site.write_keys, len(site.purchase_secrets)) == (("https://b.example",), (key,), 1)
    assert set(tomllib.loads(place(known).read_text())) == {"sites"}
    first, second, third = audit_file(known).read_text().splitlines()
    assert 'who="key ops" action="sites add" site="shop"' in first
    assert 'who="key ops" action="sites change" site="shop" subject="holidays, origins" result="done"' in second
    assert 'who="user ' in third


def test_two_changes_at_once_lose_nothing(tmp_path: Path) -> None:
    known = settings(tmp_path)
    names = [f"shop{number}" for number in range(12)]
    with ThreadPoolExecutor(6) as pool:
        keys = list(pool.map(lambda name: make_site(known, name, {"timezone": "Europe/Vienna"}), names))
    assert {sites_of(known)[name].write_keys for name in names} == {(key,) for key in keys}


WRONG: dict[str, tuple[str, dict[str, Any], type[SetupError], str]] = {
    "held": ("own", {"timezone": "UTC"}, HeldBySettingsError, r"sites\.own\.timezone .*OPECOM_SITES__OWN__TIMEZONE"),
    "an origin left out": ("own", {"origins": []}, HeldBySettingsError, r"https://own\.example of sites\.own\.origins"),
    "no origin": ("shop", {"origins": ["shop.example"]}, SetupError, "origins: "),
    "no zone": ("shop", {"timezone": "Mars/Base"}, SetupError, "timezone"),
    "a key": ("shop", {"write_keys": ["mine"]}, SetupError, "write_keys: keys are made"),
    "a field that is none": ("shop", {"colour": 1}, SetupError, r"sites\.shop\.colour"),
    "no site": ("away", {"currency": "EUR"}, UnknownNameError, "there is no site away"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_change_that_cannot_be_names_the_field_and_changes_nothing(what: str, tmp_path: Path) -> None:
    name, fields, error, line = WRONG[what]
    known = settings(tmp_path, own={"timezone": "Europe/Rome", "origins": ["https://own.example"]})
    make_site(known, "shop", {})
    before = place(known).read_text()
    with pytest.raises(error, match=line) as refused:
        change_site(known, name, fields)
    assert "\n" not in str(refused.value)
    assert place(known).read_text() == before


def test_a_name_in_use_is_not_made_again(tmp_path: Path) -> None:
    known = settings(tmp_path, own={})
    make_site(known, "shop", {})
    for name in ("own", "shop"):
        with pytest.raises(NameTakenError, match=f"there is a site {name}"):
            make_site(known, name, {})


def test_origins_of_the_settings_stay_theirs(tmp_path: Path) -> None:
    known = settings(tmp_path, own={"origins": ["https://own.example"]})
    change_site(known, "own", {"origins": ["https://own.example", "https://new.example"]})
    assert sites_of(known)["own"].origins == ("https://own.example", "https://new.example")
    assert tomllib.loads(place(known).read_text())["sites"]["own"]["origins"] == ["https://new.example"]
