"""Public addresses may be reached; all others only where a webhook says so, and some never."""

import pytest

from storage.webhooks.addresses import ForbiddenError, Resolver, check_url, may_reach, permitted

PUBLIC = ["93.184.215.14", "8.8.8.8", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "64:ff9b::808:808", "::ffff:8.8.8.8"]
PRIVATE = [
    *("127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "198.18.0.1", "192.0.2.1"),
    *("240.0.0.1", "255.255.255.255", "0.1.2.3", "::1", "fc00::1", "fd12::1", "2001:db8::1", "::7f00:1", "fec0::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:7f00:1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::1"),
    *("2001:0:4136:e378:8000:63bf:80ff:fffe", "100::1", "fd00::1%eth0"),
    *("192.0.0.8", "192.0.0.9", "192.88.99.1", "192.31.196.1", "192.52.193.1", "192.175.48.1", "203.0.113.9"),
    *("3fff::1", "3fff:fff::1", "5f00::1", "2001:20::1", "2001:30::1", "2620:4f:8000::1", "64:ff9b:1::808:808"),
    *("64:ff9b::c058:6301", "2002:c058:6301::1", "::ffff:192.88.99.1", "64:ff9b:1::a00:1"),
]
NEVER = [
    "0.0.0.0",  # noqa: S104 - nobody binds it
    *("169.254.169.254", "169.254.1.1", "224.0.0.1", "::", "ff02::1", "fe80::1", "fe80::1%eth0"),
    *("fd00:ec2::254", "100.100.100.200", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1"),
    *("localhost", "", "1.2.3", "0x7f000001"),
    *("192.0.0.192", "168.63.129.16", "fd20:ce::254", "64:ff9b:1::a9fe:a9fe", "64:ff9b:1:a9fe:a9:fe00::"),
    *("64:ff9b:1:1:a9:fea9:fe00:0", "64:ff9b:1:1:a9:fea9:fe00::", "64:ff9b:1:a9:fe:a9fe::", "::ffff:168.63.129.16"),
    *("64:ff9b::a83f:8110", "2002:a83f:8110::1", "::a9fe:a9fe", "2001:0:a9fe:a9fe::1"),
]


@pytest.mark.parametrize(
    ("address", "alone", "allowed"),
    [
        *((address, True, True) for address in PUBLIC),
        *((address, False, True) for address in PRIVATE),
        *((address, False, False) for address in NEVER),
    ],
)
def test_who_may_be_reached(address: str, alone: bool, allowed: bool) -> None:
    assert may_reach(address, allow_private=False) is alone
    assert may_reach(address, allow_private=True) is allowed


def test_one_private_address_among_public_ones_forbids_the_name() -> None:
    assert permitted(["8.8.8.8", "8.8.4.4"], False) == ["8.8.8.8", "8.8.4.4"]
    with pytest.raises(ForbiddenError, match=r"10\.0\.0\.1 is not a public address \(--allow-private"):
        permitted(["8.8.8.8", "10.0.0.1"], False)
    with pytest.raises(ForbiddenError, match="no address"):
        permitted([], False)


@pytest.mark.parametrize(
    ("url", "allow_private", "said"),
    [
        ("https://shop.example/hook", False, ("shop.example", 443)),
        ("https://shop.example:8443/hook?key=1", False, ("shop.example", 8443)),
        ("https://[2606:2800::1]/hook", False, ("2606:2800::1", 443)),
        ("http://shop.example/hook", True, ("shop.example", 80)),
        ("http://shop.example/hook", False, "must be https"),
        ("ftp://shop.example/hook", True, "must be https://HOST"),
        ("file:///etc/passwd", True, "must be https://HOST"),
        ("https:///hook", False, "must be https://HOST"),
        ("shop.example/hook", False, "must be https://HOST"),
        ("https://user:word@shop.example/", False, "neither a user nor a fragment"),
        ("https://shop.example/#here", False, "neither a user nor a fragment"),
        ("https://shop.example/a b", False, "in ASCII"),
        ("https://shop.example/\r\nHost: other", False, "in ASCII"),
        ("https://shöp.example/", False, "in ASCII"),
        ("https://shop.example:0/", False, "port must be"),
        ("https://shop.example:99999/", False, "cannot be read"),
        ("https://[::1/", False, "cannot be read"),
    ],
)
def test_what_a_url_may_be(url: str, allow_private: bool, said: tuple[str, int] | str) -> None:
    if isinstance(said, tuple):
        assert check_url(url, allow_private) == said
    else:
        with pytest.raises(ForbiddenError, match=said):
            check_url(url, allow_private)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "0x7f000001", "2130706433", "0177.1", "localhost", "::1"], ids=lambda host: f"written {host}"
)
async def test_other_spellings_of_loopback_are_seen_for_what_they_are(host: str) -> None:
    resolve = Resolver(1)
    try:
        found = await resolve(host, 80)
    finally:
        resolve.close()
    with pytest.raises(ForbiddenError):
        permitted(found, False)


async def test_a_name_that_cannot_be_one_does_not_resolve() -> None:
    resolve = Resolver(1)
    with pytest.raises(OSError, match="is no host name"):
        await resolve("a" * 70 + ".example", 443)
    resolve.close()
