# ruff: noqa: E501
"""User agents: the codes of ordinary browsers stay what they were, programs are known, people are not taken for them."""

import random
import statistics
import string
import time

import pytest
import ua_parser
from ua_parser.basic import Resolver
from ua_parser.loaders import load_builtins

from ingest import codes
from ingest.events import UNKNOWN
from ingest.parsing.agents import CACHED, MAX_USER_AGENT, UNKNOWN_AGENT, agent

#: Browser code, system code, and the user agent of a person.
PEOPLE = [
    (
        1,
        1,
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
    ),
    (
        4,
        1,
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0",
    ),
    (2, 1, "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0"),
    (
        5,
        1,
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36 OPR/115.0.0.0",
    ),
    (7, 1, "Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko"),
    (
        1,
        1,
        "Mozilla/5.0 (Windows NT 6.1; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/109.0.0.0 Safari/537.36",
    ),
    (
        11,
        1,
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 YaBrowser/24.10.0.0 Safari/537.36",
    ),
    (
        10,
        1,
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36 Vivaldi/7.0.3495.15",
    ),
    (
        3,
        2,
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
    ),
    (
        1,
        2,
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
    ),
    (2, 2, "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:133.0) Gecko/20100101 Firefox/133.0"),
    (1, 3, "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"),
    (2, 3, "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0"),
    (
        1,
        6,
        "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
    ),
    (
        3,
        5,
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
    ),
    (
        1,
        5,
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/131.0.6778.73 Mobile/15E148 Safari/604.1",
    ),
    (
        2,
        5,
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/133.0 Mobile/15E148 Safari/605.1.15",
    ),
    (
        99,
        5,
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) GSA/345.0.700216406 Mobile/15E148 Safari/604.1",
    ),
    (
        14,
        5,
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Instagram 350.1.0.20.95 (iPhone14,5; iOS 17_5; de_DE; de; scale=3.00; 1170x2532; 645455444)",
    ),
    (
        14,
        5,
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/21F79 [FBAN/FBIOS;FBAV/480.0.0.33.108;FBBV/644000000;FBDV/iPhone15,2;FBMD/iPhone;FBSN/iOS;FBSV/17.5;FBSS/3;FBCR/;FBID/phone;FBLC/de_DE;FBOP/80]",
    ),
    (
        14,
        5,
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 [Pinterest/iOS]",
    ),
    (
        14,
        5,
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Safari/604.1 Snapchat/13.10.0.39 (like Safari/8617.2.4.10.9, panda)",
    ),
    (
        14,
        5,
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 BytedanceWebview/d8a21c6 musical_ly_36.5.0",
    ),
    (
        3,
        5,
        "Mozilla/5.0 (iPad; CPU OS 17_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 Mobile/15E148 Safari/604.1",
    ),
    (
        1,
        4,
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36",
    ),
    (
        6,
        4,
        "Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/26.0 Chrome/122.0.0.0 Mobile Safari/537.36",
    ),
    (2, 4, "Mozilla/5.0 (Android 14; Mobile; rv:133.0) Gecko/133.0 Firefox/133.0"),
    (
        1,
        4,
        "Mozilla/5.0 (Linux; Android 13; CUBOT KINGKONG 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Mobile Safari/537.36",
    ),
    (
        1,
        4,
        "Mozilla/5.0 (Linux; Android 9; CUBOT_X19) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/86.0.4240.185 Mobile Safari/537.36",
    ),
    (
        8,
        4,
        "Mozilla/5.0 (Linux; U; Android 7.0; de-de; CUBOT Build/NRD90M) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Mobile Safari/537.36",
    ),
    (
        14,
        4,
        "Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/AP2A.240805.005; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/131.0.0.0 Mobile Safari/537.36",
    ),
    (
        14,
        4,
        "Mozilla/5.0 (Linux; Android 12; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/120.0.0.0 Mobile Safari/537.36 [FB_IAB/FB4A;FBAV/440.0.0.32.116;]",
    ),
    (
        14,
        4,
        "Mozilla/5.0 (Linux; Android 13; SM-A536B Build/TP1A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/130.0.0.0 Mobile Safari/537.36 KAKAOTALK 2410960",
    ),
    (
        99,
        4,
        "Mozilla/5.0 (Linux; Android 13; SM-G991B) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/130.0.0.0 Mobile Safari/537.36 Line/14.18.0/IAB",
    ),
    (
        99,
        4,
        "Mozilla/5.0 (Linux; Android 11; M2101K6G) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/100.0.4896.127 Mobile Safari/537.36 XiaoMi/MiuiBrowser/14.5.2-gn",
    ),
    (
        12,
        4,
        "Mozilla/5.0 (Linux; U; Android 13; en-US; RMX3630) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/100.0.4896.58 UCBrowser/13.6.2.1316 Mobile Safari/537.36",
    ),
    (
        99,
        4,
        "Mozilla/5.0 (Linux; Android 12; HarmonyOS; ANA-AN00; HMSCore 6.13.0.302) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/114.0.5735.196 HuaweiBrowser/15.0.4.312 Mobile Safari/537.36",
    ),
    (
        13,
        4,
        "Mozilla/5.0 (Linux; Android 13) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile DuckDuckGo/5 Safari/537.36",
    ),
    (
        4,
        4,
        "Mozilla/5.0 (Linux; Android 14; SM-S921B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36 EdgA/130.0.0.0",
    ),
    (
        5,
        4,
        "Mozilla/5.0 (Linux; Android 14; SM-S921B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36 OPR/86.0.0.0",
    ),
    (5, 4, "Opera/9.80 (Android; Opera Mini/36.2.2254/119.132; U; id) Presto/2.12.423 Version/12.16"),
    (
        8,
        4,
        "Mozilla/5.0 (Linux; U; Android 4.4.2; de-de; GT-I9505 Build/KOT49H) AppleWebKit/534.30 (KHTML, like Gecko) Version/4.0 Mobile Safari/534.30",
    ),
    (
        3,
        99,
        "Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) AppleWebKit/537.36 (KHTML, like Gecko) Version/6.0 TV Safari/537.36",
    ),
    (
        1,
        99,
        "Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/94.0.4606.128 Safari/537.36 WebAppManager",
    ),
    (
        3,
        0,
        "Mozilla/5.0 (PlayStation; PlayStation 5/9.00) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/13.0 Safari/605.1.15",
    ),
    (2, 99, "Mozilla/5.0 (Mobile; Nokia 8110 4G; rv:48.0) Gecko/48.0 Firefox/48.0 KAIOS/2.5"),
    (
        4,
        1,
        "Mozilla/5.0 (Windows Phone 10.0; Android 6.0.1; Microsoft; Lumia 950) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/52.0.2743.116 Mobile Safari/537.36 Edge/15.15254",
    ),
    (
        99,
        3,
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.0 Safari/605.1.15 Epiphany/605.1.15",
    ),
    (
        9,
        1,
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36 Brave/1.71",
    ),
    (
        1,
        4,
        "Mozilla/5.0 (Linux; Android 13; SM-A125F) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36 BingSapphire/29.1.410807001",
    ),
    (
        14,
        5,
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 LinkedInApp/9.29.8220",
    ),
    (
        1,
        1,
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36 AVG/130.0",
    ),
    (
        99,
        2,
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) ChatGPT/1.2024.332 Chrome/128.0.6613.162 Electron/32.2.6 Safari/537.36",
    ),
    (
        99,
        5,
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Twitter for iPhone/10.60",
    ),
    (
        14,
        4,
        "Mozilla/5.0 (Linux; Android 9; Redmi Note 8 Build/PKQ1.190616.001; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/129.0 Mobile Safari/537.36 trill_360505 BytedanceWebview/d8a21c6",
    ),
]
PROGRAMS = [
    "Perplexity-User/1.0",
    "ChatGPT-User/1.0",
    "GoogleOther",
    "AhrefsSiteAudit/6.1",
    "PTST/230101",
    "Datadog/Synthetics",
    "axios/1.6.0",
    "node-fetch/1.0",
    "PostmanRuntime/7.32.3",
    "Googlebot/2.1",
    "GPTBot/1.2",
    "ClaudeBot/1.0",
    "Bytespider",
    "facebookexternalhit/1.1",
    "curl/8.1.2",
    "Wget/1.21",
    "python-requests/2.31",
    "python-httpx/0.25",
    "aiohttp/3.9",
    "Go-http-client/1.1",
    "Java/17.0.1",
    "okhttp/4.9.3",
    "Scrapy/2.11",
    "libwww-perl/6.6",
    "HeadlessChrome/120.0",
    "Chrome-Lighthouse",
    "PhantomJS/2.1",
    "Pingdom.com_bot",
    "UptimeRobot/2.0",
    "undici",
    "node",
    "insomnia/8.4",
    "k6/0.47",
    "GuzzleHttp/7",
    "SomeUnheardOfBot/0.1",
    "anothercrawler/2",
]


@pytest.mark.parametrize(("browser", "system", "user_agent"), PEOPLE, ids=range(len(PEOPLE)))
def test_people_have_their_codes(browser: int, system: int, user_agent: str) -> None:
    read = agent(user_agent)
    assert (read.browser.code, read.operating_system.code, read.bot) == (browser, system, False)


def test_codes_are_those_of_the_patterns_in_python() -> None:
    patterns = ua_parser.Parser(Resolver(load_builtins()))
    for *_, user_agent in PEOPLE:
        browser, system = patterns.parse_user_agent(user_agent), patterns.parse_os(user_agent)
        read = agent(user_agent)
        assert (read.browser, read.operating_system) == (
            codes.browser(browser.family) if browser else UNKNOWN,
            codes.system(system.family) if system else UNKNOWN,
        )


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_are_known_alone_and_in_a_browsers_dress(name: str) -> None:
    assert agent(name).bot
    if "/" in name:
        dressed = (
            f"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36 {name}"
        )
        assert agent(dressed).bot


def test_every_pattern_of_the_list_is_matched() -> None:
    import crawleruseragents

    examples = [text for each in crawleruseragents.CRAWLER_USER_AGENTS_DATA for text in each["instances"]]
    missed = [text for text in examples if len(text) <= MAX_USER_AGENT and not agent(text).bot]
    assert len(examples) > 1_000
    assert not missed


@pytest.mark.parametrize(
    ("user_agent", "browser", "system"),
    [
        pytest.param(
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Googlebot", "", id="bot"
        ),
        pytest.param("curl/8.1.2", "curl", "", id="a program"),
        pytest.param("", "", "", id="none"),
        pytest.param("\x00" * 9_000, "", "", id="rubbish"),
    ],
)
def test_names(user_agent: str, browser: str, system: str) -> None:
    read = agent(user_agent)
    assert (read.browser.name, read.operating_system.name) == (browser, system)


def test_only_the_start_of_a_huge_user_agent_is_matched() -> None:
    assert agent("x" * MAX_USER_AGENT + " Chrome/120.0") == UNKNOWN_AGENT


def test_no_control_character_comes_from_a_name() -> None:
    for text in ("Evil\x9b2J\x1bBot/1.0 \x1b[2JCrawler/2", "\x1b[2J Links (2.1; \x9b Linux)"):
        read = agent(text)
        assert read.browser.name.isprintable()
        assert read.operating_system.name.isprintable()


def test_a_user_agent_is_matched_once() -> None:
    before = agent.cache_info()
    assert agent("Once/1.0 (of this test)") is agent("Once/1.0 (of this test)")
    after = agent.cache_info()
    assert (after.misses - before.misses, after.hits - before.hits, after.maxsize) == (1, 1, CACHED)


@pytest.mark.long
def test_a_random_user_agent_costs_a_fifth_of_what_patterns_in_python_cost() -> None:
    chance, letters = random.Random(1), string.ascii_letters + string.digits + " /;.()"
    patterns = ua_parser.Parser(Resolver(load_builtins()))
    agent("Mozilla/5.0")
    spent: tuple[list[float], list[float]] = [], []
    for _ in range(100):
        text = "".join(chance.choices(letters, k=MAX_USER_AGENT))
        # In turn, so that what else the machine does falls on both.
        for each, costs in zip((agent, patterns.parse), spent, strict=True):
            began = time.thread_time()
            each(text)
            costs.append(time.thread_time() - began)
    ours, python = map(statistics.median, spent)
    print(f"{ours * 1000:.2f} ms, patterns in Python {python * 1000:.2f} ms")
    assert ours < python / 5
