"""Who asks and what for: secret keys with scopes and sites, or, where reads are open to it, anybody on this machine."""

import hmac
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from starlette.requests import Request

from ingest.addresses import is_loopback, is_proxy_header
from ingest.admission.limits import WrongKeys
from ingest.events import base_site
from storage.http.audit import AuditRecord, record_of
from storage.http.errors import ReadError
from storage.http.key_lease import lease_of
from storage.http.secret_keys import Scope, SecretKey, digest_of
from storage.http.sign_ins import PREFIX, SignIns


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever was let in: under which name, of which sites it may hear (None: all), and by which key ("": by none)."""

    name: str
    sites: frozenset[str] | None = None
    key_id: str = ""

    @property
    def who(self) -> str:
        """Who it is, in records and audit trails."""
        return f"key {self.name}"

    def sees(self, site: str) -> bool:
        """Whether it may hear of this site, or of this run of a site."""
        return self.sites is None or base_site(site) in self.sites

    def require_site(self, site: str) -> None:
        """Raise ReadError(wrong_scope) for a key of other sites."""
        if not self.sees(site):
            raise ReadError("wrong_scope", f"this key is not of site {site}")

    def require_all_sites(self, what: str) -> None:
        """Raise ReadError(wrong_scope) for a key of some sites alone: `what` is done for all of them at once."""
        if self.sites is not None:
            raise ReadError("wrong_scope", f"{what} is for keys of all sites: `opecom keys add NAME --scope admin`")


class Access:
    """`keys` gives those in force now; `open_on_loopback`: who asks from this machine, directly and by a loopback name,
    may read without one. A key of another scope is needed of everybody: a proxy that says nothing of itself makes the
    whole world this machine. Whatever needs such a key leaves a line in the audit trail; of reads, what is `audited`.
    `sign_ins` are those of the console. `clock` gives the seconds since 1970, by which keys expire.
    """

    def __init__(
        self,
        keys: Callable[[], Iterable[SecretKey]],
        open_on_loopback: bool,
        scope: Scope = "read",
        wrong_keys: WrongKeys | None = None,
        now: Callable[[], float] = time.monotonic,
        is_audited: bool = False,
        sign_ins: SignIns | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._keys = keys
        self._open_on_loopback = open_on_loopback
        self._scope = scope
        self._wrong_keys = wrong_keys or WrongKeys()
        self._now = now
        self._is_audited = is_audited or scope != "read"
        self._clock = clock
        self.sign_ins = sign_ins or SignIns(secrets.token_bytes(32), time.time)

    def scoped(self, scope: Scope) -> "Access":
        """The same keys, asked for another scope; wrong ones count together."""
        return self._with(scope, is_audited=False)

    def audited(self) -> "Access":
        """The same, for reads of single people."""
        return self._with(self._scope, is_audited=True)

    def _with(self, scope: Scope, is_audited: bool) -> "Access":
        return Access(
            self._keys,
            self._open_on_loopback,
            scope,
            self._wrong_keys,
            self._now,
            is_audited,
            self.sign_ins,
            self._clock,
        )

    def check(self, headers: Mapping[str, str], peer: str, record: AuditRecord | None = None) -> Caller:
        """Who asks, of address `peer`, noted in `record`; raises ReadError: no_key, wrong_key, wrong_scope, rate."""
        record, remedy = record or AuditRecord(), f"`opecom keys add NAME --scope {self._scope}` makes one"
        found = self.identify(headers, peer)
        if found is not None:
            record.who = found.name
            if not found.opens(self._scope):
                raise ReadError("wrong_scope", f"this key is not of scope {self._scope}; {remedy}")
            return Caller(found.name, found.sites, found.key_id)
        if self._scope == "read" and self.is_open(headers, peer):
            record.who = "this machine"
            return Caller("this machine")
        raise ReadError("no_key", f"send a key of scope {self._scope} in the header X-OPECOM-Key; {remedy}")

    def identify(self, headers: Mapping[str, str], peer: str) -> SecretKey | None:
        """The key that this request brings, whatever its scopes, None: none; raises ReadError: wrong_key, rate, and
        wrong_token for a sign-in that has ended."""
        given = headers.get("x-opecom-key")
        if given is None:
            return None
        proxied = _is_proxied(headers)
        if wait := self._wrong_keys.wait(peer, self._now(), proxied):
            raise ReadError("rate", f"too many wrong keys from this address; wait {wait} s", wait)
        found = self._found(given)
        if found is None:
            self._wrong_keys.count(peer, self._now(), proxied)
            remedy = f"`opecom keys add NAME --scope {self._scope}` makes one"
            raise ReadError("wrong_key", f"X-OPECOM-Key is no key of scope {self._scope}; {remedy}")
        if not self._is_in_force(found):
            raise ReadError("wrong_key", f"the key {found.name} has expired; `opecom keys add` makes another one")
        return found

    def is_open(self, headers: Mapping[str, str], peer: str) -> bool:
        """Whether this request may read without a key."""
        return self._open_on_loopback and _from_here(headers, peer)

    async def of(self, request: Request) -> Caller:
        """`check` for a request: what a route depends on."""
        record = record_of(request.scope)
        record.counts, record.privileged = self._is_audited, self._scope != "read"
        caller = self.check(request.headers, request.client.host if request.client else "", record)
        if (given := request.headers.get("x-opecom-key")) is not None:
            lease_of(request.scope).holds = partial(self._still_opens, given, caller.sites)
        return caller

    def key_holds(self, key_id: str, sites: frozenset[str] | None) -> bool:
        """Whether the key of this id (`key_id`) is in force, for this scope and all of these sites (None: all)."""
        return any(each.key_id == key_id and self._covers(each, sites) for each in self._keys())

    def _still_opens(self, given: str, sites: frozenset[str] | None) -> bool:
        try:
            found = self._found(given)
        except ReadError:
            # A sign-in that has ended meanwhile.
            return False
        return found is not None and self._covers(found, sites)

    def _covers(self, key: SecretKey, sites: frozenset[str] | None) -> bool:
        seen = key.sites is None or (sites is not None and sites <= key.sites)
        return seen and key.opens(self._scope) and self._is_in_force(key)

    def _is_in_force(self, key: SecretKey) -> bool:
        return key.expires_at is None or self._clock() < key.expires_at

    def _found(self, given: str) -> SecretKey | None:
        if given.startswith(PREFIX):
            digest = self.sign_ins.digest(given)
            if digest is None:
                return None
        else:
            digest = digest_of(given)
        found = None
        # All of them, however early one fits: the time must not tell which.
        for key in self._keys():
            if hmac.compare_digest(digest, key.digest):
                found = key
        return found


def require_json(headers: Mapping[str, str]) -> None:
    """Raise ReadError (invalid) for another type: a web page may send those to another origin unasked."""
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise ReadError("invalid", "body: send it with Content-Type: application/json")


def _is_proxied(headers: Mapping[str, str]) -> bool:
    return any(is_proxy_header(name.lower()) for name in headers)


def _from_here(headers: Mapping[str, str], peer: str) -> bool:
    """A proxy here speaks for others, and a foreign name that points here is a web page reading through a browser."""
    if _is_proxied(headers):
        return False
    host = headers.get("host", "")
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    return is_loopback(peer) and (name == "localhost" or is_loopback(name.strip("[]")))
