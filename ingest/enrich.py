"""What the door adds to an event and what it takes away: codes, clocks, paths. Pure; knows no HTTP and no Kafka.

User agent -> browser, system, bot. Referrer and utm -> traffic type. Country or language -> region. Addresses are
cut, URL parameters pass an allow-list, client clocks are corrected.
"""

import ipaddress
import re
from functools import lru_cache
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

import ua_parser
from msgspec import Struct

from ingest import codes
from ingest.addresses import parsed
from ingest.events import UNKNOWN, Code, Page, PageType

#: A client clock may be this wrong, in ms, before sent_at corrects it: the way of the request is no skew.
SKEW_TOLERANCE_MS = 5_000
#: An event this far in the future, in ms, is taken to have occurred when it was received.
FUTURE_TOLERANCE_MS = 5 * 60_000
#: No real user agent needs more; matching costs by length.
MAX_USER_AGENT = 512
MAX_PATH = 500
#: Entries of each cache; a URL may have kilobytes.
CACHED = 2_048

_BOT = re.compile(
    r"bot\b|bots?[/;) ]|crawl|spider|slurp|headless|phantomjs|lighthouse|preview|monitor|pingdom|curl/|wget/|python|"
    r"httpx|aiohttp|okhttp|go-http-client|java/|libwww|scrapy|facebookexternalhit|mediapartners",
    re.IGNORECASE,
)
_LANGUAGE_REGION = re.compile(r"^[A-Za-z]{2,3}(?:-[A-Za-z]{4})?-([A-Za-z]{2})$")


class Agent(Struct, frozen=True):
    """What a user agent says of itself."""

    browser: Code = UNKNOWN
    operating_system: Code = UNKNOWN
    bot: bool = False


class PageRules(Struct, frozen=True):
    """How a site reads its URLs: parameters that are kept, and page types by path prefix, the longest wins."""

    allowed_query: frozenset[str] = frozenset()
    path_types: tuple[tuple[str, PageType], ...] = ()

    def type_of(self, path: str) -> PageType | None:
        fitting = [rule for rule in self.path_types if path.startswith(rule[0])]
        return max(fitting, key=lambda rule: len(rule[0]))[1] if fitting else None


PLAIN_RULES = PageRules()
UNKNOWN_AGENT = Agent()


@lru_cache(CACHED)
def agent(user_agent: str) -> Agent:
    """Browser, operating system and whether it is a program; unreadable ones are unknown."""
    text = user_agent[:MAX_USER_AGENT]
    browser, system = ua_parser.parse_user_agent(text), ua_parser.parse_os(text)
    return Agent(
        codes.browser(browser.family) if browser else UNKNOWN,
        codes.system(system.family) if system else UNKNOWN,
        _BOT.search(text) is not None,
    )


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


def split_url(url: str) -> SplitResult:
    """The parts of a URL; raises ValueError when it is none."""
    parts = urlsplit(url)
    parts.hostname  # noqa: B018  (reading it is what checks the host)
    return parts


@lru_cache(CACHED)
def page(url: str, referrer: str | None, given: PageType | None, rules: PageRules) -> Page:
    """The page as it is kept: path with allowed parameters, referrer without secrets, type given or by the rules.

    Raises ValueError when `url` is not a URL; a referrer that is none is dropped.
    """
    parts = split_url(url)
    path = parts.path if parts.path.startswith("/") else "/" + parts.path
    kind = given or rules.type_of(path)
    return Page((path + _allowed(parts.query, rules.allowed_query))[:MAX_PATH], kind, _kept_referrer(referrer, rules))


def _allowed(query: str, allowed: frozenset[str]) -> str:
    kept = [pair for pair in parse_qsl(query) if pair[0] in allowed] if query and allowed else []
    return "?" + urlencode(kept) if kept else ""


def _kept_referrer(referrer: str | None, rules: PageRules) -> str | None:
    if not referrer:
        return None
    try:
        parts = split_url(referrer)
    except ValueError:
        return None
    #: user:password@host is cut to host.
    origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else ""
    return (origin + parts.path + _allowed(parts.query, rules.allowed_query))[:MAX_PATH]


@lru_cache(CACHED)
def traffic(url: str, referrer: str | None, home: str | None) -> Code:
    """Where the visitor came from: campaign parameters first, then the referrer; own pages and none are direct.

    `home` is the site's own host, where `url` does not name it.
    """
    try:
        here = split_url(url)
    except ValueError:
        return UNKNOWN
    query = dict(parse_qsl(here.query)) if here.query else {}
    medium, source = query.get("utm_medium", "").strip().lower(), query.get("utm_source", "").strip().lower()
    if medium or source or query.keys() & codes.SEARCH_CLICK_IDS or query.keys() & codes.SOCIAL_CLICK_IDS:
        return _campaign(medium, source, query)
    return _referred(here.hostname or home, referrer)


def _campaign(medium: str, source: str, query: dict[str, str]) -> Code:  # noqa: PLR0911  (a table of cases)
    social = _names(source) & codes.SOCIAL_SOURCES or query.keys() & codes.SOCIAL_CLICK_IDS
    if medium in codes.EMAIL_MEDIA:
        return codes.EMAIL
    if medium in codes.AFFILIATE_MEDIA:
        return codes.AFFILIATE
    if medium in codes.DISPLAY_MEDIA:
        return codes.DISPLAY
    if medium in codes.PAID_SOCIAL_MEDIA or (medium in codes.PAID_MEDIA and social):
        return codes.PAID_SOCIAL
    if medium in codes.PAID_MEDIA or query.keys() & codes.SEARCH_CLICK_IDS:
        return codes.PAID_SEARCH
    if medium in codes.SOCIAL_MEDIA or social:
        return codes.SOCIAL if medium or source else codes.PAID_SOCIAL
    if medium == "organic":
        return codes.ORGANIC_SEARCH
    if medium == "referral":
        return codes.REFERRAL
    return codes.CAMPAIGN


def _referred(host: str | None, referrer: str | None) -> Code:
    if not referrer:
        return codes.DIRECT
    try:
        there = split_url(referrer).hostname
    except ValueError:
        return UNKNOWN
    if not there or (host and _site_name(there) == _site_name(host)):
        return codes.DIRECT
    names = _names(there)
    if there in codes.SOCIAL_HOSTS or names & codes.SOCIAL_NETWORKS:
        return codes.SOCIAL
    if names & {"mail", "outlook", "webmail"}:
        return codes.EMAIL
    return codes.ORGANIC_SEARCH if names & codes.SEARCH_ENGINES else codes.REFERRAL


def _names(host: str) -> set[str]:
    """The labels of a host but the last, which names no one; a single word stands for itself."""
    labels = host.split(".")
    return set(labels[:-1] or labels)


def _site_name(host: str) -> str:
    return host.removeprefix("www.")


def clock(occurred_at: int | None, sent_at: int | None, received_at: int) -> tuple[int, str | None]:
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
