"""User agent -> browser, operating system, and whether it is a program.

Both lists are kept by others: ua-parser's (browsers, systems) and crawler-user-agents' (programs). Both are matched by
ua-parser-rs, whose time hardly grows with the length of a text that fits nothing.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from msgspec import Struct

from ingest import codes
from ingest.events import UNKNOWN, Code, DeviceClass
from ingest.parsing.texts import printable

#: No real user agent needs more; matching costs by length.
MAX_USER_AGENT = 512
#: Entries of the cache.
CACHED = 2_048

#: Beside the list: words by which programs name themselves, and programs that the list does not have.
#: CUBOT makes phones.
_PROGRAM = re.compile(
    r"(?<!cu)bots?\b|crawl|spider|slurp|headless|phantomjs|lighthouse|preview|monitor|pingdom|curl/|wget/|python|httpx|"
    r"aiohttp|okhttp|go-http-client|java/|libwww|scrapy|facebookexternalhit|mediapartners|axios/|node-fetch|undici|"
    r"postmanruntime|insomnia/|ptst/|datadog|synthetic|guzzlehttp|faraday|rest-client|^(?:node|bun|deno|ruby)\b|\bk6/|"
    r"puppeteer|playwright|selenium|cypress",
    re.IGNORECASE,
)


#: Screens that are no computer, phone or tablet: televisions (Amazon's are AFT and letters), consoles, cars, watches.
_OTHER_DEVICE = re.compile(
    r"tv\b|apple ?tv|netcast|web0s|tizen|\broku\b|\b(?-i:AFT[A-Z])|bravia|crkey|playstation|xbox|nintendo|automotive|"
    r"tesla/|qtcarbrowser|\bwatch ?(?:os\b|\d|;)|oculusbrowser",
    re.IGNORECASE,
)
#: "Tablet PC" is Windows' name for computers that know a pen.
_TABLET = re.compile(r"iPad|PlayBook|Tablet(?! PC)")
#: "Mobi" is what MDN tells pages to look for ("Browser detection using the user agent string").
_PHONE = re.compile(r"Mobi|Phone|iPod|Opera Mini")
_DESKTOPS = frozenset(
    ("Windows", "macOS", "Linux", "Chrome OS", "FreeBSD", "OpenBSD", "NetBSD", "DragonFly BSD", "Solaris")
)


class Agent(Struct, frozen=True):
    """What a user agent says of itself."""

    browser: Code = UNKNOWN
    operating_system: Code = UNKNOWN
    bot: bool = False
    device_class: DeviceClass | None = None


UNKNOWN_AGENT = Agent()


_Row: TypeAlias = tuple[str, str | None, str | None, str | None, str | None, str | None]


class _Matchers(NamedTuple):
    browsers: Any
    systems: Any
    programs: Any


@lru_cache(CACHED)
def agent(user_agent: str) -> Agent:
    """Browser, operating system and whether it is a program; unreadable ones are unknown."""
    text, matchers = user_agent[:MAX_USER_AGENT], _matchers()
    browser, system = matchers.browsers.extract(text), matchers.systems.extract(text)
    code = codes.system(printable(system.family)) if system else UNKNOWN
    return Agent(
        codes.browser(printable(browser.family)) if browser else UNKNOWN,
        code,
        matchers.programs.extract(text) is not None or _PROGRAM.search(text) is not None,
        device_class(text, code.name),
    )


def device_class(user_agent: str, system: str) -> DeviceClass | None:
    """What kind of device it is, by the words that browsers use for it; `system` is the name that codes.system gives.

    Tablets of Android leave out "Mobile" (developer.chrome.com, "User-Agent strings"). Safari on an iPad says that it
    is a Mac, so it counts as a desktop. None where nothing is known.
    """
    if _OTHER_DEVICE.search(user_agent):
        return "other"
    if _TABLET.search(user_agent):
        return "tablet"
    if system == "iOS" or _PHONE.search(user_agent):
        return "mobile"
    if system == "Android":
        return "tablet"
    if system in _DESKTOPS:
        return "desktop"
    return None if system == "" else "other"


@lru_cache(1)
def _matchers() -> _Matchers:
    # Imported and compiled at the first look (half a second of CPU), not by every command that imports this module.
    import crawleruseragents
    import ua_parser_rs
    from ua_parser.loaders import load_builtins

    browsers, systems, _ = load_builtins()
    return _Matchers(
        ua_parser_rs.UserAgentExtractor(map(_row, browsers)),
        ua_parser_rs.OSExtractor(map(_row, systems)),
        _programs(ua_parser_rs, [each["pattern"] for each in crawleruseragents.CRAWLER_USER_AGENTS_DATA]),
    )


def _row(matcher: Any) -> _Row:
    return matcher.regex, matcher.family, matcher.major, matcher.minor, matcher.patch, matcher.patch_minor


def _programs(library: Any, patterns: Iterable[str]) -> Any:
    rows: list[_Row] = [(pattern, "program", None, None, None, None) for pattern in patterns]
    try:
        return library.UserAgentExtractor(rows)
    except ValueError:
        # A later list may have a pattern that only a backtracking engine knows: the others still hold.
        return library.UserAgentExtractor([row for row in rows if _compiles(library, row)])


def _compiles(library: Any, row: _Row) -> bool:
    try:
        library.UserAgentExtractor([row])
    except ValueError:
        return False
    return True
