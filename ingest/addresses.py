"""The address of the client behind proxies: X-Forwarded-For is believed only from proxies that are named."""

import ipaddress
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

_log = logging.getLogger(__name__)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
#: Headers that only a proxy sets. A request with one of them may come from anywhere, whoever its peer is.
PROXY_HEADERS = frozenset({
    *("forwarded", "via", "x-real-ip", "x-client-ip", "x-cluster-client-ip", "true-client-ip", "client-ip"),
    *("forwarded-for", "x-original-forwarded-for", "x-originating-ip", "x-remote-ip", "x-envoy-external-address"),
    *("cf-connecting-ip", "cf-ray", "fastly-client-ip", "x-azure-clientip", "x-amzn-trace-id", "cdn-loop"),
})  # fmt: skip
#: Every header that begins so is a proxy's, too: X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host, X-Forwarded.
PROXY_PREFIX = "x-forwarded"
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def is_proxy_header(name: str) -> bool:
    """Whether only a proxy sets this header; `name` in lower case."""
    return name in PROXY_HEADERS or name.startswith(PROXY_PREFIX)


@lru_cache(4_096)
def parsed(address: str) -> Address | None:
    """The address that a text means, None when it is not one.

    An IPv4 address in IPv6 clothes (::ffff:203.0.113.7), as a socket for both gives it, is the IPv4 address.
    """
    try:
        whole = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return whole.ipv4_mapped or whole if isinstance(whole, ipaddress.IPv6Address) else whole


@dataclass(frozen=True, slots=True)
class ClientAddress:
    """Where a request comes from. `on_this_machine` only when no unknown proxy stands in between."""

    address: str
    on_this_machine: bool


class TrustedProxies:
    """The proxies whose word is believed, as addresses or networks; raises ValueError when one is neither."""

    def __init__(self, trusted: Iterable[str] = ()) -> None:
        self._trusted = tuple(_network(each) for each in trusted)
        self._reported = False

    def client(self, peer: str, forwarded_for: str | None) -> ClientAddress:
        """The last address of the chain that no trusted proxy stands for.

        Never this machine where a chain is given: what a proxy passes on may come from anywhere.
        """
        if forwarded_for is None:
            return ClientAddress(peer, is_loopback(peer))
        if not self.trusts(peer):
            if not self._reported:
                self._reported = True
                _log.warning("%s forwards requests but is not in ingest.trusted_proxies: all count as its own", peer)
            return ClientAddress(peer, False)
        chain = [without_port(part.strip()) for part in forwarded_for.split(",")]
        for address in reversed(chain):
            if not self.trusts(address):
                return ClientAddress(address[:45], False)
        return ClientAddress(chain[0][:45] or peer, False)

    def trusts(self, address: str) -> bool:
        """Whether this is the address of a proxy that is named."""
        whole = parsed(address)
        return whole is not None and any(whole in network for network in self._trusted)


def without_port(address: str) -> str:
    """An address of X-Forwarded-For without the port that some proxies add: 203.0.113.7:51234, [2001:db8::1]:443."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    host, _, port = address.partition(":")
    return host if "." in host and port.isdigit() else address


def _network(named: str) -> Network:
    network = ipaddress.ip_network(named, strict=False)
    mapped = network.network_address.ipv4_mapped if isinstance(network, ipaddress.IPv6Network) else None
    return ipaddress.ip_network(f"{mapped}/{network.prefixlen - 96}") if mapped else network


def is_loopback(address: str) -> bool:
    """Whether a text is an address of this machine itself."""
    whole = parsed(address)
    return whole is not None and whole.is_loopback
