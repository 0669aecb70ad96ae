"""Which pages may send events: the origins of each site, and the answers that CORS asks for."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from ingest.admission.keys import SiteAccess
from ingest.errors import RequestRefusedError

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_PREFLIGHT = (
    (b"access-control-allow-methods", b"POST"),
    (b"access-control-allow-headers", b"content-type, content-encoding, x-opecom-key"),
    (b"access-control-max-age", b"7200"),
)

RawHeaders = list[tuple[bytes, bytes]]


def checked_origin(origin: str) -> str:
    """An origin of the settings as browsers spell it; raises ValueError unless it is scheme://host[:port]."""
    parts = urlsplit(origin)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/") or parts.query:
        raise ValueError(f"{origin!r} is no origin; write it as https://shop.example")
    return f"{parts.scheme}://{parts.netloc}".lower()


def is_loopback_page(origin: str) -> bool:
    """Whether a page of this machine sent it: http://localhost:5173."""
    try:
        return urlsplit(origin).hostname in LOOPBACK_HOSTS
    except ValueError:
        return False


class Origins:
    """The origins of all sites. A request without Origin comes from no page, and its key alone counts."""

    def __init__(self, sites: Iterable[SiteAccess]) -> None:
        self._sites: tuple[SiteAccess, ...] = ()
        self.know(sites)

    def know(self, sites: Iterable[SiteAccess]) -> None:
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

    def headers(self, origin: str | None, preflight: bool = False) -> RawHeaders:
        """CORS headers of an answer, so that a page of a known origin can read it, refusals too.

        A preflight carries no key, so it is answered for any site's origin; `check` holds the request to its own.
        """
        if origin is None:
            return []
        vary = (b"vary", b"origin")
        if not any(_allows(site, origin) for site in self._sites):
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
