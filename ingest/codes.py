"""Our own code tables of the four categorical features: browser, operating system, region, traffic type.

0 is "unknown" in all of them. UCI never published its code books, so these are not UCI's codes. A code, once given,
keeps its meaning for ever (stored sessions carry it): add at the end, never renumber. Knows no HTTP.
"""

from ingest.events import UNKNOWN, Code

#: Families that are not listed, but that we could read.
OTHER_BROWSER = 99
OTHER_SYSTEM = 99

BROWSERS = {
    "Chrome": 1,
    "Firefox": 2,
    "Safari": 3,
    "Edge": 4,
    "Opera": 5,
    "Samsung Internet": 6,
    "Internet Explorer": 7,
    "Android Browser": 8,
    "Brave": 9,
    "Vivaldi": 10,
    "Yandex": 11,
    "UC Browser": 12,
    "DuckDuckGo": 13,
    "In-app browser": 14,
}

#: What ua-parser calls a family -> the browser of the table above.
BROWSER_FAMILIES = {
    "Chrome": "Chrome",
    "Chrome Mobile": "Chrome",
    "Chrome Mobile iOS": "Chrome",
    "Chrome Mobile WebView": "In-app browser",
    "Chromium": "Chrome",
    "HeadlessChrome": "Chrome",
    "Firefox": "Firefox",
    "Firefox Mobile": "Firefox",
    "Firefox iOS": "Firefox",
    "Safari": "Safari",
    "Mobile Safari": "Safari",
    "Mobile Safari UI/WKWebView": "In-app browser",
    "Edge": "Edge",
    "Edge Mobile": "Edge",
    "Opera": "Opera",
    "Opera Mobile": "Opera",
    "Opera Mini": "Opera",
    "Opera Touch": "Opera",
    "Opera GX": "Opera",
    "Samsung Internet": "Samsung Internet",
    "IE": "Internet Explorer",
    "IE Mobile": "Internet Explorer",
    "Android": "Android Browser",
    "Brave": "Brave",
    "Vivaldi": "Vivaldi",
    "Yandex Browser": "Yandex",
    "YandexSearch": "Yandex",
    "UC Browser": "UC Browser",
    "DuckDuckGo": "DuckDuckGo",
    "DuckDuckGo Mobile": "DuckDuckGo",
    "Facebook": "In-app browser",
    "Instagram": "In-app browser",
    "TikTok": "In-app browser",
    "Pinterest": "In-app browser",
    "Snapchat": "In-app browser",
}

SYSTEMS = {
    "Windows": 1,
    "macOS": 2,
    "Linux": 3,
    "Android": 4,
    "iOS": 5,
    "Chrome OS": 6,
}

#: What ua-parser calls a system -> the operating system of the table above.
SYSTEM_FAMILIES = {
    "Windows": "Windows",
    "Windows Phone": "Windows",
    "Mac OS X": "macOS",
    "Mac OS": "macOS",
    "Linux": "Linux",
    "Ubuntu": "Linux",
    "Debian": "Linux",
    "Fedora": "Linux",
    "Red Hat": "Linux",
    "SUSE": "Linux",
    "Arch Linux": "Linux",
    "Gentoo": "Linux",
    "Mint": "Linux",
    "CentOS": "Linux",
    "Android": "Android",
    "iOS": "iOS",
    "iPadOS": "iOS",
    "Chrome OS": "Chrome OS",
}

DIRECT = Code(1, "Direct")
ORGANIC_SEARCH = Code(2, "Organic search")
PAID_SEARCH = Code(3, "Paid search")
SOCIAL = Code(4, "Social")
PAID_SOCIAL = Code(5, "Paid social")
EMAIL = Code(6, "Email")
REFERRAL = Code(7, "Referral")
DISPLAY = Code(8, "Display")
AFFILIATE = Code(9, "Affiliate")
CAMPAIGN = Code(10, "Other campaign")
AI_ASSISTANT = Code(11, "AI assistant")
ORGANIC_SHOPPING = Code(12, "Organic search (shopping)")
PAID_SHOPPING = Code(13, "Paid shopping")
ORGANIC_VIDEO = Code(14, "Video")
PAID_VIDEO = Code(15, "Paid video")
PAID_OTHER = Code(16, "Paid other")
CROSS_NETWORK = Code(17, "Cross-network")
AUDIO = Code(18, "Audio")
SMS = Code(19, "SMS")
PUSH = Code(20, "Mobile push")
TRAFFIC_TYPES = (
    UNKNOWN,
    DIRECT,
    ORGANIC_SEARCH,
    PAID_SEARCH,
    SOCIAL,
    PAID_SOCIAL,
    EMAIL,
    REFERRAL,
    DISPLAY,
    AFFILIATE,
    CAMPAIGN,
    AI_ASSISTANT,
    ORGANIC_SHOPPING,
    PAID_SHOPPING,
    ORGANIC_VIDEO,
    PAID_VIDEO,
    PAID_OTHER,
    CROSS_NETWORK,
    AUDIO,
    SMS,
    PUSH,
)

#: utm_medium that says by itself what was paid for, in lower case.
PAID_MEDIA = {
    **dict.fromkeys(("display", "banner", "expandable", "interstitial", "cpm"), DISPLAY),
    **dict.fromkeys(("sem", "paidsearch", "paid-search", "paid_search", "paid search"), PAID_SEARCH),
    **dict.fromkeys(("paidsocial", "paid-social", "paid_social", "paid social"), PAID_SOCIAL),
    **dict.fromkeys(("social-paid", "social_paid"), PAID_SOCIAL),
}
SOCIAL_MEDIA = frozenset(
    {"social", "social-network", "social-media", "sm", "social network", "social media", "social_network"}
    | {"social_media"}
)
REFERRAL_MEDIA = frozenset({"referral", "app", "link"})
EMAIL_MEDIA = frozenset({"email", "e-mail", "e_mail", "e mail", "mail", "newsletter"})
AFFILIATE_MEDIA = frozenset({"affiliate", "affiliates", "partner"})

#: ISO 3166-1 alpha-2; a country's region code is its place in this list, from 1.
_COUNTRY_LIST = (
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY "
    "BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK "
    "FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR "
    "IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK "
    "ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM "
    "PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF "
    "TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW"
)
COUNTRIES = tuple(_COUNTRY_LIST.split())
REGIONS = {country: Code(number, country) for number, country in enumerate(COUNTRIES, 1)}


def browser(family: str) -> Code:
    """The code of a browser family as ua-parser names it; families outside the table are 99 with their own name."""
    name = BROWSER_FAMILIES.get(family)
    return Code(BROWSERS[name], name) if name else Code(OTHER_BROWSER, family[:50])


def system(family: str) -> Code:
    """The code of an operating system as ua-parser names it; others are 99 with their own name."""
    name = SYSTEM_FAMILIES.get(family)
    return Code(SYSTEMS[name], name) if name else Code(OTHER_SYSTEM, family[:50])


def region(country: str) -> Code:
    """The code of an ISO 3166-1 alpha-2 country, in any case; UNKNOWN when it is not one."""
    return REGIONS.get(country.strip().upper(), UNKNOWN)
