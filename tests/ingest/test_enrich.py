"""What is read from headers and URLs, what is kept of them, and how clocks are corrected."""

import pytest

from ingest import codes, enrich
from ingest.events import Page
from tests.support.events import NOON


@pytest.mark.parametrize(
    ("country", "languages", "name"),
    [
        pytest.param("", "de-AT,de;q=0.9", "AT", id="first language with a country"),
        pytest.param("", "de,en-GB;q=0.8", "GB", id="a language alone names no country"),
        pytest.param("", "zh-Hant-TW", "TW", id="with a script"),
        pytest.param("fr", "de-AT", "FR", id="the header goes first"),
        pytest.param("XX", "de-AT", "", id="a header that names none"),
        pytest.param("", "en-XX, *;q=0.1, -", "", id="nothing known"),
    ],
)
def test_region(country: str, languages: str, name: str) -> None:
    found = enrich.region(country, languages)
    assert found.name == name
    assert (found.code == 0) == (name == "")


@pytest.mark.parametrize(
    ("address", "cut"),
    [
        ("203.0.113.77", "203.0.113.0"),
        ("2001:db8:1234:5678::9", "2001:db8:1234::"),
        ("::ffff:203.0.113.77", "203.0.113.0"),
        ("fe80::1%eth0", "fe80::"),
        ("unix", None),
        ("", None),
    ],
)
def test_address_is_cut(address: str, cut: str | None) -> None:
    assert enrich.cut_address(address) == cut


RULES = enrich.UrlRules(
    frozenset({"utm_source", "size"}),
    (("/p", "ProductRelated"), ("/p/help", "Informational"), ("/me", "Administrative")),
)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        pytest.param("https://shop.example/p/1?utm_source=a&email=b%40c#top", "/p/1?utm_source=a", id="allow-list"),
        pytest.param("/p/1?token=secret", "/p/1", id="from the path on"),
        pytest.param("https://user:pass@shop.example", "/", id="no path"),
        pytest.param("p/1", "/p/1", id="no slash"),
        pytest.param("/p?size=&size=%3Cb%3E", "/p?size=%3Cb%3E", id="escaped again"),
        pytest.param("/" + "a" * 600, "/" + "a" * 499, id="cut to 500"),
        pytest.param("//products/7", "/products/7", id="a slash too many is no host"),
        pytest.param("https://shop.example/b%c3%bccher?size=%1b", "/bücher?size=%1B", id="one spelling"),
        pytest.param("https://shop.example/cart;jsessionid=1?size=2", "/cart?size=2", id="no session in the path"),
    ],
)
def test_path(url: str, path: str) -> None:
    assert enrich.page(url, None, None, RULES).path == path


@pytest.mark.parametrize("url", ["http://[bad/", "https://[::1"])
def test_what_is_no_url_is_reported(url: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        enrich.page(url, None, None, RULES)


@pytest.mark.parametrize(
    ("path", "given", "kind"),
    [
        pytest.param("/p/1", None, "ProductRelated", id="by rule"),
        pytest.param("/p/help/x", None, "Informational", id="the longest prefix wins"),
        pytest.param("/p/1", "Administrative", "Administrative", id="the page itself goes first"),
        pytest.param("/", None, None, id="no rule"),
        pytest.param("/cart?next=/p/1", None, None, id="the query is no path"),
    ],
)
def test_page_type(path: str, given: str | None, kind: str | None) -> None:
    assert enrich.page(path, None, given, RULES).type == kind  # type: ignore[arg-type]


@pytest.mark.parametrize("prefix", ["/bücher", "/b%C3%BCcher", "/b%c3%bccher", "/bu\u0308cher"])
@pytest.mark.parametrize("path", ["/bücher/1", "/b%C3%BCcher/1", "/b%c3%bccher/1", "//b%C3%BCcher/1"])
def test_a_rule_holds_for_every_spelling(prefix: str, path: str) -> None:
    rules = enrich.checked_url_rules(path_types=[(prefix, "ProductRelated")])
    assert enrich.page(path, None, None, rules) == Page("/bücher/1", "ProductRelated")


def test_referrer_keeps_no_secrets() -> None:
    made = enrich.page("/p", "https://me:pw@mail.example/inbox?id=7&utm_source=x#m", None, RULES)
    assert made == Page("/p", "ProductRelated", "https://mail.example/inbox?utm_source=x")
    assert enrich.page("/p", "http://[bad/", None, RULES).referrer is None
    session = "https://other.example/b%c3%bccher;jsessionid=1"
    assert enrich.page("/p", session, None, RULES).referrer == "https://other.example/bücher"


@pytest.mark.parametrize("referrer", ["https://a\x1b[2J.example/", "https://a.example/\x1b[2J", "\x9b2J", "x:\x1b"])
def test_referrer_keeps_no_control_characters(referrer: str) -> None:
    assert (enrich.page("/p", referrer, None, RULES).referrer or "").isprintable()


MINUTE = 60_000


@pytest.mark.parametrize(
    ("occurred_at", "sent_at", "expected"),
    [
        pytest.param(None, NOON, (NOON, None), id="not given"),
        pytest.param(NOON - 100, NOON - 50, (NOON - 100, None), id="a right clock"),
        pytest.param(NOON - 5_000, NOON - 5_000, (NOON - 5_000, None), id="a slow line is no skew"),
        pytest.param(NOON - 61 * MINUTE, NOON - 60 * MINUTE, (NOON - MINUTE, "skew"), id="a clock an hour behind"),
        pytest.param(NOON + 59 * MINUTE, NOON + 60 * MINUTE, (NOON - MINUTE, "skew"), id="a clock an hour ahead"),
        pytest.param(NOON + 5 * MINUTE, None, (NOON + 5 * MINUTE, None), id="a little ahead, never sent_at"),
        pytest.param(NOON + 5 * MINUTE + 1, None, (NOON, "future"), id="the future"),
        pytest.param(NOON + 70 * MINUTE, NOON + 60 * MINUTE, (NOON, "future"), id="the future of a wrong clock"),
        pytest.param(0, NOON + 60 * MINUTE, (0, "skew"), id="never before 1970"),
    ],
)
def test_clock(occurred_at: int | None, sent_at: int | None, expected: tuple[int, str | None]) -> None:
    assert enrich.correct_occurred_at(occurred_at, sent_at, NOON) == expected


def test_codes_mean_one_thing_each() -> None:
    for table in (codes.BROWSERS, codes.SYSTEMS):
        assert len(set(table.values())) == len(table)
        assert not {0, 99} & set(table.values())
    assert set(codes.BROWSER_FAMILIES.values()) <= set(codes.BROWSERS)
    assert set(codes.SYSTEM_FAMILIES.values()) <= set(codes.SYSTEMS)
    assert [code.code for code in codes.TRAFFIC_TYPES] == list(range(len(codes.TRAFFIC_TYPES)))
    #: Stored sessions carry these: a country in the middle of the list would rename them all.
    assert (codes.region("de").code, codes.region("US").code, codes.region("ZW").code) == (57, 233, 249)
