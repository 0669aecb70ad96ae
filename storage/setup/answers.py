"""What the routes of sites and keys take and answer. Plain data; secrets stand in answers that make them alone."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from storage.http.secret_keys import MOST_DAYS, Scope

#: Keys of a site: public in its pages; secret, for history; secret, to sign purchases.
SiteKeyKind = Literal["write", "import", "purchase"]
KeptIn = Literal["settings", "file"]
Name = Annotated[str, Meta(min_length=1, max_length=64)]
Text = Annotated[str, Meta(max_length=400)]
Texts = Annotated[list[Text], Meta(max_length=500)]


class PathRuleFields(Struct, frozen=True, forbid_unknown_fields=True):
    """Paths that begin with `prefix` are pages of this type."""

    prefix: Text
    type: Literal["Administrative", "Informational", "ProductRelated"]


class SiteFields(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Fields of a site to set; those that are left out stay as they are. docs/settings.md says what each means."""

    origins: Texts | UnsetType = UNSET
    timezone: Text | UnsetType = UNSET
    holidays: Text | UnsetType = UNSET
    special_days: Texts | UnsetType = UNSET
    path_rules: list[PathRuleFields] | UnsetType = UNSET
    path_patterns: Texts | UnsetType = UNSET
    allowed_query: Texts | UnsetType = UNSET
    own_domains: Texts | UnsetType = UNSET
    ignored_referrers: Texts | UnsetType = UNSET
    intent_in_browser: bool | Literal["embedded", "band"] | UnsetType = UNSET
    expected_conversion: float | UnsetType = UNSET
    bands: Literal["share"] | tuple[float, float] | UnsetType = UNSET
    count_unverified_purchases: bool | UnsetType = UNSET
    currency: Text | UnsetType = UNSET
    rates: dict[str, float] | UnsetType = UNSET


class SiteRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A new site, with what is to be set of it."""

    name: Name
    fields: SiteFields = SiteFields()


class SiteDetails(Struct, frozen=True, kw_only=True):
    """A site as it is in force. `held`: the fields that the settings hold, which cannot be changed here."""

    name: str
    kept_in: list[KeptIn]
    held: list[str]
    fields: SiteFields
    write_keys: list[str]
    import_keys: int
    purchase_secrets: int


class AccessFileState(Struct, frozen=True):
    """The file of sites and keys; `remedy` says what to do where it cannot be changed from here."""

    path: str
    is_writable: bool
    remedy: str = ""


class SiteList(Struct, frozen=True):
    """`may_change`: whether this key may make and change sites and keys."""

    sites: list[SiteDetails]
    file: AccessFileState
    may_change: bool


class SiteChanged(Struct, frozen=True):
    """A site after a change; `notices` are lines for the user."""

    site: SiteDetails
    notices: list[str] = []


class SiteRemoved(Struct, frozen=True):
    """`is_known_still`: the settings have it, too."""

    name: str
    is_known_still: bool


class SiteKeyRequest(Struct, frozen=True, forbid_unknown_fields=True):
    kind: SiteKeyKind


class SiteKeyCreated(Struct, frozen=True):
    """A key that holds beside those before it; of a secret one this is the only answer that shows it."""

    site: str
    kind: SiteKeyKind
    key: str


class SiteKeysRetired(Struct, frozen=True):
    """How many keys ended; the newest holds."""

    site: str
    kind: SiteKeyKind
    ended: int


class SiteTag(Struct, frozen=True):
    """The script tag to paste into the pages; `directives`: what their content security policy must allow."""

    site: str
    key: str
    tag: str
    directives: dict[str, str]


class SiteArrivals(Struct, frozen=True):
    """When the first and the newest event of a site were received, ms UTC."""

    site: str
    first_at: int
    newest_at: int


class ArrivalList(Struct, frozen=True):
    """The sites of which an event was received, by name."""

    sites: list[SiteArrivals]


class KeyRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """`sites` null: all sites, those to come as well. `days`: after how many the key expires; null: never."""

    name: Name
    scopes: Annotated[list[Scope], Meta(min_length=1, max_length=4)]
    sites: Annotated[list[Name], Meta(min_length=1, max_length=500)] | None = None
    days: Annotated[int, Meta(ge=1, le=MOST_DAYS)] | None = None


class KeyDetails(Struct, frozen=True, kw_only=True):
    """A secret key by its name; the key itself is kept nowhere."""

    name: str
    scopes: list[Scope]
    sites: list[str] | None
    kept_in: KeptIn
    #: ISO 8601; null of a key of the settings.
    created_at: str | None = None
    #: ISO 8601; null of a key that lasts until it is ended.
    expires_at: str | None = None


class KeyList(Struct, frozen=True):
    keys: list[KeyDetails]
    file: AccessFileState
    may_change: bool


class KeyCreated(Struct, frozen=True):
    """A new key; no other answer shows it."""

    name: str
    key: str
    scopes: list[Scope]
    sites: list[str] | None


class KeyRevoked(Struct, frozen=True):
    name: str


STRUCTS: tuple[type[Struct], ...] = (
    *(SiteList, SiteRequest, SiteFields, SiteChanged, SiteRemoved, SiteKeyRequest, SiteKeyCreated, SiteKeysRetired),
    *(SiteTag, ArrivalList, KeyRequest, KeyList, KeyCreated, KeyRevoked),
)


def fields_set(fields: SiteFields) -> dict[str, Any]:
    """The fields that are set, as plain values."""
    found: dict[str, Any] = msgspec.to_builtins(fields)
    return found
