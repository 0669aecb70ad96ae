"""The script tag that `opecom tag` prints."""

import base64
import hashlib
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qsl

import pytest
from typer.testing import CliRunner

from deploy.cli.main import app
from deploy.errors import SetupError
from deploy.http.tag import TagOptions, content_security_policy, script_tag
from deploy.settings.model import Settings
from ingest import script

SERVED = script.read("/static/tracker.js")


def scripts(text: str) -> list[tuple[dict[str, str | None], str]]:
    """Attributes and content of each element of a text that is scripts only."""
    found: list[tuple[dict[str, str | None], str]] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            assert tag == "script"
            found.append((dict(attrs), ""))

        def handle_data(self, data: str) -> None:
            attributes, before = found[-1]
            found[-1] = (attributes, before + data)

    Reader().feed(text)
    return found


def attributes(text: str) -> dict[str, str | None]:
    """Those of the tag that loads the tracker, the last one."""
    found, content = scripts(text)[-1]
    assert not content
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
def test_what_the_tag_states(given: Settings, site: str, key: str, expected: dict[str, str]) -> None:
    assert attributes(script_tag(given, site, key)) == expected | {"async": None}


def test_the_stub_comes_first_unless_it_is_not_wanted() -> None:
    (stub, content), _ = scripts(script_tag(settings(), "shop"))
    assert (stub, content.strip()) == ({}, SERVED.inline_stub)
    ((only, _),) = scripts(script_tag(settings(), "shop", options=TagOptions(has_stub=False)))
    assert only["data-site"] == "shop"


def test_a_pinned_tag_names_the_bytes() -> None:
    found = attributes(script_tag(settings(), "shop", options=TagOptions(pinned=True)))
    assert found["src"] == "http://127.0.0.1:8001" + SERVED.pinned_path
    assert (found["integrity"], found["crossorigin"]) == (SERVED.script.integrity, "anonymous")


def test_a_tag_for_several_hosts() -> None:
    options = TagOptions(cookie_domain="shop.example", link_domains=("pay.example", "shop.example"))
    found = attributes(script_tag(settings(), "shop", options=options))
    assert (found["data-cookie-domain"], found["data-link-domains"]) == ("shop.example", "pay.example shop.example")


def test_a_tag_that_reads_the_pages_datalayer() -> None:
    assert attributes(script_tag(settings(), "shop", options=TagOptions(datalayer="gtmLayer")))["data-datalayer"] == (
        "gtmLayer"
    )
    assert "data-datalayer" not in attributes(script_tag(settings(), "shop"))
    printed = CliRunner().invoke(app, ["tag", "--key", "k", "--datalayer"]).output
    assert attributes(printed.strip())["data-datalayer"] == "dataLayer"


def test_a_tag_whose_attributes_may_get_lost_has_its_settings_in_the_address() -> None:
    options = TagOptions(in_address=True, cookie_domain="shop.example", datalayer="dataLayer")
    found = attributes(script_tag(settings(), "shop", options=options))
    assert found.keys() == {"src", "async"}
    path, _, query = str(found["src"]).partition("?")
    assert path == "http://127.0.0.1:8001/static/tracker.js"
    assert dict(parse_qsl(query)) == {
        "api": "http://127.0.0.1:8001", "key": "key-of-shop", "site": "shop", "cookie-domain": "shop.example",
        "datalayer": "dataLayer",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        pytest.param("::1", "http://[::1]:8001", id="loopback of IPv6"),
        pytest.param("2001:db8::7", "http://[2001:db8::7]:8001", id="an address of IPv6"),
        pytest.param("192.0.2.7", "http://192.0.2.7:8001", id="an address of IPv4"),
        pytest.param("0.0.0.0", "http://127.0.0.1:8001", id="all addresses"),  # noqa: S104 - nothing listens
        pytest.param("::", "http://127.0.0.1:8001", id="all addresses of IPv6"),
    ],
)
def test_the_address_is_one_that_a_browser_can_open(host: str, expected: str) -> None:
    given = settings(host=host)
    found = attributes(script_tag(given, "shop"))
    assert (found["src"], found["data-api"]) == (f"{expected}/static/tracker.js", expected)
    assert content_security_policy(given)["connect-src"] == expected


def test_the_policy_has_the_hash_of_the_stub_as_it_is_printed() -> None:
    (_, content), _ = scripts(script_tag(settings(), "shop"))
    digest = base64.b64encode(hashlib.sha256(content.rstrip("\n").encode()).digest()).decode()
    assert content_security_policy(settings())["script-src"] == f"'sha256-{digest}' http://127.0.0.1:8001"


def test_the_command_prints_what_a_strict_policy_must_allow() -> None:
    printed = CliRunner().invoke(app, ["tag", "--csp", "--key", "k"]).output.splitlines()
    assert printed[0] == f"<script>{SERVED.inline_stub}</script>"
    assert printed[1].startswith("<script async src=")
    assert printed[2] == (
        f"<!-- Content-Security-Policy: script-src {SERVED.stub_hash} http://127.0.0.1:8001; "
        "connect-src http://127.0.0.1:8001 -->"
    )


def test_an_unknown_site_is_one_line() -> None:
    with pytest.raises(SetupError, match=r"^there is no site shops: `opecom sites add shops`"):
        script_tag(settings(), "shops")


@pytest.mark.parametrize(
    "wrong", [{"script_path": "/tracker"}, {"script_path": "x.js"}, {"prefix": "shop"}, {"public_url": "e.example/x"}]
)
def test_names_that_cannot_be_served_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=f"ingest.{next(iter(wrong))}"):
        settings(**wrong)


PRIVATE = ("--mode", "auto", "--model", "/m.json", "--model-integrity", "sha384-x", "--statistics", "/shop.json")


@pytest.mark.parametrize("pinned", [False, True])
def test_a_tag_of_private_mode_is_a_module_with_its_files(pinned: bool) -> None:
    done = CliRunner().invoke(app, ["tag", *PRIVATE, *(["--pinned"] if pinned else [])], catch_exceptions=False)
    found = attributes(done.output.strip())
    wanted = {"mode": "auto", "model": "/m.json", "model-integrity": "sha384-x", "statistics": "/shop.json"}
    assert {name: found[f"data-{name}"] for name in wanted} == wanted
    assert (found["type"], found["data-site"]) == ("module", "default")
    path = SERVED.pinned_private_path if pinned else SERVED.private_path
    assert (found["src"] or "").endswith(path)
    assert found.get("integrity") == (SERVED.private.integrity if pinned else None)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        pytest.param(("--mode", "private"), "--mode private needs --model", id="no model"),
        pytest.param((*PRIVATE, "--tag-manager"), "leave --tag-manager out", id="settings in the address"),
        pytest.param(("--statistics", "/x"), "go with --mode private or --mode auto", id="no mode"),
    ],
)
def test_what_does_not_go_together_is_one_line(words: tuple[str, ...], reason: str) -> None:
    done = CliRunner().invoke(app, ["tag", *words])
    assert isinstance(done.exception, SetupError)
    assert reason in str(done.exception)
