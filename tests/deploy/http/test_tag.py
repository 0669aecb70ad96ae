"""The script tag that `opecom tag` prints."""

from html.parser import HTMLParser
from typing import Any

import pytest

from deploy.errors import SetupError
from deploy.http.tag import script_tag
from deploy.settings.model import Settings
from ingest import script


def attributes(tag: str) -> dict[str, str | None]:
    found: dict[str, str | None] = {}

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            assert tag == "script"
            found.update(attrs)

    Reader().feed(tag)
    return found


def settings(**of_ingest: Any) -> Settings:
    sites = {"shop": {"write_keys": ["key-of-shop"]}, "bare": {}}
    return Settings(sites=sites, ingest=of_ingest)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "site", "key", "expected"),
    [
        pytest.param(
            settings(), "shop", "",
            {"src": "http://127.0.0.1:8001/static/tracker.js", "data-api": "http://127.0.0.1:8001",
             "data-key": "key-of-shop", "data-site": "shop"},
            id="a site with a key",
        ),
        pytest.param(
            settings(), "bare", "",
            {"src": "http://127.0.0.1:8001/static/tracker.js", "data-api": "http://127.0.0.1:8001",
             "data-site": "bare"},
            id="a site without one",
        ),
        pytest.param(
            settings(), "new", 'a"<b',
            {"src": "http://127.0.0.1:8001/static/tracker.js", "data-api": "http://127.0.0.1:8001",
             "data-key": 'a"<b', "data-site": "new"},
            id="a key that the settings do not have",
        ),
        pytest.param(
            settings(public_url="https://e.example", script_path="/a/b.js", prefix="/c"), "shop", "",
            {"src": "https://e.example/a/b.js", "data-api": "https://e.example/c", "data-key": "key-of-shop",
             "data-site": "shop"},
            id="other names",
        ),
    ],
)  # fmt: skip
def test_what_the_tag_says(given: Settings, site: str, key: str, expected: dict[str, str]) -> None:
    assert attributes(script_tag(given, site, key)) == expected | {"defer": None}


def test_a_pinned_tag_names_the_bytes() -> None:
    served = script.read("/static/tracker.js")
    said = attributes(script_tag(settings(), "shop", pinned=True))
    assert said["src"] == "http://127.0.0.1:8001" + served.pinned_path
    assert (said["integrity"], said["crossorigin"]) == (served.script.integrity, "anonymous")


def test_an_unknown_site_is_one_line() -> None:
    with pytest.raises(SetupError, match=r"^there is no site shops: `opecom sites add shops`"):
        script_tag(settings(), "shops")


@pytest.mark.parametrize(
    "wrong", [{"script_path": "/tracker"}, {"script_path": "x.js"}, {"prefix": "shop"}, {"public_url": "e.example/x"}]
)
def test_names_that_cannot_be_served_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=f"ingest.{next(iter(wrong))}"):
        settings(**wrong)
