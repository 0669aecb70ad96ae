"""What is read from headers and URLs, what is kept of them, and how clocks are corrected."""

import pytest

from ingest import codes, enrich
from ingest.events import UNKNOWN, Page
from tests.support.events import NOON

IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "


@pytest.mark.parametrize(
    ("user_agent", "browser", "system", "bot"),
    [
        pytest.param(
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 "
            "Safari/537.36",
            "Chrome", "Windows", False, id="chrome on windows",
        ),
        pytest.param(IPHONE + "Version/17.0 Mobile/15E148 Safari/604.1", "Safari", "iOS", False, id="safari on iphone"),
        pytest.param(IPHONE + "CriOS/120.0 Mobile/15E148 Safari/604.1", "Chrome", "iOS", False, id="chrome on iphone"),
        pytest.param(
            "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0",
            "Firefox", "Linux", False, id="firefox on ubuntu",
        ),
        pytest.param(
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            "Googlebot", "", True, id="a crawler",
        ),
        pytest.param("curl/8.1.2", "curl", "", True, id="a program"),
        pytest.param("", "", "", False, id="none"),
        pytest.param("\x00" * 9_000, "", "", False, id="rubbish"),
    ],
)  # fmt: skip
def test_user_agent(user_agent: str, browser: str, system: str, bot: bool) -> None:
    read = enrich.agent(user_agent)
    assert (read.browser.name, read.operating_system.name, read.bot) == (browser, system, bot)


def test_only_the_start_of_a_huge_user_agent_is_matched() -> None:
    assert enrich.agent("x" * enrich.MAX_USER_AGENT + " Chrome/120.0") == enrich.UNKNOWN_AGENT


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


RULES = enrich.PageRules(
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
    ],
)
def test_path(url: str, path: str) -> None:
    assert enrich.page(url, None, None, RULES).path == path


@pytest.mark.parametrize("url", ["http://[bad/", "https://[::1"])
def test_what_is_no_url_is_said(url: str) -> None:
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


def test_referrer_keeps_no_secrets() -> None:
    made = enrich.page("/p", "https://me:pw@mail.example/inbox?id=7&utm_source=x#m", None, RULES)
    assert made == Page("/p", "ProductRelated", "https://mail.example/inbox?utm_source=x")
    assert enrich.page("/p", "http://[bad/", None, RULES).referrer is None


HERE = "https://www.shop.example/p"


@pytest.mark.parametrize(
    ("url", "referrer", "home", "expected"),
    [
        pytest.param(HERE, None, None, codes.DIRECT, id="typed"),
        pytest.param(HERE, "https://shop.example/home", None, codes.DIRECT, id="own page, with and without www"),
        pytest.param("", "https://shop.example/home", "shop.example", codes.DIRECT, id="own page by the origin"),
        pytest.param(HERE, "https://www.google.co.uk/", None, codes.ORGANIC_SEARCH, id="search"),
        pytest.param(HERE, "https://t.co/abc", None, codes.SOCIAL, id="short social host"),
        pytest.param(HERE, "https://m.facebook.com/", None, codes.SOCIAL, id="social"),
        pytest.param(HERE, "https://mail.google.com/", None, codes.EMAIL, id="webmail is no search"),
        pytest.param(HERE, "https://blog.example/", None, codes.REFERRAL, id="another site"),
        pytest.param(HERE, "http://[bad/", None, UNKNOWN, id="no URL"),
        pytest.param(HERE + "?utm_medium=CPC&utm_source=google", None, None, codes.PAID_SEARCH, id="cpc"),
        pytest.param(HERE + "?utm_medium=cpc&utm_source=facebook", None, None, codes.PAID_SOCIAL, id="cpc on social"),
        pytest.param(HERE + "?gclid=1", "https://www.google.com/", None, codes.PAID_SEARCH, id="click id"),
        pytest.param(HERE + "?ttclid=1", None, None, codes.PAID_SOCIAL, id="social click id"),
        pytest.param(HERE + "?utm_medium=email&utm_source=news", None, None, codes.EMAIL, id="newsletter"),
        pytest.param(HERE + "?utm_medium=affiliate", None, None, codes.AFFILIATE, id="affiliate"),
        pytest.param(HERE + "?utm_medium=banner", None, None, codes.DISPLAY, id="banner"),
        pytest.param(HERE + "?utm_source=instagram", None, None, codes.SOCIAL, id="social source"),
        pytest.param(HERE + "?utm_medium=organic", None, None, codes.ORGANIC_SEARCH, id="organic"),
        pytest.param(HERE + "?utm_medium=referral", None, None, codes.REFERRAL, id="referral"),
        pytest.param(HERE + "?utm_source=flyer", None, None, codes.CAMPAIGN, id="some campaign"),
    ],
)
def test_traffic(url: str, referrer: str | None, home: str | None, expected: codes.Code) -> None:
    assert enrich.traffic(url, referrer, home) == expected


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
    assert enrich.clock(occurred_at, sent_at, NOON) == expected


def test_codes_mean_one_thing_each() -> None:
    for table in (codes.BROWSERS, codes.SYSTEMS):
        assert len(set(table.values())) == len(table)
        assert not {0, 99} & set(table.values())
    assert set(codes.BROWSER_FAMILIES.values()) <= set(codes.BROWSERS)
    assert set(codes.SYSTEM_FAMILIES.values()) <= set(codes.SYSTEMS)
    assert [code.code for code in codes.TRAFFIC_TYPES] == list(range(11))
    #: Stored sessions carry these: a country in the middle of the list would rename them all.
    assert (codes.region("de").code, codes.region("US").code, codes.region("ZW").code) == (57, 233, 249)
