"""What the routes need of whoever keeps sites and keys."""

from dataclasses import dataclass
from typing import Any, Protocol

from storage.setup.answers import (
    AccessFileState,
    KeyCreated,
    KeyDetails,
    KeyRequest,
    SiteChanged,
    SiteDetails,
    SiteKeyCreated,
    SiteKeyKind,
    SiteTag,
)


@dataclass(frozen=True, slots=True)
class TagRequest:
    """Of which site, by which of its write keys ("": the first), and what the tag has beside."""

    site: str
    key: str = ""
    is_pinned: bool = False
    has_stub: bool = True
    in_address: bool = False
    cookie_domain: str = ""
    link_domains: tuple[str, ...] = ()
    datalayer: bool = False


class AccessRegistry(Protocol):
    """Blocking. Each raises ReadError: not_found for a name that is not known, conflict for what cannot be changed
    here, invalid for a wrong value. `who` is the key's name, for the audit trail."""

    def state(self) -> AccessFileState: ...

    def sites(self) -> list[SiteDetails]: ...

    def make_site(self, name: str, fields: dict[str, Any], who: str) -> SiteChanged: ...

    def change_site(self, name: str, fields: dict[str, Any], who: str) -> SiteChanged: ...

    def remove_site(self, name: str, who: str) -> bool:
        """Whether the settings still have it."""
        ...

    def make_site_key(self, name: str, kind: SiteKeyKind, who: str) -> SiteKeyCreated: ...

    def retire_site_keys(self, name: str, kind: SiteKeyKind, who: str) -> int:
        """How many ended."""
        ...

    def tag(self, request: TagRequest) -> SiteTag: ...

    def keys(self) -> list[KeyDetails]: ...

    def make_key(self, request: KeyRequest, who: str) -> KeyCreated: ...

    def revoke_key(self, name: str, who: str) -> None: ...
