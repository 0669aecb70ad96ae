"""What is known of hosts: which sites belong together, and which are search engines, social networks, assistants.

A host is matched as a whole or with all that lies beneath it, never by a word somewhere in it: `google.evil.example` is
not Google. `*` at the end of a pattern stands for .com or a country's ending; a dot before it for all beneath.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from ingest import codes
from ingest.events import Code

#: Entries of each cache.
CACHED = 4_096

_SEARCH = """
    google.* www.google.* images.google.* m.google.* encrypted.google.* ipv4.google.* ipv6.google.* cse.google.*
    .bing.com .duckduckgo.com .ecosia.org .baidu.com .ya.ru yandex.* www.yandex.* m.yandex.* .startpage.com .qwant.com
    yahoo.* www.yahoo.* .search.yahoo.* .search.naver.com www.naver.com m.naver.com .search.daum.net www.daum.net
    .search.seznam.cz www.seznam.cz .sogou.com .so.com .sm.cn .aol.com .search.brave.com .ask.com .kagi.com .mojeek.com
    .swisscows.com .presearch.com .metager.de .metager.org suche.web.de suche.gmx.net suche.t-online.de
    .search.ch .coccoc.com .rambler.ru .go.mail.ru .lycos.com .dogpile.com .gibiru.com .search.marginalia.nu
    .search.smt.docomo.ne.jp .websearch.rakuten.co.jp .searx.be .ecosia.com
"""
_SOCIAL = """
    .facebook.com .fb.com .fb.me .messenger.com .instagram.com .threads.net .threads.com .twitter.com .x.com t.co
    .linkedin.com lnkd.in .pinterest.* .pinterest.co.uk .pinterest.com.au .pinterest.com.mx pin.it .reddit.com redd.it
    .tiktok.com .snapchat.com .tumblr.com .vk.com .vk.ru .ok.ru .weibo.com .weibo.cn .xiaohongshu.com .wechat.com
    .weixin.qq.com .whatsapp.com wa.me .telegram.org .telegram.me t.me .discord.com .discordapp.com .bsky.app
    .bsky.social .mastodon.social .mastodon.online .mstdn.social .xing.com .quora.com .nextdoor.com .flickr.com
    .medium.com .line.me .kakao.com .gab.com .truthsocial.com .stackexchange.com .stackoverflow.com .livejournal.com
    .mixi.jp news.ycombinator.com .lemmy.world .plurk.com
"""
_VIDEO = """
    .youtube.com youtu.be .vimeo.com .dailymotion.com .twitch.tv .bilibili.com .rumble.com .odysee.com .nicovideo.jp
    .netflix.com .hulu.com .disneyplus.com .ted.com .wistia.com .youku.com .iqiyi.com
"""
_SHOPPING = """
    amazon.* www.amazon.* m.amazon.* smile.amazon.* ebay.* www.ebay.* m.ebay.* .etsy.com .walmart.com .aliexpress.com
    .alibaba.com .temu.com .shein.com .mercadolibre.* .mercadolivre.com.br .rakuten.com www.rakuten.co.jp .zalando.*
    .idealo.* .geizhals.* .billiger.de .guenstiger.de .preis.de .kelkoo.* .pricerunner.* .pricespy.* .twenga.*
    .bol.com .allegro.pl .otto.de .cdiscount.com .target.com .bestbuy.com .shopping.com .pricegrabber.com
    shopping.google.* shopping.yahoo.* .shopzilla.com .ceneo.pl .heureka.cz .toppreise.ch .stylight.*
"""
_ASSISTANTS = """
    .chatgpt.com chat.openai.com .perplexity.ai copilot.microsoft.com .copilot.com m365.cloud.microsoft
    edgeservices.bing.com .claude.ai gemini.google.com bard.google.com notebooklm.google.com aistudio.google.com
    .chat.mistral.ai .deepseek.com .grok.com .meta.ai .you.com .poe.com .phind.com .pi.ai .duck.ai .chat.qwen.ai
    .kimi.com .kimi.ai .doubao.com .manus.im .character.ai .andisearch.com .iask.ai .liner.com .genspark.ai .felo.ai
    .komo.ai .lechat.ai chat.z.ai .huggingface.co .exa.ai
"""
_EMAIL = """
    mail.google.com .mail.yahoo.* .mail.yahoo.co.jp outlook.live.com outlook.office.com outlook.office365.com
    mail.yandex.* mail.proton.me .gmx.net .deref-gmx.net .deref-web.de navigator.web.de .mail.ru .fastmail.com
    .mail.aol.com mail.zoho.* .icloud.com .list-manage.com .campaign-archive.com .hey.com
"""

#: Of android-app:// and ios-app:// referrers: the name of the app's package.
_APPS = {
    "com.google.android.googlequicksearchbox": codes.ORGANIC_SEARCH,
    "com.google.android.apps.searchlite": codes.ORGANIC_SEARCH,
    "com.microsoft.bing": codes.ORGANIC_SEARCH,
    "com.duckduckgo.mobile.android": codes.ORGANIC_SEARCH,
    "com.google.android.gm": codes.EMAIL,
    "com.google.android.gm.lite": codes.EMAIL,
    "com.microsoft.office.outlook": codes.EMAIL,
    "com.yahoo.mobile.client.android.mail": codes.EMAIL,
    "ch.protonmail.android": codes.EMAIL,
    "de.gmx.mobile.android.mail": codes.EMAIL,
    "de.web.mobile.android.mail": codes.EMAIL,
    "com.samsung.android.email.provider": codes.EMAIL,
    "com.openai.chatgpt": codes.AI_ASSISTANT,
    "com.google.android.apps.bard": codes.AI_ASSISTANT,
    "ai.perplexity.app.android": codes.AI_ASSISTANT,
    "com.anthropic.claude": codes.AI_ASSISTANT,
    "com.microsoft.copilot": codes.AI_ASSISTANT,
    "com.deepseek.chat": codes.AI_ASSISTANT,
    "ai.x.grok": codes.AI_ASSISTANT,
    "com.google.android.youtube": codes.ORGANIC_VIDEO,
    "com.facebook.katana": codes.SOCIAL,
    "com.facebook.lite": codes.SOCIAL,
    "com.facebook.orca": codes.SOCIAL,
    "com.instagram.android": codes.SOCIAL,
    "com.instagram.barcelona": codes.SOCIAL,
    "com.twitter.android": codes.SOCIAL,
    "com.pinterest": codes.SOCIAL,
    "com.linkedin.android": codes.SOCIAL,
    "com.reddit.frontpage": codes.SOCIAL,
    "com.zhiliaoapp.musically": codes.SOCIAL,
    "com.snapchat.android": codes.SOCIAL,
    "com.whatsapp": codes.SOCIAL,
    "org.telegram.messenger": codes.SOCIAL,
    "org.telegram.plus": codes.SOCIAL,
}

#: Names as which utm_source has them, where it names no host.
_SOURCES = {
    codes.ORGANIC_SEARCH: "google bing yahoo duckduckgo ecosia baidu yandex startpage qwant naver seznam sogou aol "
    "brave adwords googleads google-ads google_ads bingads microsoft daum ask kagi",
    codes.SOCIAL: "facebook instagram twitter linkedin pinterest reddit tiktok snapchat threads mastodon bsky bluesky "
    "weibo whatsapp telegram fb ig x vk meta messenger discord tumblr quora xing wechat line",
    codes.ORGANIC_VIDEO: "youtube yt vimeo dailymotion twitch",
    codes.ORGANIC_SHOPPING: "amazon ebay etsy walmart idealo kelkoo geizhals pricerunner billiger shopzilla aliexpress "
    "googleshopping google-shopping google_shopping google_merchant shopping alibaba bestbuy target",
    codes.AI_ASSISTANT: "chatgpt openai perplexity copilot claude gemini grok deepseek mistral metaai meta-ai bard poe",
    codes.EMAIL: "email e-mail e_mail newsletter newsletters mail mailing klaviyo mailchimp gmail brevo sendinblue",
}

_IGNORED = """
    paypal.com braintreegateway.com venmo.com checkout.stripe.com hooks.stripe.com js.stripe.com pay.stripe.com
    buy.stripe.com invoice.stripe.com checkout.link.com stripe.network klarna.com sofort.com adyen.com mollie.com
    worldpay.com cybersource.com authorize.net checkout.com squareup.com cash.app afterpay.com afterpay.com.au
    clearpay.co.uk affirm.com sezzle.com zip.co shop.app checkout.shopify.com pay.shopify.com pay.google.com
    payments.google.com pay.amazon.com pay.amazon.de pay.amazon.co.uk payments.amazon.com payments.amazon.de
    apple-pay-gateway.apple.com giropay.de girocheckout.de paydirekt.de wero-wallet.eu computop-paygate.com
    saferpay.com datatrans.com datatrans.biz checkout.postfinance.ch twint.ch pay.ideal.nl multisafepay.com
    buckaroo.nl pay.nl bancontact.com payone.com unzer.com heidelpay.com ogone.com v-psp.com payline.com paybox.com
    systempay.fr lyra.com sips-services.com redsys.es mercadopago.com mercadopago.com.br pagseguro.uol.com.br
    przelewy24.pl dotpay.pl tpay.com payu.com payu.in paytrail.com nets.eu quickpay.net mobilepay.dk vipps.no
    trustly.com alipay.com wx.tenpay.com razorpay.com securegw.paytm.in phonepe.com ccavenue.com billdesk.com
    paystack.com flutterwave.com paysafe.com paysafecard.com skrill.com neteller.com ratepay.com riverty.com alma.eu
    scalapay.com bluesnap.com 2checkout.com paddle.com
    cardinalcommerce.com arcot.com securesuite.net securesuite.co.uk 3dsecure.io rsa3dsauth.com rsa3dsauth.co.uk
    mycardsecure.com modirum.com netcetera-payment.ch wlp-acs.com sparkassen-kreditkarten.de gpayments.com
    touchtechpayments.com apata.io verifiedbyvisa.com
    accounts.google.com appleid.apple.com idmsa.apple.com login.microsoftonline.com login.live.com login.yahoo.com
    auth0.com okta.com oktapreview.com onelogin.com amazoncognito.com b2clogin.com ciamlogin.com
"""
#: Places that a visitor passes on the way to an order and that sent nobody: payment, 3-D Secure, sign-in. Each with all
#: that lies beneath it. `sites.NAME.ignored_referrers` adds to them.
IGNORED_REFERRERS = frozenset(_IGNORED.split())
#: A bank's own 3-D Secure server, by the label beneath the bank's domain: acs.bank.example, 3ds2.bank.example.
_SECURE_LABEL = re.compile(r"3-?ds|3-?d-?secure|acs\d*$|acs-|securecode|verifiedbyvisa")
#: A mailbox in the browser, by its first label: mail.provider.example.
_MAILBOXES = frozenset({"mail", "webmail", "outlook", "owa", "email"})
#: Endings that `*` stands for. Under others anybody can have the name of an engine.
_STARRED = re.compile(r"com|[a-z]{2}|com?\.[a-z]{2}")


def _patterns() -> dict[str, Code]:
    listed = (
        (_SEARCH, codes.ORGANIC_SEARCH),
        (_SOCIAL, codes.SOCIAL),
        (_VIDEO, codes.ORGANIC_VIDEO),
        (_SHOPPING, codes.ORGANIC_SHOPPING),
        (_ASSISTANTS, codes.AI_ASSISTANT),
        (_EMAIL, codes.EMAIL),
    )
    return {pattern: kind for text, kind in listed for pattern in text.split()}


_KINDS = _patterns()
_NAMED = {name: kind for kind, text in _SOURCES.items() for name in text.split()}


@lru_cache(CACHED)
def kind_of(host: str) -> Code | None:
    """What a host is known as: ORGANIC_SEARCH, SOCIAL, ORGANIC_VIDEO, ORGANIC_SHOPPING, AI_ASSISTANT, EMAIL or None.

    The pattern that says most of the host wins: docs.google.com is not google.com.
    """
    if (kind := _KINDS.get(host) or _KINDS.get(_starred(host))) is not None:
        return kind
    for parent in _upward(host):
        if (kind := _KINDS.get("." + parent) or _KINDS.get("." + _starred(parent))) is not None:
            return kind
    return codes.EMAIL if host.partition(".")[0] in _MAILBOXES and host.count(".") > 1 else None


def kind_of_app(package: str) -> Code | None:
    """What the package of an app is known as; None for others."""
    return _APPS.get(package)


def kind_of_source(source: str) -> Code | None:
    """What a utm_source in lower case names: a known name, a host or a URL; None for others."""
    if (kind := _NAMED.get(source)) is not None:
        return kind
    host = source.partition("://")[2] if "://" in source else source
    host = host.partition("/")[0]
    return kind_of(host) if "." in host else None


@lru_cache(CACHED)
def registrable_domain(host: str) -> str:
    """The registrable domain of a host, shop.example of checkout.shop.example; an address is its own."""
    if ":" in host or host.rpartition(".")[2].isdigit():
        return host
    return _public_suffixes().privatesuffix(host) or host


def within(host: str, domains: frozenset[str]) -> bool:
    """Whether the host is one of the domains or lies beneath one."""
    return bool(domains) and any(parent in domains for parent in _upward(host))


@lru_cache(CACHED)
def is_ignored(host: str, more: frozenset[str]) -> bool:
    """Whether a referrer's host is a place on the way, not where the visitor came from."""
    if within(host, IGNORED_REFERRERS) or within(host, more):
        return True
    beneath = host.removesuffix(registrable_domain(host))
    return any(_SECURE_LABEL.match(label) for label in beneath.split(".") if label)


def checked_domain(given: str) -> str:
    """A host of the settings as URLs have it, in IDNA; raises ValueError for anything but a host's name."""
    domain = ascii_host(given.strip().lower().rstrip("."))
    if not re.fullmatch(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*", domain):
        raise ValueError(f"{given!r} is no host; write it as shop.example, without https:// and without a path")
    return domain


def ascii_host(host: str) -> str:
    """A host in IDNA, where it can be."""
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        return host


def _upward(host: str) -> Iterator[str]:
    """The host, then what is left without its first label, and so on."""
    while host:
        yield host
        host = host.partition(".")[2]


def _starred(host: str) -> str:
    """`www.google.co.uk` as `www.google.*`; empty where the ending is no one's own."""
    suffix = _public_suffixes().publicsuffix(host) or ""
    return host.removesuffix(suffix) + "*" if suffix != host and _STARRED.fullmatch(suffix) else ""


@lru_cache(1)
def _public_suffixes() -> Any:
    # The list is read at the first host, not by every command that imports this module.
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList()
