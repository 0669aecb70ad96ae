"""Tokens of sessions hold for their time, for one session, and only as they were made."""

import base64

import pytest

from ingest.tokens import Claim, SessionTokens, TokenError, signature

NOW = 1_000_000.0


def tokens(now: float = NOW, secret: bytes = b"secret") -> SessionTokens:
    return SessionTokens(secret, 300, lambda: now)


def issued(now: float = NOW, secret: bytes = b"secret") -> str:
    return tokens(now, secret).issue("shop", "s1", "band").token


def signed(said: bytes, purpose: bytes = b"opecom session ") -> str:
    text = base64.urlsafe_b64encode(said).decode().rstrip("=")
    return f"{text}.{signature(b'secret', purpose, text)}"


def test_a_token_names_its_session_until_it_expires() -> None:
    token = tokens().issue("shop", "s1", "band")
    assert (token.expires_at, token.expires_in) == (1_000_300_000, 300)
    claim = tokens(NOW + 299).read(token.token)
    assert (claim.site, claim.session_id, claim.shown, claim.expires_at) == ("shop", "s1", "band", 1_000_300)
    with pytest.raises(TokenError, match="has expired: POST /tracker/intent/token"):
        tokens(NOW + 300).read(token.token)


def test_the_longest_names_fit_in_a_url() -> None:
    assert len(tokens().issue("s" * 64, "~" * 64, "band").token) < 400


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("", id="empty"),
        pytest.param("..", id="dots"),
        pytest.param("é.ü", id="not ASCII"),
        pytest.param("9" * 5_000, id="long"),
        pytest.param(issued()[:-1], id="cut"),
        pytest.param(issued() + "A", id="longer"),
        pytest.param(issued().rpartition(".")[0] + ".", id="unsigned"),
        pytest.param("A" + issued(), id="another claim"),
        pytest.param(issued().swapcase(), id="other case"),
        pytest.param(issued(secret=b"another"), id="another secret"),
        pytest.param(signed(b'["shop","s1","all",2000000,""]', b"opecom stream "), id="of another purpose"),
    ],
)
def test_a_forged_token_is_refused(token: str) -> None:
    with pytest.raises(TokenError, match="was not made here"):
        tokens().read(token)


@pytest.mark.parametrize(
    "said",
    [b"", b"no json", b"\xff", b"[]", b'["shop","s1","everything",2000000,""]', b'["shop","s1","all",2000000,"",1]'],
    ids=["nothing", "no JSON", "no text", "too short", "shows something else", "too long"],
)
def test_a_token_of_another_version_is_refused(said: bytes) -> None:
    with pytest.raises(TokenError, match="of another version"):
        tokens().read(signed(said))


def test_what_is_signed_is_read() -> None:
    claim = tokens().read(signed(b'["shop","s1","all",2000000,"x"]'))
    assert claim == Claim("shop", "s1", "all", 2_000_000, "x")


def test_two_tokens_of_one_second_differ() -> None:
    assert issued() != issued()
