"""Headers on their way through: what a server may conclude from them stays true."""

import pytest

from ingest.addresses import PROXY_HEADERS
from ingest.admission.origins import RawHeaders
from ingest.proxy.upstream import forwarded, returned

HOST = (b"host", b"localhost:8001")
HERE, FAR = "127.0.0.1", "203.0.113.7"


@pytest.mark.parametrize(
    ("headers", "peer", "told"),
    [
        pytest.param([HOST], HERE, None, id="this machine itself"),
        pytest.param([HOST], "::1", None, id="this machine by IPv6"),
        pytest.param([HOST], FAR, b"203.0.113.7", id="another machine"),
        pytest.param([HOST], "", b"unknown", id="nobody knows"),
        pytest.param([HOST, (b"x-forwarded-for", b"127.0.0.1")], FAR, b"127.0.0.1, 203.0.113.7", id="a lie"),
        pytest.param([HOST, (b"x-forwarded-for", b"")], HERE, b", 127.0.0.1", id="an empty lie"),
        pytest.param(
            [HOST, (b"x-forwarded-for", b"10.0.0.1"), (b"x-forwarded-for", b"10.0.0.2")],
            HERE, b"10.0.0.1, 10.0.0.2, 127.0.0.1", id="two lines",
        ),
        pytest.param([HOST, (b"forwarded", b"for=10.0.0.1")], HERE, b"127.0.0.1", id="a proxy here"),
        pytest.param([], HERE, b"127.0.0.1", id="no name that was asked for"),
        pytest.param(
            [HOST, (b"connection", b"X-Forwarded-For, close"), (b"x-forwarded-for", b"10.0.0.1")],
            HERE, b"10.0.0.1, 127.0.0.1", id="a chain that Connection should hide",
        ),
        pytest.param([HOST, (b"x-real-ip", b"10.0.0.1")], HERE, b"127.0.0.1", id="a proxy that names its client"),
        pytest.param(
            [HOST, (b"connection", b"Via, X-Real-IP"), (b"via", b"1.1 x"), (b"x-real-ip", b"10.0.0.1")],
            HERE, b"127.0.0.1", id="marks that Connection should hide",
        ),
    ],
)  # fmt: skip
def test_the_address_of_a_client_elsewhere_is_passed_on(headers: RawHeaders, peer: str, told: bytes | None) -> None:
    passed = forwarded(headers, peer)
    assert [value for name, value in passed if name == b"x-forwarded-for"] == ([] if told is None else [told])
    assert (HOST in headers) == (HOST in passed)


def test_what_is_between_two_servers_only_is_not_passed_on() -> None:
    sent = [
        HOST,
        (b"connection", b"keep-alive, X-Private, Host, X-OPECOM-Key"),
        (b"x-private", b"1"),
        (b"x-opecom-key", b"key"),
        (b"keep-alive", b"5"),
        (b"te", b"trailers"),
        (b"transfer-encoding", b"chunked"),
        (b"content-length", b"7"),
        (b"expect", b"100-continue"),
        (b"upgrade", b"h2c"),
        (b"proxy-authorization", b"x"),
        (b"accept", b"text/csv"),
        (b"accept", b"text/plain"),
    ]
    assert forwarded(sent, HERE) == [
        HOST, (b"x-opecom-key", b"key"), (b"accept", b"text/csv"), (b"accept", b"text/plain"),
    ]  # fmt: skip


def test_an_answer_comes_back_without_the_servers_own_connection_and_cors() -> None:
    answered = [
        (b"Date", b"today"),
        (b"Server", b"x"),
        (b"Connection", b"close, X-Hop"),
        (b"X-Hop", b"1"),
        (b"Transfer-Encoding", b"chunked"),
        (b"Access-Control-Allow-Origin", b"*"),
        (b"Content-Length", b"3"),
        (b"Content-Encoding", b"gzip"),
        (b"Set-Cookie", b"a"),
        (b"Set-Cookie", b"b"),
    ]
    assert returned(answered) == [
        (b"content-length", b"3"), (b"content-encoding", b"gzip"), (b"set-cookie", b"a"), (b"set-cookie", b"b"),
    ]  # fmt: skip


@pytest.mark.parametrize("mark", sorted({*PROXY_HEADERS, "x-forwarded-proto", "x-forwarded-host", "x-forwarded"}))
def test_nobody_takes_the_marks_of_a_proxy_away(mark: str) -> None:
    sent = [HOST, (b"connection", f"close, {mark.title()}".encode()), (mark.encode(), b"x")]
    passed = forwarded(sent, HERE)
    assert (mark.encode(), b"x") in passed
    assert (b"x-forwarded-for", b"127.0.0.1") in passed
