"""Who may write. Before a body is read, in order: from where and how often, with which key and from which page, how
often with this key. After it: the tokens of its size and events, and new sessions.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs

from ingest.addresses import ClientAddress, TrustedProxies, is_proxy_header
from ingest.admission.keys import Grant, Keys
from ingest.admission.limits import AddressBuckets, TokenBuckets
from ingest.admission.origins import Origins
from ingest.admission.sessions import SessionAdmission
from ingest.errors import RequestRefusedError


@dataclass(frozen=True, slots=True)
class Admission:
    """A request that may write."""

    client: ClientAddress
    grant: Grant
    origin: str | None


class Guard:
    """A request on an import key is limited by its address only, a request from this machine by its key only.

    An import from this machine has no limit.
    """

    def __init__(
        self,
        keys: Keys,
        origins: Origins,
        proxies: TrustedProxies,
        per_key: TokenBuckets,
        per_address: AddressBuckets,
        sessions: SessionAdmission,
    ) -> None:
        self._keys = keys
        self._origins = origins
        self._proxies = proxies
        self._per_key = per_key
        self._per_address = per_address
        self._sessions = sessions

    def admit(self, headers: Mapping[bytes, bytes], query: bytes, peer: str, now: float) -> Admission:
        """Who asks; raises RequestRefusedError. `now` in monotonic seconds.

        Takes one token of each rate. The address pays whatever comes of the request: else keys could be guessed freely.
        """
        client = self.client(headers, peer)
        address = _limited_address(client)
        if address is not None and (wait := self._per_address.take(address, 1, now)):
            raise _too_often(wait, "ingest.address_rate_per_second")
        header_key = headers.get(b"x-opecom-key", b"").decode("latin-1")
        query_key = parse_qs(query.decode("latin-1")).get("key", [""])[0] if query else ""
        grant = self._keys.grant(header_key, query_key, not header_key and _from_here(client, headers))
        origin = origin_of(headers)
        self._origins.check(origin, grant.site)
        bucket = _rate_bucket(grant)
        if bucket is not None and (wait := self._per_key.take(bucket, 1, now)):
            raise _too_often(wait, "ingest.key_rate_per_second")
        return Admission(client, grant, origin)

    def require_tokens(self, admitted: Admission, tokens: int, now: float, paid: int = 1) -> None:
        """Take the tokens of a request beyond those `paid`; raises RequestRefusedError(rate) where there are too few.

        A refused request has been read already, so its address goes into debt: until the debt is paid, its requests
        are refused unread. A key never goes into debt, as all browsers of a site share it; and where the key's tokens
        are too few, the address pays nothing.
        """
        more = tokens - paid
        if more < 1:
            return
        address, bucket = _limited_address(admitted.client), _rate_bucket(admitted.grant)
        if address is not None and self._per_address.wait(address, more, now):
            self._per_address.charge(address, more, now)
            raise _too_often(self._per_address.wait(address, tokens, now), "ingest.address_rate_per_second")
        if bucket is not None and (wait := self._per_key.take(bucket, more, now)):
            raise _too_often(wait, "ingest.key_rate_per_second")
        if address is not None:
            self._per_address.take(address, more, now)

    def begin_sessions(self, admitted: Admission, sessions: Collection[bytes], now: float) -> None:
        """Let the events of these sessions pass; raises RequestRefusedError(rate) where too many of them are new."""
        if (bucket := _rate_bucket(admitted.grant)) is not None:
            self._sessions.admit(sessions, bucket, _limited_address(admitted.client), now)

    def client(self, headers: Mapping[bytes, bytes], peer: str) -> ClientAddress:
        """Where a request comes from, which a trusted proxy may have passed on."""
        forwarded = headers.get(b"x-forwarded-for")
        return self._proxies.client(peer, forwarded.decode("latin-1") if forwarded is not None else None)

    def penalize(self, admitted: Admission, tokens: int, now: float) -> None:
        """Put the address into debt for a request that was refused after work was spent on it."""
        if (address := _limited_address(admitted.client)) is not None:
            self._per_address.charge(address, tokens, now)


def _too_often(wait: int, setting: str) -> RequestRefusedError:
    return RequestRefusedError("rate", f"too many events; wait {wait} s ({setting})", retry_after=wait)


def origin_of(headers: Mapping[bytes, bytes]) -> str | None:
    origin = headers.get(b"origin")
    return origin.decode("latin-1") if origin is not None else None


def _from_here(client: ClientAddress, headers: Mapping[bytes, bytes]) -> bool:
    """Whether the request comes from this machine itself: what a proxy here passes on may come from anywhere."""
    return client.on_this_machine and not any(is_proxy_header(name.decode("latin-1")) for name in headers)


def _limited_address(client: ClientAddress) -> str | None:
    """The address whose rate holds; None for this machine."""
    return None if client.on_this_machine else client.address


def _rate_bucket(grant: Grant) -> str | None:
    """The name of the bucket of the key's rate; None for imports."""
    return None if grant.scope == "import" else grant.rate_limit_key
