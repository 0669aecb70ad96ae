"""Whose address it is, and whether it is this machine's."""

import pytest

from ingest.addresses import Client, Proxies

TRUSTED = Proxies(["10.0.0.0/8", "127.0.0.1"])


@pytest.mark.parametrize(
    ("proxies", "peer", "forwarded", "client"),
    [
        pytest.param(Proxies(), "127.0.0.1", None, Client("127.0.0.1", True), id="this machine"),
        pytest.param(Proxies(), "::ffff:127.0.0.1", None, Client("::ffff:127.0.0.1", True), id="mapped"),
        pytest.param(Proxies(), "203.0.113.7", None, Client("203.0.113.7", False), id="another"),
        pytest.param(Proxies(), "127.0.0.1", "203.0.113.7", Client("127.0.0.1", False), id="a proxy nobody named"),
        pytest.param(Proxies(), "203.0.113.7", "127.0.0.1", Client("203.0.113.7", False), id="a lie"),
        pytest.param(TRUSTED, "127.0.0.1", "198.51.100.1", Client("198.51.100.1", False), id="behind a proxy"),
        pytest.param(
            TRUSTED, "10.0.0.1", "127.0.0.1, 198.51.100.1, 10.0.0.2", Client("198.51.100.1", False), id="lie in a chain"
        ),
        pytest.param(TRUSTED, "10.0.0.1", "10.0.0.2", Client("10.0.0.2", False), id="proxies only"),
        pytest.param(
            TRUSTED, "::ffff:10.0.0.1", "198.51.100.1", Client("198.51.100.1", False), id="a proxy by a mapped address"
        ),
        pytest.param(
            Proxies(["::ffff:10.0.0.0/104"]), "10.0.0.1", "198.51.100.1", Client("198.51.100.1", False),
            id="a proxy named by a mapped network",
        ),
        pytest.param(TRUSTED, "10.0.0.1", "127.0.0.1", Client("127.0.0.1", False), id="the proxy's own machine"),
        pytest.param(TRUSTED, "10.0.0.1", "198.51.100.1:51234", Client("198.51.100.1", False), id="with a port"),
        pytest.param(
            TRUSTED, "10.0.0.1", "[2001:db8::1]:443, 10.0.0.2:80", Client("2001:db8::1", False), id="IPv6 with a port"
        ),
        pytest.param(TRUSTED, "10.0.0.1", "[2001:db8::1]", Client("2001:db8::1", False), id="IPv6 in brackets"),
        pytest.param(TRUSTED, "10.0.0.1", "2001:db8::1", Client("2001:db8::1", False), id="IPv6"),
        pytest.param(TRUSTED, "10.0.0.1", "", Client("", False), id="empty"),
        pytest.param(TRUSTED, "10.0.0.1", "junk", Client("junk", False), id="no address"),
        pytest.param(Proxies(), "", None, Client("", False), id="a socket without one"),
    ],
)  # fmt: skip
def test_client(proxies: Proxies, peer: str, forwarded: str | None, client: Client) -> None:
    assert proxies.client(peer, forwarded) == client


def test_a_proxy_that_is_no_address() -> None:
    with pytest.raises(ValueError, match="nginx"):
        Proxies(["nginx"])


def test_a_proxy_that_nobody_named_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    proxies = Proxies()
    for _ in range(3):
        proxies.client("127.0.0.1", "203.0.113.7")
    assert [record.getMessage() for record in caplog.records] == [
        "127.0.0.1 forwards requests but is not in ingest.trusted_proxies: all count as its own"
    ]
