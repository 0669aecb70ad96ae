"""What ingest adds to an event and what it takes away: codes, clocks, paths. Pure; knows no HTTP and no Kafka.

User agent -> browser, system, bot. Referrer and utm -> traffic type. Country or language -> region. Addresses are
cut, URL parameters pass an allow-list, client clocks are corrected.
"""

import ipaddress
import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import parse_qsl, urlencode, urlsplit

from msgspec import Struct

from ingest import codes
from ingest.addresses import parsed
from ingest.events import FUTURE_TOLERANCE_MS, UNKNOWN, Code, Page, PageType
from ingest.parsing import hosts, paths
from ingest.parsing.paths import split_url
from ingest.parsing.traffic import traffic_type_of

#: A client clock may be this wrong, in ms, before sent_at corrects it: the way of the request is no skew.
SKEW_TOLERANCE_MS = 5_000
#: Entries of each cache; a URL may have kilobytes.
CACHED = 2_048

_LANGUAGE_REGION = re.compile(r"^[A-Za-z]{2,3}(?:-[A-Za-z]{4})?-([A-Za-z]{2})$")


class UrlRules(Struct, frozen=True, eq=False):
    """How a site reads its URLs: parameters that are kept, page types by path prefix (the longest wins), and which
    referrers do not count as a source: the site's other domains, and stops such as payment pages. `checked_url_rules`
    makes one.

    Compared by identity, as it is part of the key of caches.
    """

    allowed_query: frozenset[str] = frozenset()
    path_types: tuple[tuple[str, PageType], ...] = ()
    own_domains: frozenset[str] = frozenset()
    ignored_referrers: frozenset[str] = frozenset()

    def type_of(self, path: str) -> PageType | None:
        fitting = [rule for rule in self.path_types if path.startswith(rule[0])]
        return max(fitting, key=lambda rule: len(rule[0]))[1] if fitting else None


PLAIN_URL_RULES = UrlRules()


def checked_url_rules(
    allowed_query: Iterable[str] = (),
    path_types: Iterable[tuple[str, PageType]] = (),
    own_domains: Iterable[str] = (),
    ignored_referrers: Iterable[str] = (),
) -> UrlRules:
    """The rules of a site from its settings: prefixes are spelled as paths are. Raises ValueError if a domain is
    malformed.
    """
    return UrlRules(
        frozenset(allowed_query),
        tuple((paths.normal_path(prefix), kind) for prefix, kind in path_types),
        frozenset(map(hosts.checked_domain, own_domains)),
        frozenset(map(hosts.checked_domain, ignored_referrers)),
    )


def registrable_domains(origins: Iterable[str]) -> list[str]:
    """The registrable domains of origins, https://checkout.shop.example being of shop.example."""
    found = (hosts.registrable_domain(hosts.ascii_host(urlsplit(origin).hostname or "")) for origin in origins)
    # An IPv6 address is no domain; a page and a referrer of the same one are compared as they are.
    return [domain for domain in found if domain and ":" not in domain]


@lru_cache(CACHED)
def region(country: str, accept_language: str) -> Code:
    """The country from the configured header, else from the first language that names one (de-AT, not de)."""
    if country:
        return codes.region(country)
    for part in accept_language[:200].split(","):
        named = _LANGUAGE_REGION.match(part.partition(";")[0].strip())
        if named and (code := codes.region(named[1])) is not UNKNOWN:
            return code
    return UNKNOWN


@lru_cache(CACHED)
def cut_address(address: str) -> str | None:
    """The network of an address, /24 or /48, as the address of that network; None when it is no address."""
    whole = parsed(address)
    if whole is None:
        return None
    kept = 24 if whole.version == 4 else 48
    return str(ipaddress.ip_network(f"{whole}/{kept}", strict=False).network_address)


@lru_cache(CACHED)
def page(url: str, referrer: str | None, given: PageType | None, rules: UrlRules) -> Page:
    """The page as it is kept: path with allowed parameters, referrer without secrets, type given or by the rules.

    Raises ValueError when `url` is not a URL; a text that is no URL is dropped as a referrer.
    """
    parts = split_url(url)
    path = paths.normal_path(parts.path)
    kind = given or rules.type_of(path)
    kept = paths.clipped(path + _allowed(parts.query, rules.allowed_query))
    return Page(kept, kind, _kept_referrer(referrer, rules))


def _allowed(query: str, allowed: frozenset[str]) -> str:
    kept = [pair for pair in parse_qsl(query) if pair[0] in allowed] if query and allowed else []
    return "?" + urlencode(kept) if kept else ""


def _kept_referrer(referrer: str | None, rules: UrlRules) -> str | None:
    if not referrer:
        return None
    try:
        parts = split_url(referrer)
    except ValueError:
        return None
    #: user:password@host is cut to host.
    host = parts.netloc.rpartition("@")[2]
    if not host.isprintable():
        return None
    origin = f"{parts.scheme}://{host}" if host else ""
    path = paths.normal_path(parts.path) if parts.path or not host else ""
    return paths.clipped(origin + path + _allowed(parts.query, rules.allowed_query))


@lru_cache(CACHED)
def traffic_type(url: str, referrer: str | None, page_host: str | None, rules: UrlRules = PLAIN_URL_RULES) -> Code:
    """Where the visitor came from, see `ingest/parsing/traffic.py`; `page_host` is the host of the page that asks."""
    return traffic_type_of(url, referrer, page_host, rules.own_domains, rules.ignored_referrers)


def correct_occurred_at(occurred_at: int | None, sent_at: int | None, received_at: int) -> tuple[int, str | None]:
    """When an event occurred by our clock, in ms, and the flag that says how it was corrected.

    The client's clock is taken to be off by received_at - sent_at, when that is more than the way of a request.
    """
    if occurred_at is None:
        return received_at, None
    flag = None
    if sent_at is not None and abs(received_at - sent_at) > SKEW_TOLERANCE_MS:
        occurred_at, flag = max(occurred_at + received_at - sent_at, 0), "skew"
    if occurred_at > received_at + FUTURE_TOLERANCE_MS:
        return received_at, "future"
    return occurred_at, flag
