"""Sites and keys for the query API: the file that `opecom sites` and `opecom keys` change, beside the settings."""

import contextlib
from collections.abc import Generator
from typing import Any, get_args

import msgspec

from deploy.errors import HeldBySettingsError, NameTakenError, ReadOnlyFileError, SetupError, UnknownNameError
from deploy.http.tag import TagOptions, content_security_policy, script_tag
from deploy.settings.access_file import place, read, sites_of
from deploy.settings.model import Settings, SiteSettings, variable
from deploy.sites import changes, site_fields
from deploy.sites.file_edit import is_writable
from storage.http.errors import ReadCode, ReadError
from storage.setup.answers import (
    AccessFileState,
    KeptIn,
    KeyCreated,
    KeyDetails,
    KeyRequest,
    SiteChanged,
    SiteDetails,
    SiteFields,
    SiteKeyCreated,
    SiteKeyKind,
    SiteTag,
)
from storage.setup.registry import TagRequest

#: What of a site a worker reads when it first sees the site.
CALENDAR = {"timezone", "holidays", "special_days"}
_CODES: dict[type[SetupError], ReadCode] = {
    UnknownNameError: "not_found",
    NameTakenError: "conflict",
    HeldBySettingsError: "conflict",
    ReadOnlyFileError: "conflict",
}


class FileRegistry:
    """An AccessRegistry over the settings and the file of sites and keys."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def state(self) -> AccessFileState:
        path = place(self._settings)
        if is_writable(path):
            return AccessFileState(str(path), True)
        remedy = (
            f"the query API cannot change {path}: change it where it comes from (`opecom sites`, `opecom keys`), or "
            f"let {variable('access_file')} name a file that all parts share and this one may write"
        )
        return AccessFileState(str(path), False, remedy)

    def sites(self) -> list[SiteDetails]:
        with _explained():
            return [self._details(name, site) for name, site in sorted(sites_of(self._settings).items())]

    def make_site(self, name: str, fields: dict[str, Any], who: str) -> SiteChanged:
        with _explained():
            site_fields.make_site(self._settings, name, fields, who)
            made = self._site(name)
            return SiteChanged(made, _notices(made, False))

    def change_site(self, name: str, fields: dict[str, Any], who: str) -> SiteChanged:
        with _explained():
            before = sites_of(self._settings).get(name)
            site_fields.change_site(self._settings, name, fields, who)
            after = self._site(name)
            moved = before is not None and any(
                field in fields and getattr(before, field) != _frozen(getattr(after.fields, field))
                for field in CALENDAR
            )
            return SiteChanged(after, _notices(after, moved))

    def remove_site(self, name: str, who: str) -> bool:
        with _explained():
            return changes.remove_site(self._settings, name, who)

    def make_site_key(self, name: str, kind: SiteKeyKind, who: str) -> SiteKeyCreated:
        with _explained():
            return SiteKeyCreated(name, kind, changes.rotate(self._settings, name, kind, who))

    def retire_site_keys(self, name: str, kind: SiteKeyKind, who: str) -> int:
        with _explained():
            return changes.retire(self._settings, name, kind, who)

    def tag(self, request: TagRequest) -> SiteTag:
        with _explained():
            changes.require_site(self._settings, request.site)
            keys = sites_of(self._settings)[request.site].write_keys
            if request.key and request.key not in keys:
                raise ReadError("not_found", f"site {request.site} has no such write key; GET /sites lists them")
            key = request.key or next(iter(keys), "")
            options = TagOptions(
                request.is_pinned,
                request.has_stub,
                request.in_address,
                request.cookie_domain,
                request.link_domains,
                "dataLayer" if request.datalayer else "",
            )
            tag = script_tag(self._settings, request.site, key, options)
            return SiteTag(request.site, key, tag, dict(content_security_policy(self._settings)))

    def keys(self) -> list[KeyDetails]:
        api = self._settings.api
        with _explained():
            found = read(place(self._settings)).keys
        kept = [
            KeyDetails(
                name=name,
                scopes=list(key.scopes),
                sites=None if key.sites is None else list(key.sites),
                kept_in="file",
                created_at=key.created_at.isoformat(),
                expires_at=None if key.expires_at is None else key.expires_at.isoformat(),
            )
            for name, key in found.items()
        ]
        of_settings = [
            *(KeyDetails(name="api.read_keys", scopes=["read"], sites=None, kept_in="settings") for _ in api.read_keys),
            *(
                KeyDetails(name="api.admin_keys", scopes=["admin"], sites=None, kept_in="settings")
                for _ in api.admin_keys
            ),
        ]
        return [*kept, *of_settings]

    def make_key(self, request: KeyRequest, who: str) -> KeyCreated:
        scopes = sorted(set(request.scopes))
        with _explained():
            key = changes.add_key(self._settings, request.name, scopes, request.sites, who, request.days)
        return KeyCreated(request.name, key, scopes, request.sites)

    def revoke_key(self, name: str, who: str) -> None:
        with _explained():
            changes.revoke_key(self._settings, name, who)

    def _site(self, name: str) -> SiteDetails:
        known = sites_of(self._settings)
        if name not in known:
            raise UnknownNameError(f"site {name} was removed meanwhile")
        return self._details(name, known[name])

    def _details(self, name: str, site: SiteSettings) -> SiteDetails:
        known = set(SiteFields.__struct_fields__)
        kept_in: list[KeptIn] = [
            each for each in get_args(KeptIn) if each in site_fields.where_kept(self._settings, name)
        ]
        return SiteDetails(
            name=name,
            kept_in=kept_in,
            held=[field for field in site_fields.held_fields(self._settings, name) if field in known],
            fields=msgspec.convert(site.model_dump(include=known), SiteFields),
            write_keys=list(site.write_keys),
            import_keys=len(site.import_keys),
            purchase_secrets=len(site.purchase_secrets),
        )


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _notices(site: SiteDetails, is_calendar_new: bool) -> list[str]:
    notices = []
    if not site.fields.origins:
        notices.append(f"{site.name} has no origins: it takes events from pages of this machine alone")
    if is_calendar_new:
        notices.append("the calendar of a site that was known holds until the worker starts again")
    return notices


@contextlib.contextmanager
def _explained() -> Generator[None, None, None]:
    """A refusal of the file as the API answers it."""
    try:
        yield
    except SetupError as error:
        raise ReadError(_CODES.get(type(error), "invalid"), str(error)) from error
