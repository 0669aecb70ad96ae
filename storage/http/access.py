"""Who asks and what for: secret keys with scopes and sites, or, where reads are open to it, anybody on this machine."""

import hmac
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from starlette.requests import Request

from ingest.addresses import is_loopback, is_proxy_header
from ingest.admission.limits import WrongKeys
from ingest.events import base_site
from storage.http.audit import AuditRecord, record_of
from storage.http.errors import ReadError
from storage.http.secret_keys import Scope, SecretKey, digest_of
from storage.http.sign_ins import PREFIX, SignIns


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever was let in: under which name, and of which sites it may hear (None: all)."""

    name: str
    sites: frozenset[str] | None = None

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
    `sign_ins` are those of the console.
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
    ) -> None:
        self._keys = keys
        self._open_on_loopback = open_on_loopback
        self._scope = scope
        self._wrong_keys = wrong_keys or WrongKeys()
        self._now = now
        self._is_audited = is_audited or scope != "read"
        self.sign_ins = sign_ins or SignIns(secrets.token_bytes(32), time.time)

    def scoped(self, scope: Scope) -> "Access":
        """The same keys, asked for another scope; wrong ones count together."""
        return self._with(scope, is_audited=False)

    def audited(self) -> "Access":
        """The same, for reads of single people."""
        return self._with(self._scope, is_audited=True)

    def _with(self, scope: Scope, is_audited: bool) -> "Access":
        return Access(self._keys, self._open_on_loopback, scope, self._wrong_keys, self._now, is_audited, self.sign_ins)

    def check(self, headers: Mapping[str, str], peer: str, record: AuditRecord | None = None) -> Caller:
        """Who asks, of address `peer`, noted in `record`; raises ReadError: no_key, wrong_key, wrong_scope, rate."""
        record, remedy = record or AuditRecord(), f"`opecom keys add NAME --scope {self._scope}` makes one"
        found = self.identify(headers, peer)
        if found is not None:
            record.who = found.name
            if not found.opens(self._scope):
                raise ReadError("wrong_scope", f"this key is not of scope {self._scope}; {remedy}")
            return Caller(found.name, found.sites)
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
        return found

    def is_open(self, headers: Mapping[str, str], peer: str) -> bool:
        """Whether this request may read without a key."""
        return self._open_on_loopback and _from_here(headers, peer)

    async def of(self, request: Request) -> Caller:
        """`check` for a request: what a route depends on."""
        record = record_of(request.scope)
        record.counts = self._is_audited
        return self.check(request.headers, request.client.host if request.client else "", record)

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
