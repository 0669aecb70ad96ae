"""Which addresses a webhook may reach: public ones, unless it says that private ones are meant.

A name is resolved once for each attempt, and the request goes to the very address that was looked at: a name that
answers differently a moment later leads nowhere else.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from storage.errors import StorageError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
#: All addresses of a host, for connections to a port; raises OSError.
Resolve = Callable[[str, int], Awaitable[list[str]]]

#: Where clouds answer their machines with credentials or serve them, beyond the link-local range: AWS, Google, Alibaba,
#: Oracle and Azure.
_METADATA = {
    ipaddress.ip_address(address)
    for address in ("fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "192.0.0.192", "168.63.129.16")
}
#: By these an IPv6 network reaches IPv4. The first ends in the address that is meant (RFC 6052).
#: In the second a network chooses where it stands (RFC 8215).
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
_TRANSLATED_HERE = ipaddress.ip_network("64:ff9b:1::/48")
#: An IPv4 address as the last four bytes: "IPv4-compatible" (RFC 4291).
_COMPATIBLE = ipaddress.ip_network("::/96")
_UNICAST = ipaddress.ip_network("2000::/3")
#: What IANA's registries of special-purpose addresses do not call globally reachable, or what no server has: kept here
#: too, as the table of the standard library is as old as the Python that runs. An exception of the registry for
#: anycast, such as 192.0.0.9, is nobody's receiver either.
_SPECIAL = [
    ipaddress.ip_network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        *("2001::/23", "2001:db8::/32", "2620:4f:8000::/48", "3fff::/20", "5f00::/16", "64:ff9b:1::/48"),
        *("100::/64", "100:0:0:1::/64", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"),
    )
]


class ForbiddenError(StorageError):
    """An address that this webhook may not reach, or a URL that none may have; the message says what to do."""


def check_url(url: str, allow_private: bool) -> tuple[str, int]:
    """The host and the port of a webhook's URL; raises ForbiddenError for one that no webhook may have."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ForbiddenError(f"the URL cannot be read ({error})") from None
    if parts.scheme not in ("https", "http") or not host or not url.isascii() or not url.isprintable() or " " in url:
        raise ForbiddenError("the URL must be https://HOST/..., in ASCII")
    if port == 0:
        raise ForbiddenError("the URL's port must be 1 to 65535")
    if parts.username is not None or parts.fragment:
        raise ForbiddenError("the URL must have neither a user nor a fragment: requests are signed")
    if parts.scheme == "http" and not allow_private:
        raise ForbiddenError("the URL must be https: http is for receivers of your own network (--allow-private)")
    return host, port or (443 if parts.scheme == "https" else 80)


def permitted(addresses: Iterable[str], allow_private: bool) -> list[str]:
    """These addresses, all of which may be reached; raises ForbiddenError where one may not."""
    found = list(addresses)
    for address in found:
        if not may_reach(address, allow_private):
            raise ForbiddenError(
                f"{address} is an address that no webhook may reach"
                if allow_private
                else f"{address} is not a public address (--allow-private, for receivers of your own network)"
            )
    if not found:
        raise ForbiddenError("the host has no address")
    return found


def may_reach(address: str, allow_private: bool) -> bool:
    """Whether a request may go there. Link-local, metadata and group addresses are nobody's receivers.

    Of an IPv6 address that stands for IPv4 ones, all that it may stand for must be allowed.
    """
    try:
        given = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    meant = _meant(given)
    if any(_is_nobodys(each) for each in meant):
        return False
    return allow_private or (given not in _TRANSLATED_HERE and all(_is_public(each) for each in meant))


def _is_nobodys(address: Address) -> bool:
    return address in _METADATA or address.is_link_local or address.is_multicast or address.is_unspecified


def _is_public(address: Address) -> bool:
    special = any(address in network for network in _SPECIAL if network.version == address.version)
    return address.is_global and not special and (address.version == 4 or address in _UNICAST)


class Resolver:
    """Resolves by the system, in threads of its own: a name server that hangs holds up nobody else."""

    def __init__(self, threads: int = 64) -> None:
        self._threads = ThreadPoolExecutor(threads, "resolve")

    async def __call__(self, host: str, port: int) -> list[str]:
        try:
            found = await asyncio.get_running_loop().run_in_executor(
                self._threads, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            )
        except UnicodeError as error:
            raise OSError(f"{host:.80} is no host name") from error
        return list(dict.fromkeys(str(each[4][0]) for each in found))

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def _meant(address: Address) -> list[Address]:
    """The IPv4 addresses that an IPv6 one may stand for; where it stands for none, itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    packed = address.packed
    if address in _TRANSLATED or (address in _COMPATIBLE and packed[-4:-1] != b"\0\0\0"):
        return [ipaddress.IPv4Address(packed[-4:])]
    if address in _TRANSLATED_HERE:
        # After a prefix of 48, 56, 64 or 96 bits, around the byte that is always zero.
        places = (packed[6:8] + packed[9:11], packed[7:8] + packed[9:12], packed[9:13], packed[12:16])
        return [address, *(ipaddress.IPv4Address(place) for place in places if any(place))]
    if address.teredo:
        # The server and the client, both of which get packets.
        return [*address.teredo]
    return [address.ipv4_mapped or address.sixtofour or address]
