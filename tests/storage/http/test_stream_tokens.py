"""Tokens hold for their time, and only as they were made."""

import pytest

from storage.http.errors import ReadError
from storage.http.stream_tokens import StreamClaim, Tokens

NOW = 1_000_000.0


def tokens(now: float = NOW, secret: bytes = b"secret") -> Tokens:
    return Tokens(secret, 300, lambda: now)


def test_a_token_holds_until_it_expires() -> None:
    token = tokens().issue()
    assert (token.expires_at, token.expires_in) == (1_000_300_000, 300)
    assert tokens(NOW + 299).check(token.token) == StreamClaim(None, "")
    with pytest.raises(ReadError, match="has expired") as expired:
        tokens(NOW + 300).check(token.token)
    assert (expired.value.code, expired.value.status) == ("wrong_token", 401)


@pytest.mark.parametrize(
    "forge",
    [
        lambda token: "",
        lambda token: "..",
        lambda token: "é.ü.ß",
        lambda token: "9" * 5_000,
        lambda token: token[:-1],
        lambda token: token + "A",
        lambda token: "2" + token[1:],
        lambda token: token.rpartition(".")[0] + ".",
        lambda token: token.swapcase(),
        lambda token: tokens(secret=b"another").issue().token,
    ],
    ids=["empty", "dots", "not-ascii", "long", "cut", "longer", "later", "unsigned", "other-case", "other-secret"],
)
def test_a_forged_token_is_refused(forge: object) -> None:
    assert callable(forge)
    with pytest.raises(ReadError, match="was not made here") as refused:
        tokens().check(forge(tokens().issue().token))
    assert refused.value.code == "wrong_token"


@pytest.mark.parametrize(
    "sites", [(), ("a.b",), ("shop", "shop-2")], ids=["of none", "with a dot in its name", "of two"]
)
def test_a_token_reports_the_sites_that_it_was_made_for(sites: tuple[str, ...]) -> None:
    token = tokens().issue(sites).token
    assert tokens().check(token) == StreamClaim(frozenset(sites), "")
    with pytest.raises(ReadError, match="was not made here"):
        tokens().check(token.replace("shop", "else") if "shop" in token else f"9{token}")


@pytest.mark.parametrize("sites", [None, ("a.b",)], ids=["of all", "of one"])
def test_a_token_names_the_key_that_it_is_of(sites: tuple[str, ...] | None) -> None:
    token = tokens().issue(sites, "0123456789abcdef").token
    assert tokens().check(token) == StreamClaim(None if sites is None else frozenset(sites), "0123456789abcdef")
    with pytest.raises(ReadError, match="was not made here"):
        tokens().check(token.replace("abcdef", "abcde0"))


def test_two_tokens_of_one_second_differ() -> None:
    assert tokens().issue().token != tokens().issue().token
