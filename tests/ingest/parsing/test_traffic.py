"""Where visitors come from, by campaign, click id and referrer."""

import pytest

from ingest import codes
from ingest.enrich import PLAIN_URL_RULES, UrlRules, checked_url_rules, registrable_domains, traffic_type
from ingest.events import UNKNOWN, Code
from ingest.parsing import hosts

HERE = "https://www.shop.example/p"
RULES = checked_url_rules(own_domains=["shop-pay.example", "Bücher.example"], ignored_referrers=["id.bank.example"])


@pytest.mark.parametrize(
    ("referrer", "expected"),
    [
        pytest.param(None, codes.DIRECT, id="typed"),
        pytest.param("https://shop.example/home", codes.DIRECT, id="own page, with and without www"),
        pytest.param("https://checkout.shop.example/pay", codes.DIRECT, id="own subdomain"),
        pytest.param("https://shop-pay.example/x", codes.DIRECT, id="own domain"),
        pytest.param("https://m.shop-pay.example./x", codes.DIRECT, id="beneath an own domain"),
        pytest.param("https://xn--bcher-kva.example/", codes.DIRECT, id="own domain in IDNA"),
        pytest.param("https://notshop-pay.example/x", codes.REFERRAL, id="ends like an own domain"),
        pytest.param("https://otherSHOP.example/", codes.REFERRAL, id="ends like the own site"),
        pytest.param("https://www.paypal.com/checkoutnow", codes.DIRECT, id="paypal"),
        pytest.param("https://accounts.google.com/signin", codes.DIRECT, id="google sign-in"),
        pytest.param("https://pay.google.com/", codes.DIRECT, id="google pay"),
        pytest.param("https://checkout.stripe.com/c/pay", codes.DIRECT, id="stripe"),
        pytest.param("https://acs2.bank.example/", codes.DIRECT, id="3-D Secure of a bank"),
        pytest.param("https://3ds-auth.bank.example/", codes.DIRECT, id="3-D Secure of a bank, otherwise named"),
        pytest.param("https://centinelapi.cardinalcommerce.com/", codes.DIRECT, id="3-D Secure of a service"),
        pytest.param("https://pubs.acs.org/", codes.REFERRAL, id="a site by the name of acs"),
        pytest.param("https://id.bank.example/", codes.DIRECT, id="ignored by the site"),
        pytest.param("https://paypal.com.evil.example/", codes.REFERRAL, id="looks like paypal"),
        pytest.param("https://www.google.co.uk/", codes.ORGANIC_SEARCH, id="search"),
        pytest.param("https://google.com/", codes.ORGANIC_SEARCH, id="search without www"),
        pytest.param("https://www.google.com.br/", codes.ORGANIC_SEARCH, id="search in Brazil"),
        pytest.param("https://images.google.de/", codes.ORGANIC_SEARCH, id="search of images"),
        pytest.param("https://cn.bing.com/search", codes.ORGANIC_SEARCH, id="bing"),
        pytest.param("https://de.search.yahoo.com/", codes.ORGANIC_SEARCH, id="yahoo"),
        pytest.param("https://search.yahoo.co.jp/", codes.ORGANIC_SEARCH, id="yahoo in Japan"),
        pytest.param("https://yandex.ru/clck", codes.ORGANIC_SEARCH, id="yandex"),
        pytest.param("https://search.brave.com/", codes.ORGANIC_SEARCH, id="brave"),
        pytest.param("https://docs.google.com/", codes.REFERRAL, id="a document"),
        pytest.param("https://translate.google.com/", codes.REFERRAL, id="a translation"),
        pytest.param("https://gemini.google.com/", codes.AI_ASSISTANT, id="gemini"),
        pytest.param("https://google.evil.example/", codes.REFERRAL, id="a label that is google"),
        pytest.param("https://www.google.evil.com/", codes.REFERRAL, id="labels that are google"),
        pytest.param("https://google.blogspot.com/", codes.REFERRAL, id="somebody's blog"),
        pytest.param("https://bing.evil.example/", codes.REFERRAL, id="a label that is bing"),
        pytest.param("https://facebook.evil.example/", codes.REFERRAL, id="a label that is facebook"),
        pytest.param("https://brave.com/", codes.REFERRAL, id="a browser's maker"),
        pytest.param("android-app://com.google.android.gm/", codes.EMAIL, id="the app of Gmail"),
        pytest.param("android-app://com.google.android.googlequicksearchbox/", codes.ORGANIC_SEARCH, id="Google's app"),
        pytest.param("android-app://com.facebook.katana/", codes.SOCIAL, id="Facebook's app"),
        pytest.param("android-app://com.slack/", codes.REFERRAL, id="another app"),
        pytest.param("https://chatgpt.com/", codes.AI_ASSISTANT, id="chatgpt"),
        pytest.param("https://www.perplexity.ai/", codes.AI_ASSISTANT, id="perplexity"),
        pytest.param("https://copilot.microsoft.com/", codes.AI_ASSISTANT, id="copilot"),
        pytest.param("https://claude.ai/", codes.AI_ASSISTANT, id="claude"),
        pytest.param("https://t.co/abc", codes.SOCIAL, id="short social host"),
        pytest.param("https://m.facebook.com/", codes.SOCIAL, id="social"),
        pytest.param("https://www.pinterest.de/", codes.SOCIAL, id="social in Germany"),
        pytest.param("https://www.youtube.com/", codes.ORGANIC_VIDEO, id="video"),
        pytest.param("https://www.amazon.co.jp/", codes.ORGANIC_SHOPPING, id="a marketplace"),
        pytest.param("https://mail.google.com/", codes.EMAIL, id="webmail is no search"),
        pytest.param("https://webmail.provider.example/", codes.EMAIL, id="webmail of a provider"),
        pytest.param("https://mail.example/", codes.REFERRAL, id="a site by the name of mail"),
        pytest.param("https://blog.example/", codes.REFERRAL, id="another site"),
        pytest.param("http://[bad/", UNKNOWN, id="no URL"),
        pytest.param("about:blank", codes.DIRECT, id="no host"),
    ],
)
def test_referrers(referrer: str | None, expected: Code) -> None:
    assert traffic_type(HERE, referrer, None, RULES) == expected


@pytest.mark.parametrize(
    ("here", "referrer", "page_host", "expected"),
    [
        pytest.param(
            "https://checkout.shop.example/pay", "https://shop.example/cart", None, codes.DIRECT, id="checkout"
        ),
        pytest.param("https://shop.example/", "https://m.shop.example/", None, codes.DIRECT, id="mobile"),
        pytest.param("", "https://shop.example/home", "www.shop.example", codes.DIRECT, id="by the origin"),
        pytest.param("/p", "https://shop.example/home", None, codes.REFERRAL, id="nothing says which site"),
        pytest.param("https://a.shop.co.uk/", "https://b.shop.co.uk/", None, codes.DIRECT, id="a suffix of two"),
        pytest.param("https://shop.co.uk/", "https://other.co.uk/", None, codes.REFERRAL, id="only a suffix in common"),
        pytest.param(
            "https://a.myshopify.com/", "https://b.myshopify.com/", None, codes.REFERRAL, id="a host of shops"
        ),
        pytest.param("http://192.168.1.5/", "http://192.168.2.5/", None, codes.REFERRAL, id="addresses"),
        pytest.param("http://localhost:5173/", "http://localhost:5173/a", None, codes.DIRECT, id="this machine"),
        pytest.param("https://bücher.example/", "https://www.xn--bcher-kva.example/", None, codes.DIRECT, id="IDNA"),
    ],
)
def test_own_pages_are_no_source(here: str, referrer: str, page_host: str | None, expected: Code) -> None:
    assert traffic_type(here, referrer, page_host) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("utm_medium=CPC&utm_source=google", codes.PAID_SEARCH, id="cpc"),
        pytest.param("utm_medium=cpc&utm_source=facebook", codes.PAID_SOCIAL, id="cpc on social"),
        pytest.param("utm_medium=cpc&utm_source=youtube", codes.PAID_VIDEO, id="cpc on video"),
        pytest.param("utm_medium=cpc&utm_source=idealo", codes.PAID_SHOPPING, id="cpc on shopping"),
        pytest.param("utm_medium=cpc&utm_source=google&utm_campaign=Smart-Shopping", codes.PAID_SHOPPING, id="by name"),
        pytest.param("utm_medium=cpc&utm_source=google&utm_campaign=workshop", codes.PAID_SEARCH, id="workshop"),
        pytest.param("utm_medium=cpc&utm_source=google&utm_campaign=bishop", codes.PAID_SEARCH, id="bishop"),
        pytest.param("utm_medium=cpc&utm_source=google&utm_campaign=eshop", codes.PAID_SHOPPING, id="eshop"),
        pytest.param("utm_medium=CPA", codes.PAID_OTHER, id="cpa"),
        pytest.param("utm_medium=CPA&utm_source=awin", codes.PAID_OTHER, id="cpa somewhere"),
        pytest.param("utm_medium=retargeting&utm_source=criteo", codes.PAID_OTHER, id="retargeting"),
        pytest.param("utm_medium=retargeting&utm_source=bing", codes.PAID_SEARCH, id="retargeting by an engine"),
        pytest.param("utm_medium=paid_social&utm_source=agency", codes.PAID_SOCIAL, id="a medium that says it"),
        pytest.param("utm_medium=cpm&utm_source=newspaper", codes.DISPLAY, id="cpm"),
        pytest.param("utm_medium=banner", codes.DISPLAY, id="banner"),
        pytest.param("utm_medium=display&utm_source=google", codes.DISPLAY, id="display of Google"),
        pytest.param("utm_campaign=cross-network&utm_source=google&utm_medium=cpc", codes.CROSS_NETWORK, id="cross"),
        pytest.param("utm_source=idealo.de", codes.ORGANIC_SHOPPING, id="shopping"),
        pytest.param("utm_source=instagram", codes.SOCIAL, id="social source"),
        pytest.param("utm_medium=social-network&utm_source=x1", codes.SOCIAL, id="social medium"),
        pytest.param("utm_source=youtube.com&utm_medium=link", codes.ORGANIC_VIDEO, id="video"),
        pytest.param("utm_medium=organic", codes.ORGANIC_SEARCH, id="organic"),
        pytest.param("utm_source=google", codes.ORGANIC_SEARCH, id="an engine as source"),
        pytest.param("utm_source=google.evil.example", codes.CAMPAIGN, id="no engine as source"),
        pytest.param("utm_source=chatgpt.com", codes.AI_ASSISTANT, id="chatgpt"),
        pytest.param("utm_source=perplexity&utm_medium=referral", codes.AI_ASSISTANT, id="perplexity"),
        pytest.param("utm_medium=referral", codes.REFERRAL, id="referral"),
        pytest.param("utm_medium=app&utm_source=partnerapp", codes.REFERRAL, id="app"),
        pytest.param("utm_medium=email&utm_source=news", codes.EMAIL, id="newsletter"),
        pytest.param("utm_medium=e%20mail&utm_source=news", codes.EMAIL, id="e mail"),
        pytest.param("utm_source=newsletter", codes.EMAIL, id="newsletter as source"),
        pytest.param("utm_medium=affiliate", codes.AFFILIATE, id="affiliate"),
        pytest.param("utm_medium=audio&utm_source=podcast", codes.AUDIO, id="audio"),
        pytest.param("utm_medium=sms", codes.SMS, id="sms"),
        pytest.param("utm_source=SMS&utm_medium=x", codes.SMS, id="sms as source"),
        pytest.param("utm_medium=push", codes.PUSH, id="push"),
        pytest.param("utm_medium=web-push&utm_source=x1", codes.PUSH, id="ends with push"),
        pytest.param("utm_source=firebase&utm_medium=x", codes.PUSH, id="firebase"),
        pytest.param("utm_source=(direct)&utm_medium=(none)", codes.DIRECT, id="direct"),
        pytest.param("utm_source=flyer", codes.CAMPAIGN, id="some campaign"),
        pytest.param(
            "utm_medium=email&utm_medium=cpc&utm_source=a&utm_source=google", codes.EMAIL, id="first one wins"
        ),
        pytest.param("utm_medium=&utm_medium=email", codes.EMAIL, id="the first that says something"),
        pytest.param("fbclid=x", codes.SOCIAL, id="fbclid"),
        pytest.param("fbclid=x&utm_medium=cpc", codes.PAID_SOCIAL, id="fbclid of an advertisement"),
        pytest.param("fbclid=x&utm_source=newsletter", codes.EMAIL, id="a newsletter shared on Facebook"),
        pytest.param("dclid=x", codes.DISPLAY, id="dclid"),
        pytest.param("srsltid=x", codes.ORGANIC_SHOPPING, id="srsltid"),
        pytest.param("igshid=x", codes.SOCIAL, id="igshid"),
        pytest.param("epik=x", codes.PAID_SOCIAL, id="epik"),
        pytest.param("ScCid=x", codes.PAID_SOCIAL, id="ScCid"),
        pytest.param("rdt_cid=x", codes.PAID_SOCIAL, id="rdt_cid"),
        pytest.param("ttclid=1", codes.PAID_SOCIAL, id="ttclid"),
        pytest.param("gclid=1", codes.PAID_SEARCH, id="gclid"),
        pytest.param("gclid=1&utm_source=google", codes.PAID_SEARCH, id="gclid says paid"),
        pytest.param("gclid=1&utm_medium=cpc&utm_source=my-agency", codes.PAID_SEARCH, id="gclid says who"),
        pytest.param("gclid=1&utm_medium=email", codes.EMAIL, id="the medium goes before it"),
        pytest.param("gclid=", codes.DIRECT, id="an empty one"),
        pytest.param("irclickid=1", codes.AFFILIATE, id="an affiliate network"),
        pytest.param("mc_cid=1", codes.EMAIL, id="a mailing"),
    ],
)
def test_campaigns(query: str, expected: Code) -> None:
    assert traffic_type(f"{HERE}?{query}", None, None) == expected


def test_a_click_id_goes_before_the_referrer() -> None:
    assert traffic_type(HERE + "?gclid=1", "https://www.google.com/", None) == codes.PAID_SEARCH
    assert traffic_type(HERE + "?srsltid=x", "https://www.google.com/", None) == codes.ORGANIC_SHOPPING


def test_codes_keep_their_meaning() -> None:
    assert [(code.code, code.name) for code in codes.TRAFFIC_TYPES] == [
        (0, ""),
        (1, "Direct"),
        (2, "Organic search"),
        (3, "Paid search"),
        (4, "Social"),
        (5, "Paid social"),
        (6, "Email"),
        (7, "Referral"),
        (8, "Display"),
        (9, "Affiliate"),
        (10, "Other campaign"),
        (11, "AI assistant"),
        (12, "Organic search (shopping)"),
        (13, "Paid shopping"),
        (14, "Video"),
        (15, "Paid video"),
        (16, "Paid other"),
        (17, "Cross-network"),
        (18, "Audio"),
        (19, "SMS"),
        (20, "Mobile push"),
    ]


@pytest.mark.parametrize(
    "given", ["https://shop.example", "shop.example/x", "", "a b", "*.shop.example", "shop..example"]
)
def test_what_is_no_domain_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match=r"write it as shop\.example"):
        hosts.checked_domain(given)


def test_domains_are_spelled_as_in_urls() -> None:
    assert hosts.checked_domain(" Bücher.Example. ") == "xn--bcher-kva.example"
    assert registrable_domains(["https://checkout.shop.example", "http://[::1]:80", "http://localhost:5173"]) == [
        "shop.example",
        "localhost",
    ]


def test_rules_are_no_source_of_other_sites() -> None:
    assert traffic_type(HERE, "https://shop-pay.example/x", None, PLAIN_URL_RULES) == codes.REFERRAL
    assert traffic_type(HERE, "https://shop-pay.example/x", None, UrlRules()) == codes.REFERRAL
