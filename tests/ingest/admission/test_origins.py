"""Origins as browsers spell them, and which pages are of this machine."""

import pytest

from ingest.admission.keys import SiteAccess
from ingest.admission.origins import Origins, checked_origin, is_loopback_page
from ingest.errors import RequestRefusedError


@pytest.mark.parametrize(
    ("given", "spelled"),
    [
        pytest.param("https://shop.example", "https://shop.example", id="as it is"),
        pytest.param("http://shop.example:80", "http://shop.example", id="the port of http"),
        pytest.param("https://shop.example:443/", "https://shop.example", id="the port of https"),
        pytest.param("http://shop.example:443", "http://shop.example:443", id="the port of the other"),
        pytest.param("http://localhost:5173", "http://localhost:5173", id="a port"),
        pytest.param("HTTPS://Shop.Example", "https://shop.example", id="capitals"),
        pytest.param("https://bücher.example", "https://xn--bcher-kva.example", id="an international name"),
        pytest.param("https://BÜCHER.example:443", "https://xn--bcher-kva.example", id="the same in capitals"),
        pytest.param("https://straße.example", "https://xn--strae-oqa.example", id="as browsers do, not as in 2003"),
        pytest.param("https://xn--bcher-kva.example", "https://xn--bcher-kva.example", id="spelled already"),
        pytest.param("http://[::1]:8001", "http://[::1]:8001", id="IPv6"),
        pytest.param("http://[2001:DB8:0::1]:80", "http://[2001:db8::1]", id="IPv6, the short way"),
        pytest.param("https://my_shop.example", "https://my_shop.example", id="an underscore"),
    ],
)
def test_an_origin_is_kept_as_browsers_spell_it(given: str, spelled: str) -> None:
    assert checked_origin(given) == spelled
    Origins(()).check(spelled, SiteAccess("shop", origins=frozenset({checked_origin(given)})))


@pytest.mark.parametrize(
    ("given", "mend"),
    [
        pytest.param("shop.example", "write it as https://shop.example", id="no scheme"),
        pytest.param("chrome-extension://abcdef", "write it as https://", id="an extension"),
        pytest.param("https://shop.example/cart", "write it as https://", id="a path"),
        pytest.param("https://shop.example#x", "write it as https://", id="a fragment"),
        pytest.param("https://shop.example:http", "write it as https://", id="no port"),
        pytest.param("https://me@shop.example", "names a user", id="a user"),
        pytest.param("https://shop example", "no name of a host", id="a space"),
        pytest.param("https://*.shop.example", "https://shop.example and https://www.shop.example", id="a wildcard"),
        pytest.param("http://*", "http://shop.example and http://www.shop.example", id="all"),
    ],
)
def test_what_no_browser_sends_is_refused_with_what_to_write(given: str, mend: str) -> None:
    with pytest.raises(ValueError, match="^" + repr(given).replace("*", r"\*")) as refused:
        checked_origin(given)
    assert mend in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("origin", "here"),
    [
        ("http://localhost:5173", True),
        ("https://127.0.0.1", True),
        ("http://[::1]:3000", True),
        ("chrome-extension://localhost", False),
        ("moz-extension://127.0.0.1", False),
        ("file://localhost", False),
        ("http://localhost.evil.example", False),
        ("http://[", False),
        ("null", False),
    ],
)
def test_a_page_of_this_machine(origin: str, here: bool) -> None:
    assert is_loopback_page(origin) is here
    own, given = SiteAccess("default"), origin
    if here:
        Origins(()).check(given, own)
    else:
        with pytest.raises(RequestRefusedError, match="may not send events"):
            Origins(()).check(given, own)
