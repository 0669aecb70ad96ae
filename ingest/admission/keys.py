"""Who may write for which site: public write keys, secret import keys, and this machine without a key.

Keys are compared by their digests in constant time, so neither the answer nor its time tells how much of a key fits.
"""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from ingest.enrich import PLAIN_URL_RULES, UrlRules
from ingest.errors import RequestRefusedError
from ingest.events import base_site
from ingest.tokens import Shown

Scope = Literal["write", "import"]


@dataclass(frozen=True, slots=True)
class SiteAccess:
    """What ingest knows of one site. `origins` empty: pages of this machine only; `intent` is how much of a
    session's intent its page may show, None: nothing."""

    name: str
    url_rules: UrlRules = PLAIN_URL_RULES
    origins: frozenset[str] = frozenset()
    write_keys: tuple[str, ...] = ()
    import_keys: tuple[str, ...] = field(default=(), repr=False)
    purchase_secrets: tuple[str, ...] = field(default=(), repr=False)
    keyless_loopback: bool = False
    count_unverified_purchases: bool = False
    intent: Shown | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """What a key, or its absence on this machine, allows. `rate_limit_key` names the bucket of its rate."""

    site: SiteAccess
    scope: Scope
    rate_limit_key: str

    def name_for(self, named: str | None) -> str:
        """The site that events are written to; raises RequestRefusedError when the body names one that is not granted.

        Only imports may name a run of their site (`uci~k3f9`).
        """
        if named is None or named == self.site.name:
            return self.site.name
        if self.scope == "import" and base_site(named) == self.site.name:
            return named
        raise RequestRefusedError("wrong_site", f"this key writes to the site {self.site.name}, not to {named}")


class Keys:
    """The keys of all sites; raises ValueError when one key would serve two purposes."""

    def __init__(self, sites: Iterable[SiteAccess]) -> None:
        self._grants: dict[bytes, Grant] = {}
        self._keyless: dict[str, Grant] = {}
        self.replace_all(sites)

    def replace_all(self, sites: Iterable[SiteAccess]) -> None:
        """From now on the keys of these sites and no others; raises ValueError, and then all stays as it was."""
        grants: dict[bytes, Grant] = {}
        keyless: dict[str, Grant] = {}
        for site in sites:
            if site.keyless_loopback:
                keyless[site.name] = Grant(site, "write", f"{site.name} without a key")
            for key in site.write_keys:
                _add(grants, key, site, "write")
            for key in site.import_keys:
                _add(grants, key, site, "import")
        self._grants, self._keyless = grants, keyless

    def grant(self, header_key: str | None, query_key: str | None, from_this_machine: bool) -> Grant:
        """What the key allows; raises RequestRefusedError when it opens nothing or stands where it must not."""
        key = header_key or query_key
        if not key:
            return self._without_key(from_this_machine)
        found = self._found(_digest(key))
        if found is None:
            raise RequestRefusedError("wrong_key", "unknown key; send a write key of the site as X-OPECOM-Key")
        if found.scope == "import" and not header_key:
            raise RequestRefusedError("wrong_key", "an import key is secret: send it as X-OPECOM-Key, never in a URL")
        return found

    def _found(self, digest: bytes) -> Grant | None:
        # Every digest is compared, each in constant time: where the one that fits stands does not show.
        found = None
        for known, grant in self._grants.items():
            if hmac.compare_digest(known, digest):
                found = grant
        return found

    def _without_key(self, from_this_machine: bool) -> Grant:
        if not from_this_machine or not self._keyless:
            raise RequestRefusedError(
                "no_key", "no key; send a write key of the site as X-OPECOM-Key: `opecom sites add NAME` makes one"
            )
        if len(self._keyless) > 1 and "default" not in self._keyless:
            raise RequestRefusedError(
                "no_key", "several sites take writes without a key: send the key of one as X-OPECOM-Key"
            )
        return self._keyless.get("default") or next(iter(self._keyless.values()))


def _add(grants: dict[bytes, Grant], key: str, site: SiteAccess, scope: Scope) -> None:
    grant = Grant(site, scope, f"{site.name} {_digest(key).hex()[:12]}")
    if len(key) < 8:
        raise ValueError(f"sites.{grant.site.name}: a {grant.scope} key has fewer than 8 characters")
    if _digest(key) in grants:
        other = grants[_digest(key)]
        if (other.site.name, other.scope) == (site.name, scope):
            raise ValueError(f"sites.{site.name}.{scope}_keys: a key is listed twice; remove one of the two")
        raise ValueError(
            f"sites.{grant.site.name} and sites.{other.site.name}: one key cannot be both {grant.scope} key and "
            f"{other.scope} key; give each its own"
        )
    grants[_digest(key)] = grant


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
