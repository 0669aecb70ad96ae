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

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
#: All addresses of a host, for connections to a port; raises OSError.
Resolve = Callable[[str, int], Awaitable[list[str]]]

#: Where clouds answer their machines with credentials, beyond the link-local range.
_METADATA = {ipaddress.ip_address("fd00:ec2::254"), ipaddress.ip_address("100.100.100.200")}
#: By these an IPv6 network reaches IPv4 (RFC 6052); the last four bytes are the address that is meant.
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
_UNICAST = ipaddress.ip_network("2000::/3")


class ForbiddenError(Exception):
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
    """Whether a request may go there. Link-local, metadata and group addresses are nobody's receivers."""
    try:
        meant = _meant(ipaddress.ip_address(address.partition("%")[0]))
    except ValueError:
        return False
    if meant in _METADATA or meant.is_link_local or meant.is_multicast or meant.is_unspecified:
        return False
    return allow_private or (meant.is_global and (meant.version == 4 or meant in _UNICAST))


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


def _meant(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, where it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _TRANSLATED:
        return ipaddress.IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else address)
