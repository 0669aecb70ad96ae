"""The door's order of questions before a body is read: from where, with which key, from which page, how often."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs

from ingest.addresses import Client, Proxies
from ingest.errors import RefusedError
from ingest.keys import Grant, Keys
from ingest.limits import TokenBuckets, address_holder
from ingest.origins import Origins


@dataclass(frozen=True, slots=True)
class Admitted:
    """A request that may write."""

    client: Client
    grant: Grant
    origin: str | None


class Guard:
    """Import keys are secret and trusted: no rate holds for them. No address rate holds for this machine itself."""

    def __init__(
        self, keys: Keys, origins: Origins, proxies: Proxies, per_key: TokenBuckets, per_address: TokenBuckets
    ) -> None:
        self._keys = keys
        self._origins = origins
        self._proxies = proxies
        self._per_key = per_key
        self._per_address = per_address

    def admit(self, headers: Mapping[bytes, bytes], query: bytes, peer: str, now: float) -> Admitted:
        """Who asks; takes one token of the rates; raises RefusedError. `now` in monotonic seconds."""
        forwarded = headers.get(b"x-forwarded-for")
        client = self._proxies.client(peer, forwarded.decode("latin-1") if forwarded is not None else None)
        self._take(self._per_address, _address(client), 1, now)
        header_key = headers.get(b"x-opecom-key", b"").decode("latin-1")
        query_key = parse_qs(query.decode("latin-1")).get("key", [""])[0] if query else ""
        grant = self._keys.grant(header_key, query_key, client.on_this_machine and b"forwarded" not in headers)
        origin = origin_of(headers)
        self._origins.check(origin, grant.site)
        self._take(self._per_key, _key(grant), 1, now)
        return Admitted(client, grant, origin)

    def count(self, admitted: Admitted, events: int, now: float) -> None:
        """Takes the tokens of a batch beyond its first event; raises RefusedError(rate)."""
        if events > 1:
            self._take(self._per_address, _address(admitted.client), events - 1, now)
            self._take(self._per_key, _key(admitted.grant), events - 1, now)

    def _take(self, buckets: TokenBuckets, holder: str | None, tokens: int, now: float) -> None:
        wait = buckets.take(holder, tokens, now) if holder is not None else 0
        if wait:
            named = "ingest.key_rate_per_second" if buckets is self._per_key else "ingest.address_rate_per_second"
            raise RefusedError("rate", f"too many events; wait {wait} s ({named})", retry_after=wait)


def origin_of(headers: Mapping[bytes, bytes]) -> str | None:
    origin = headers.get(b"origin")
    return origin.decode("latin-1") if origin is not None else None


def _address(client: Client) -> str | None:
    return None if client.on_this_machine else address_holder(client.address)


def _key(grant: Grant) -> str | None:
    return None if grant.scope == "import" else grant.holder
