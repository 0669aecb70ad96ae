"""Whose address it is, and whether it is this machine's."""

import pytest

from ingest.addresses import ClientAddress, TrustedProxies

TRUSTED = TrustedProxies(["10.0.0.0/8", "127.0.0.1"])


@pytest.mark.parametrize(
    ("proxies", "peer", "forwarded", "client"),
    [
        pytest.param(TrustedProxies(), "127.0.0.1", None, ClientAddress("127.0.0.1", True), id="this machine"),
        pytest.param(TrustedProxies(), "::ffff:127.0.0.1", None, ClientAddress("::ffff:127.0.0.1", True), id="mapped"),
        pytest.param(TrustedProxies(), "203.0.113.7", None, ClientAddress("203.0.113.7", False), id="another"),
        pytest.param(TrustedProxies(), "127.0.0.1", "203.0.113.7", ClientAddress("127.0.0.1", False), id="unnamed"),
        pytest.param(TrustedProxies(), "203.0.113.7", "127.0.0.1", ClientAddress("203.0.113.7", False), id="a lie"),
        pytest.param(TRUSTED, "127.0.0.1", "198.51.100.1", ClientAddress("198.51.100.1", False), id="behind a proxy"),
        pytest.param(
            TRUSTED, "10.0.0.1", "127.0.0.1, 198.51.100.1, 10.0.0.2", ClientAddress("198.51.100.1", False),
            id="lie in a chain",
        ),
        pytest.param(TRUSTED, "10.0.0.1", "10.0.0.2", ClientAddress("10.0.0.2", False), id="proxies only"),
        pytest.param(
            TRUSTED, "::ffff:10.0.0.1", "198.51.100.1", ClientAddress("198.51.100.1", False),
            id="a proxy by a mapped address",
        ),
        pytest.param(
            TrustedProxies(["::ffff:10.0.0.0/104"]), "10.0.0.1", "198.51.100.1", ClientAddress("198.51.100.1", False),
            id="a proxy named by a mapped network",
        ),
        pytest.param(TRUSTED, "10.0.0.1", "127.0.0.1", ClientAddress("127.0.0.1", False), id="the proxy's own machine"),
        pytest.param(TRUSTED, "10.0.0.1", "198.51.100.1:51234", ClientAddress("198.51.100.1", False), id="with a port"),
        pytest.param(
            TRUSTED, "10.0.0.1", "[2001:db8::1]:443, 10.0.0.2:80", ClientAddress("2001:db8::1", False),
            id="IPv6 with a port",
        ),
        pytest.param(TRUSTED, "10.0.0.1", "[2001:db8::1]", ClientAddress("2001:db8::1", False), id="IPv6 in brackets"),
        pytest.param(TRUSTED, "10.0.0.1", "2001:db8::1", ClientAddress("2001:db8::1", False), id="IPv6"),
        pytest.param(TRUSTED, "10.0.0.1", "", ClientAddress("", False), id="empty"),
        pytest.param(TRUSTED, "10.0.0.1", "junk", ClientAddress("junk", False), id="no address"),
        pytest.param(TrustedProxies(), "", None, ClientAddress("", False), id="a socket without one"),
    ],
)  # fmt: skip
def test_client(proxies: TrustedProxies, peer: str, forwarded: str | None, client: ClientAddress) -> None:
    assert proxies.client(peer, forwarded) == client


def test_a_proxy_that_is_no_address() -> None:
    with pytest.raises(ValueError, match="nginx"):
        TrustedProxies(["nginx"])


def test_a_proxy_that_nobody_named_is_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    proxies = TrustedProxies()
    for _ in range(3):
        proxies.client("127.0.0.1", "203.0.113.7")
    assert [record.getMessage() for record in caplog.records] == [
        "127.0.0.1 forwards requests but is not in ingest.trusted_proxies: all count as its own"
    ]
