"""The address of the client behind proxies: X-Forwarded-For is believed only from proxies that are named."""

import ipaddress
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Client:
    """Where a request comes from. `on_this_machine` only when no unknown proxy stands in between."""

    address: str
    on_this_machine: bool


class Proxies:
    """The proxies whose word is believed, as addresses or networks; raises ValueError when one is neither."""

    def __init__(self, trusted: Iterable[str] = ()) -> None:
        self._trusted = tuple(ipaddress.ip_network(each, strict=False) for each in trusted)
        self._told = False

    def client(self, peer: str, forwarded_for: str | None) -> Client:
        """The last address of the chain that no trusted proxy stands for."""
        if forwarded_for is None:
            return Client(peer, _is_loopback(peer))
        if not self._trusts(peer):
            if not self._told:
                self._told = True
                _log.warning("%s forwards requests but is not in ingest.trusted_proxies: all count as its own", peer)
            # Even on this machine: what a proxy forwards comes from anywhere.
            return Client(peer, False)
        chain = [part.strip() for part in forwarded_for.split(",")]
        for address in reversed(chain):
            if not self._trusts(address):
                return Client(address[:45], _is_loopback(address))
        return Client(chain[0][:45] or peer, False)

    def _trusts(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._trusted)


@lru_cache(4_096)
def _is_loopback(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        return parsed.ipv4_mapped.is_loopback
    return parsed.is_loopback
