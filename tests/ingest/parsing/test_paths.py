"""Every page has one spelling, and no session's secret stands in it."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.parsing.paths import MAX_PATH, clipped, normal_path, split_url


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("/bücher/1", "/bücher/1", id="as people read it"),
        pytest.param("/b%C3%BCcher/1", "/bücher/1", id="percent-encoded"),
        pytest.param("/b%c3%bccher/1", "/bücher/1", id="in lower case"),
        pytest.param("/bu\u0308cher/1", "/bücher/1", id="NFD"),
        pytest.param("/bu%CC%88cher/1", "/bücher/1", id="NFD, percent-encoded"),
        pytest.param("/%7Euser/%2Da", "/~user/-a", id="unreserved need no encoding"),
        pytest.param("/a%2fb%3fc%25", "/a%2Fb%3Fc%25", id="what means something stays encoded"),
        pytest.param("/red shoe", "/red%20shoe", id="a space"),
        pytest.param("/red%20shoe", "/red%20shoe", id="a space, encoded"),
        pytest.param("/100%", "/100%25", id="a percent sign alone"),
        pytest.param("/%%34%31", "/%2541", id="no double decoding"),
        pytest.param("/%FF%fe", "/%FF%FE", id="no UTF-8"),
        pytest.param("/\x1b[2J", "/%1B[2J", id="a terminal escape"),
        pytest.param("/%1b[2J", "/%1B[2J", id="a terminal escape, encoded"),
        pytest.param("/\x9b2J\x7f", "/%C2%9B2J%7F", id="other control characters"),
        pytest.param("/a\u202egnp.exe", "/a%E2%80%AEgnp.exe", id="text turned around"),
        pytest.param("/a\u2028b", "/a%E2%80%A8b", id="a line end of Unicode"),
        pytest.param("//products/7", "/products/7", id="a slash too many"),
        pytest.param("/products///7/", "/products/7/", id="slashes too many"),
        pytest.param("/a/../b/./c", "/b/c", id="dot segments"),
        pytest.param("/a/%2e%2E/b", "/b", id="dot segments, encoded"),
        pytest.param("/a/b/..", "/a/", id="a dot segment at the end"),
        pytest.param("/../..", "/", id="above the root"),
        pytest.param("/.well-known/x", "/.well-known/x", id="a hidden file"),
        pytest.param("", "/", id="nothing"),
        pytest.param("p/1", "/p/1", id="no slash"),
        pytest.param("/cart;jsessionid=0A1B2C", "/cart", id="a servlet's session"),
        pytest.param("/cart;JSESSIONID=0A1B!9/pay;v=2", "/cart/pay;v=2", id="between others"),
        pytest.param("/cart%3Bjsessionid%3D0A1B", "/cart", id="encoded"),
        pytest.param("/a;PHPSESSID=1;colour=red;sid=2", "/a;colour=red", id="other sessions"),
        pytest.param("/a;access_token=xyz", "/a", id="a token"),
        pytest.param("/a;id=5", "/a;id=5", id="a parameter that is no session"),
        pytest.param("/(S(lit3py55t21z5v55vlm25s55))/orders", "/orders", id="ASP.NET"),
        pytest.param("/shop/(A(x)F(y))", "/shop", id="ASP.NET, at the end"),
        pytest.param("/wiki/(band)", "/wiki/(band)", id="brackets"),
    ],
)  # fmt: skip
def test_a_path_has_one_spelling(path: str, expected: str) -> None:
    assert normal_path(path) == expected
    assert normal_path(expected) == expected


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_normalising_again_changes_nothing(text: str) -> None:
    once = normal_path("/" + text)
    assert normal_path(once) == once
    assert once.startswith("/")
    assert once.isprintable()


@given(st.text(st.characters(categories=["L", "N"]), max_size=30))
def test_encoded_and_plain_are_one(text: str) -> None:
    assert normal_path("/" + quote(text)) == normal_path("/" + text)


def test_a_url_that_begins_with_two_slashes_is_a_path() -> None:
    assert split_url("//products/7?x=1")[:4] == ("", "", "/products/7", "x=1")
    assert split_url("https://shop.example//products/7").path == "//products/7"


def test_no_half_of_an_escape_is_kept() -> None:
    assert clipped("/" + "a" * (MAX_PATH - 2) + "%1B") == "/" + "a" * (MAX_PATH - 2)
    assert clipped("/" + "a" * (MAX_PATH - 4) + "%1B") == "/" + "a" * (MAX_PATH - 4) + "%1B"
    assert clipped("/a") == "/a"


def test_a_long_path_costs_little() -> None:
    for path in ("/" + "a" * 4_000 + ";", "/" * 4_000, "/a" * 2_000 + "%", "/;sid" * 800, "/(A(" * 1_000, "/." * 2_000):
        assert normal_path(path).startswith("/")
