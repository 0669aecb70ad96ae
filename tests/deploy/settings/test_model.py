"""The settings load from defaults, file and environment, in that order of weakness."""

import json

import pytest
from pydantic import ValidationError

from deploy.cli.failures import lines
from deploy.settings.model import Settings, load


def test_environment_beats_file_and_file_beats_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("settings") / "opecom.toml"
    file.write_text('[ingest]\nport = 9001\nhost = "127.0.0.2"\n')
    monkeypatch.setenv("OPECOM_SETTINGS", str(file))
    monkeypatch.setenv("OPECOM_INGEST__PORT", "9002")
    settings = load()
    assert (settings.ingest.port, settings.ingest.host, settings.api.port) == (9002, "127.0.0.2", 8000)


@pytest.mark.parametrize(
    ("variables", "names", "special_days"),
    [
        pytest.param({}, {"default", "uci", "clicks", "generated"}, ("02-14", "05-09"), id="nothing given"),
        pytest.param(
            {"UCI__IMPORT_KEYS": '["k"]'},
            {"default", "uci", "clicks", "generated"},
            ("02-14", "05-09"),
            id="a key for a shipped site",
        ),
        pytest.param(
            {"UCI__SPECIAL_DAYS": '["12-24"]'},
            {"default", "uci", "clicks", "generated"},
            ("12-24",),
            id="a shipped field changed",
        ),
        pytest.param(
            {"SHOP__TIMEZONE": "Europe/Rome"},
            {"shop", "uci", "clicks", "generated"},
            ("02-14", "05-09"),
            id="a site of one's own",
        ),
    ],
)
def test_shipped_sites_keep_what_is_not_given(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], names: set[str], special_days: tuple[str, ...]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"OPECOM_SITES__{name}", value)
    settings = load()
    assert set(settings.sites) == names
    assert settings.sites["uci"].special_days == special_days


@pytest.mark.parametrize("name", ["Shop", "shop~1", "live", "", "a/b", "s" * 65, "shop\n"])
def test_a_name_that_no_site_can_have_is_one_line(name: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings(sites={name: {}})
    (line,) = lines(refused.value) or []
    assert line.startswith(f"setting sites (OPECOM_SITES): {name!r} cannot be the name of a site")


def test_keyless_loopback_in_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load().sites["default"].keyless_loopback == "embedded"
    monkeypatch.setenv("OPECOM_SITES__DEFAULT__KEYLESS_LOOPBACK", "true")
    assert load().sites["default"].keyless_loopback is True


def test_rates_are_of_other_currencies_than_the_reporting_one() -> None:
    site = Settings(sites={"shop": {"currency": "EUR", "rates": {"JPY": 0.0062}}}).sites["shop"]  # type: ignore[dict-item]
    assert (site.currency, site.rates) == ("EUR", {"JPY": 0.0062})
    for given in (
        {"rates": {"JPY": 1}},
        {"currency": "EUR", "rates": {"EUR": 2}},
        {"currency": "EUR", "rates": {"x": 1}},
    ):
        with pytest.raises(ValidationError):
            Settings(sites={"shop": given})  # type: ignore[dict-item]
    for rate in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ValidationError):
            Settings(sites={"shop": {"currency": "EUR", "rates": {"JPY": rate}}})  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"expected_conversion": 0}, "expected_conversion"),
        ({"expected_conversion": 1}, "expected_conversion"),
        ({"expected_conversion": "three percent"}, "expected_conversion"),
        ({"bands": [0.6, 0.2]}, "bands are 0.6 and 0.2: give the lower end of building first"),
        ({"bands": [0.2, 1.0]}, "bands"),
        ({"bands": "most"}, "bands"),
    ],
)
def test_a_conversion_and_bands_that_no_site_has_are_one_line(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, object], field: str
) -> None:
    monkeypatch.setenv("OPECOM_SITES__SHOP", json.dumps(given))
    with pytest.raises(ValidationError) as refusal:
        load()
    shown = lines(refusal.value) or []
    assert shown
    assert all(field in line and "\n" not in line for line in shown)


def test_bands_are_by_share_unless_they_are_given() -> None:
    sites = Settings(sites={"shop": {}, "fixed": {"bands": [0.2, 0.6]}}).sites  # type: ignore[dict-item]
    assert (sites["shop"].bands, sites["fixed"].bands) == ("share", (0.2, 0.6))
    assert sites["shop"].expected_conversion == 0.03
