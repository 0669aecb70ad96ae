"""Changes of the file of sites and keys: sites made, changed and removed, their keys and the secret keys.

Keys are made here and returned once; of secret keys only the SHA-256 is kept. `who` stands in the audit trail; "" is
the user of this process.
"""

import base64
import hashlib
import secrets
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import tomlkit

from deploy.errors import HeldBySettingsError, NameTakenError, SetupError, UnknownNameError
from deploy.settings.access_file import place, read, sites_of
from deploy.settings.model import Settings, SiteSettings
from deploy.sites.file_edit import changed, join, table_of, take
from ingest.admission.origins import checked_origin
from storage.http.secret_keys import Scope

Kind = Literal["write", "import", "purchase"]
#: Where each kind of a site's keys stands.
FIELDS: dict[Kind, str] = {"write": "write_keys", "import": "import_keys", "purchase": "purchase_secrets"}


def add_site(settings: Settings, name: str, origins: Sequence[str], fields: Mapping[str, Any]) -> str:
    """Add a site, or to a site these origins and fields; returns the write key that was made, "" where it has one.

    Origins are kept as browsers spell them. Raises SetupError.
    """
    try:
        spelled = [checked_origin(origin) for origin in origins]
    except ValueError as error:
        raise SetupError(f"--origin: {error}") from None

    def change(document: tomlkit.TOMLDocument) -> str:
        site = table_of(document, "sites", name)
        join(site, "origins", spelled)
        for field, value in fields.items():
            site[field] = value
        known = sites_of(settings, read(place(settings))).get(name)
        if known is not None and known.write_keys:
            return ""
        key = new_key("write")
        join(site, "write_keys", [key])
        return key

    return changed(settings, change, "sites add", name)


def rotate(settings: Settings, name: str, kind: Kind, who: str = "") -> str:
    """Give a site another key, in front of those it has, which go on holding; returns it. Raises SetupError."""
    require_site(settings, name)

    def change(document: tomlkit.TOMLDocument) -> str:
        site, field, key = table_of(document, "sites", name), FIELDS[kind], new_key(kind)
        site[field] = [key, *site.get(field, [])]
        return key

    return changed(settings, change, f"sites rotate --{kind}", name, who=who)


def retire(settings: Settings, name: str, kind: Kind, who: str = "") -> int:
    """Leave a site the newest key of this kind alone; returns how many ended. Raises SetupError."""
    require_site(settings, name)
    in_settings = getattr(settings.sites.get(name, SiteSettings()), FIELDS[kind])
    if in_settings:
        raise HeldBySettingsError(f"sites.{name}.{FIELDS[kind]} has keys in the settings: take them out there")

    def change(document: tomlkit.TOMLDocument) -> int:
        site, field = table_of(document, "sites", name), FIELDS[kind]
        kept = list(site.get(field, []))
        site[field] = kept[:1]
        return len(kept[1:])

    return changed(settings, change, f"sites rotate --{kind} --retire", name, who=who)


def remove_site(settings: Settings, name: str, who: str = "") -> bool:
    """Take a site out of the file; True where the settings still have it. Raises SetupError where the file has not."""

    def change(document: tomlkit.TOMLDocument) -> bool:
        take(document, "sites", name, f"{place(settings)} has no site {name}")
        return name in settings.sites

    return changed(settings, change, "sites remove", name, who=who)


def add_key(
    settings: Settings,
    name: str,
    scopes: Collection[Scope],
    sites: Collection[str] | None,
    who: str = "",
    days: int | None = None,
) -> str:
    """Make a secret key, which expires after so many `days` (None: never), and return it.

    Raises SetupError for a name in use, or no name, or a site that is not known.
    """
    if not name.strip() or not name.isprintable():
        raise SetupError("a key needs a name that can be read: whose it is, or what for")
    for site in sites or ():
        require_site(settings, site)

    def change(document: tomlkit.TOMLDocument) -> str:
        if name in document.get("keys", {}):
            raise NameTakenError(f"there is a key {name}: `opecom keys revoke {name}`, or take another name")
        key = new_key("secret")
        kept = table_of(document, "keys", name)
        kept["sha256"] = hashlib.sha256(key.encode()).hexdigest()
        kept["scopes"] = sorted(scopes)
        if sites is not None:
            kept["sites"] = sorted(sites)
        kept["created_at"] = now = datetime.now(UTC).replace(microsecond=0)
        if days is not None:
            kept["expires_at"] = now + timedelta(days=days)
        return key

    scoped = f"key {name} of {', '.join(sorted(scopes))}"
    return changed(settings, change, "keys add", ", ".join(sorted(sites or ())), scoped, who)


def revoke_key(settings: Settings, name: str, who: str = "") -> None:
    """End a secret key; raises SetupError where there is none of this name."""
    gone = f"{place(settings)} has no key {name}: `opecom keys list` tells their names"
    changed(
        settings, lambda document: take(document, "keys", name, gone), "keys revoke", subject=f"key {name}", who=who
    )


def new_key(kind: Kind | Literal["secret"]) -> str:
    """A key nobody can guess. Its beginning says what it is, so that one that leaked is recognised."""
    if kind == "purchase":
        return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
    return {"write": "wk_", "import": "ik_", "secret": "opk_"}[kind] + secrets.token_urlsafe(24)


def require_site(settings: Settings, name: str) -> None:
    known = sites_of(settings, read(place(settings)))
    if name not in known:
        raise UnknownNameError(
            f"there is no site {name}: `opecom sites add {name}` makes it; there are {', '.join(known)}"
        )
