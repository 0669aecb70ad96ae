"""Where a visitor came from: campaign parameters first, then click ids, then the referrer.

The rules for campaigns are those that Google publishes as the default channel group of Analytics 4, in their order
(docs/features.md has the table). What they have no channel for (AI assistants, newsletters) is added and said there.
"""

import re
from typing import NamedTuple
from urllib.parse import parse_qsl

from ingest import codes
from ingest.events import UNKNOWN, Code
from ingest.parsing import hosts
from ingest.parsing.paths import split_url

_PAID = re.compile(r".*cp.*|ppc|retargeting|paid.*")
_SHOPPING = re.compile(r".*(([^a-df-z]|^)shop|shopping).*")
_PAID_KIND = {
    codes.ORGANIC_SEARCH: codes.PAID_SEARCH,
    codes.SOCIAL: codes.PAID_SOCIAL,
    codes.ORGANIC_VIDEO: codes.PAID_VIDEO,
    codes.ORGANIC_SHOPPING: codes.PAID_SHOPPING,
}


class _Click(NamedTuple):
    """What a click id says: the source that made it, and the medium."""

    source: str
    medium: str


_FREE = ("social", "organic")
#: We read that they are there and never keep them. Names in lower case.
CLICK_IDS = {
    **dict.fromkeys(("gclid", "gbraid", "wbraid", "gad_source"), _Click("google", "cpc")),
    "msclkid": _Click("bing", "cpc"),
    "yclid": _Click("yandex", "cpc"),
    "dclid": _Click("", "display"),
    "ttclid": _Click("tiktok", "cpc"),
    "twclid": _Click("twitter", "cpc"),
    "li_fat_id": _Click("linkedin", "cpc"),
    "sccid": _Click("snapchat", "cpc"),
    "rdt_cid": _Click("reddit", "cpc"),
    "epik": _Click("pinterest", "cpc"),
    "qclid": _Click("quora", "cpc"),
    # The shopping listings, Facebook and Instagram add these to what nobody paid for, too.
    "srsltid": _Click("googleshopping", "organic"),
    "fbclid": _Click("facebook", "social"),
    "igshid": _Click("instagram", "social"),
    "igsh": _Click("instagram", "social"),
    **dict.fromkeys(("irclickid", "awc", "cjevent", "ransiteid", "tduid", "sscid"), _Click("", "affiliate")),
    **dict.fromkeys(("mc_cid", "mc_eid", "_kx", "mkt_tok"), _Click("", "email")),
}


def traffic_type_of(
    url: str, referrer: str | None, page_host: str | None, own: frozenset[str], ignored: frozenset[str]
) -> Code:
    """The traffic type; own pages, places on the way (`ignored`) and no referrer at all are direct.

    `page_host` is the host of the page that sends, where `url` names none; `own` are more domains of the site.
    """
    try:
        here = split_url(url)
    except ValueError:
        return UNKNOWN
    given = _parameters(here.query)
    source, medium = given.get("utm_source", ""), given.get("utm_medium", "")
    click = next((CLICK_IDS[name] for name in given if name in CLICK_IDS), None)
    if source or medium or click:
        return _campaign(source, medium, given.get("utm_campaign", ""), click)
    return _referred(here.hostname or page_host, referrer, own, ignored)


def _parameters(query: str) -> dict[str, str]:
    """Names and values in lower case, the first of each name; those without a value are left out."""
    given: dict[str, str] = {}
    for name, value in parse_qsl(query) if query else ():
        if text := value.strip().lower():
            given.setdefault(name.lower(), text)
    return given


def _campaign(source: str, medium: str, name: str, click: _Click | None) -> Code:
    kind = hosts.kind_of_source(source) if source else None
    if click and (not medium or _PAID.fullmatch(medium)) and (click.medium not in _FREE or not source):
        # A click id fills in what the address does not say; one that nobody paid for says less than a source.
        medium, kind = medium or click.medium, kind or hosts.kind_of_source(click.source)
    if source in ("(direct)", "direct") and medium in ("", "(none)", "(not set)"):
        return codes.DIRECT
    if "cross-network" in name:
        return codes.CROSS_NETWORK
    shopping = kind is codes.ORGANIC_SHOPPING or _SHOPPING.fullmatch(name) is not None
    return _paid(kind, medium, shopping) or _unpaid(kind, source, medium, shopping)


def _paid(kind: Code | None, medium: str, shopping: bool) -> Code | None:
    if _PAID.fullmatch(medium):
        if shopping:
            return codes.PAID_SHOPPING
        if kind in _PAID_KIND:
            return _PAID_KIND[kind]
        return codes.PAID_MEDIA.get(medium, codes.PAID_OTHER)
    return codes.PAID_MEDIA.get(medium)


def _unpaid(kind: Code | None, source: str, medium: str, shopping: bool) -> Code:  # noqa: PLR0911  (a list of rules)
    if shopping:
        return codes.ORGANIC_SHOPPING
    if kind is codes.SOCIAL or medium in codes.SOCIAL_MEDIA:
        return codes.SOCIAL
    if kind is codes.ORGANIC_VIDEO or "video" in medium:
        return codes.ORGANIC_VIDEO
    if kind is codes.ORGANIC_SEARCH or medium == "organic":
        return codes.ORGANIC_SEARCH
    if kind is codes.AI_ASSISTANT:
        return codes.AI_ASSISTANT
    if medium in codes.REFERRAL_MEDIA:
        return codes.REFERRAL
    if kind is codes.EMAIL or medium in codes.EMAIL_MEDIA or source in codes.EMAIL_MEDIA:
        return codes.EMAIL
    if medium in codes.AFFILIATE_MEDIA:
        return codes.AFFILIATE
    if medium == "audio":
        return codes.AUDIO
    if "sms" in (source, medium):
        return codes.SMS
    if medium.endswith("push") or "mobile" in medium or "notification" in medium or source == "firebase":
        return codes.PUSH
    return codes.CAMPAIGN


def _referred(host: str | None, referrer: str | None, own: frozenset[str], ignored: frozenset[str]) -> Code:
    if not referrer:
        return codes.DIRECT
    try:
        parts = split_url(referrer)
        there = hosts.ascii_host((parts.hostname or "").rstrip("."))
    except ValueError:
        return UNKNOWN
    if parts.scheme in ("android-app", "ios-app"):
        return hosts.kind_of_app(there) or codes.REFERRAL
    if not there or _is_own(there, host, own) or hosts.is_ignored(there, ignored):
        return codes.DIRECT
    return hosts.kind_of(there) or codes.REFERRAL


def _is_own(there: str, host: str | None, own: frozenset[str]) -> bool:
    same = host is not None and hosts.registrable_domain(there) == hosts.registrable_domain(hosts.ascii_host(host))
    return same or hosts.within(there, own)
