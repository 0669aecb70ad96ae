"""Which pages may send events: the origins of each site, and the answers that CORS asks for."""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

import idna

from ingest.addresses import parsed
from ingest.admission.keys import SiteAccess
from ingest.errors import RequestRefusedError

#: Of pages. An extension's page may call itself chrome-extension://localhost.
PAGE_SCHEMES = ("http", "https")
#: A host as browsers spell it, which takes more than the names that may be registered: under_score, a dot at the end.
_HOST = re.compile(r"[a-z0-9_.-]+")
DEFAULT_PORTS = {"http": 80, "https": 443}
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_PREFLIGHT = (
    (b"access-control-allow-methods", b"POST"),
    (b"access-control-allow-headers", b"content-type, content-encoding, x-opecom-key"),
    (b"access-control-max-age", b"7200"),
)

RawHeaders = list[tuple[bytes, bytes]]


def checked_origin(origin: str) -> str:
    """An origin of the settings as browsers spell it; raises ValueError unless it is scheme://host[:port]."""
    try:
        parts = urlsplit(origin)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or parts.scheme not in PAGE_SCHEMES or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError(f"{origin!r} is no origin; write it as https://shop.example")
    if "@" in parts.netloc:
        raise ValueError(f"{origin!r} names a user, which no browser does; write it as https://shop.example")
    if "*" in host:
        raise ValueError(_wildcard(origin, parts.scheme, host))
    own = "" if port in (None, DEFAULT_PORTS[parts.scheme]) else f":{port}"
    return f"{parts.scheme}://{_ascii(origin, host)}{own}"


def _wildcard(origin: str, scheme: str, host: str) -> str:
    rest = host.rpartition("*")[2].strip(".") or "shop.example"
    return (
        f"{origin!r} is a wildcard, which is not taken: write every origin by itself, {scheme}://{rest} and "
        f"{scheme}://www.{rest} for example"
    )


def _ascii(origin: str, host: str) -> str:
    """The host as a browser spells it in Origin: IPv6 in its brackets, international names by UTS 46."""
    if ":" in host:
        return f"[{parsed(host) or host}]"
    if _HOST.fullmatch(host):
        return host
    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise ValueError(f"{origin!r} is no origin: {host!r} is no name of a host ({error})") from None


def is_loopback_page(origin: str) -> bool:
    """Whether a page of this machine sent it: http://localhost:5173."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in PAGE_SCHEMES and parts.hostname in LOOPBACK_HOSTS


class Origins:
    """The origins of all sites. A request without Origin comes from no page, and its key alone counts."""

    def __init__(self, sites: Iterable[SiteAccess]) -> None:
        self._sites: tuple[SiteAccess, ...] = ()
        self.replace_all(sites)

    def replace_all(self, sites: Iterable[SiteAccess]) -> None:
        """From now on the origins of these sites and no others."""
        self._sites = tuple(sites)

    def check(self, origin: str | None, site: SiteAccess) -> None:
        """Raises RequestRefusedError when a page of `origin` may not write to `site`."""
        if origin is not None and not _allows(site, origin):
            raise RequestRefusedError(
                "wrong_origin", f"pages of {origin[:100]} may not send events (sites.{site.name}.origins)"
            )

    def check_named(self, origin: str | None, name: str) -> None:
        """`check` for the site of this name; raises RequestRefusedError where there is none any more."""
        for site in self._sites:
            if site.name == name:
                return self.check(origin, site)
        raise RequestRefusedError("wrong_token", f"there is no site {name}")

    def allows(self, origin: str | None) -> bool:
        """Whether a page of `origin` may write to any site."""
        return origin is not None and any(_allows(site, origin) for site in self._sites)

    def headers(self, origin: str | None, preflight: bool = False) -> RawHeaders:
        """CORS headers of an answer, so that a page of a known origin can read it, refusals too.

        A preflight carries no key, so it is answered for any site's origin; `check` holds the request to its own.
        """
        if origin is None:
            return []
        vary = (b"vary", b"origin")
        if not self.allows(origin):
            return [vary]
        answer = [
            vary,
            (b"access-control-allow-origin", origin.encode("latin-1")),
            # sendBeacon always asks with credentials; we set no cookies and read none.
            (b"access-control-allow-credentials", b"true"),
            (b"access-control-expose-headers", b"retry-after"),
        ]
        return answer + list(_PREFLIGHT) if preflight else answer


def _allows(site: SiteAccess, origin: str) -> bool:
    return origin.lower() in site.origins if site.origins else is_loopback_page(origin)
