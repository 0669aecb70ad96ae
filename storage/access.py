"""Who may read: a key of scope read, or, where reads are open, anybody on this machine."""

import hashlib
import hmac
import ipaddress
from collections.abc import Iterable, Mapping

from storage.errors import ReadError


class Access:
    """`open_on_loopback`: who asks from this machine, directly and by a loopback name, needs no key.

    `scope` and `setting` are what refusals call the keys.
    """

    def __init__(
        self, keys: Iterable[str], open_on_loopback: bool, scope: str = "read", setting: str = "api.read_keys"
    ) -> None:
        self._called = f"key of scope {scope}"
        self._setting = setting
        self._keys = [_digest(key) for key in keys]
        self._open_on_loopback = open_on_loopback

    def check(self, headers: Mapping[str, str], peer: str) -> None:
        """Raise ReadError (no_key, wrong_key) unless this request may read; `peer` is the address it came from."""
        key = headers.get("x-opecom-key")
        if key is not None:
            given = _digest(key)
            # All of them, however early one fits: the time must not tell which.
            if sum(hmac.compare_digest(given, known) for known in self._keys):
                return
            raise ReadError("wrong_key", f"X-OPECOM-Key is no {self._called} ({self._setting})")
        if not (self._open_on_loopback and _from_here(headers, peer)):
            raise ReadError("no_key", f"send a {self._called} in the header X-OPECOM-Key ({self._setting})")


def require_json(headers: Mapping[str, str]) -> None:
    """Raise ReadError (invalid) for another type: a web page may send those to another origin unasked."""
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise ReadError("invalid", "body: send it with Content-Type: application/json")


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def _from_here(headers: Mapping[str, str], peer: str) -> bool:
    """A proxy here speaks for others, and a foreign name that points here is a web page reading through a browser."""
    if "x-forwarded-for" in headers or "forwarded" in headers:
        return False
    host = headers.get("host", "")
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    return _is_loopback(peer) and (name == "localhost" or _is_loopback(name.strip("[]")))


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
