"""A site of the file, made or changed by its fields: each is set as it is given, and what the settings hold stays."""

from collections.abc import Mapping
from typing import Any

import tomlkit

from deploy.errors import HeldBySettingsError, NameTakenError, SetupError
from deploy.settings.access_file import JOINED, place, read
from deploy.settings.model import Settings, SiteSettings, variable
from deploy.sites.changes import new_key, require_site
from deploy.sites.file_edit import changed, table_of
from ingest.admission.origins import checked_origin

#: What is changed by a way of its own, as keys are made and shown once.
SECRET_FIELDS = frozenset({"write_keys", "import_keys", "purchase_secrets"})


def make_site(settings: Settings, name: str, fields: Mapping[str, Any], who: str = "") -> str:
    """Make a site with these fields; returns its write key. Raises SetupError, NameTakenError where there is one."""
    wanted = _stored(settings, name, fields)

    def change(document: tomlkit.TOMLDocument) -> str:
        if name in settings.sites or name in document.get("sites", {}):
            raise NameTakenError(f"there is a site {name}: change that one, or take another name")
        site, key = table_of(document, "sites", name), new_key("write")
        for field, value in wanted.items():
            site[field] = value
        site["write_keys"] = [key]
        return key

    return changed(settings, change, "sites add", name, who=who)


def change_site(settings: Settings, name: str, fields: Mapping[str, Any], who: str = "") -> None:
    """Set these fields of a site, and no other. Raises SetupError: UnknownNameError where there is no such site,
    HeldBySettingsError for a field that the settings hold."""
    require_site(settings, name)
    wanted = _stored(settings, name, fields)

    def change(document: tomlkit.TOMLDocument) -> None:
        site = table_of(document, "sites", name)
        for field, value in wanted.items():
            site[field] = value

    changed(settings, change, "sites change", name, ", ".join(sorted(wanted)), who)


def held_fields(settings: Settings, name: str) -> list[str]:
    """The fields of a site that its settings hold, so that the file cannot change them."""
    return sorted(settings.sites.get(name, SiteSettings()).model_fields_set - set(JOINED))


def where_kept(settings: Settings, name: str) -> list[str]:
    """Where a site is known from: settings, file, or both."""
    places = (("settings", settings.sites), ("file", read(place(settings)).sites))
    return [where for where, sites in places if name in sites]


def _stored(settings: Settings, name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields as the file has them."""
    if secret := SECRET_FIELDS & fields.keys():
        raise SetupError(f"{min(secret)}: keys are made by the system, and are no field to set")
    held = set(held_fields(settings, name))
    if wrong := held & fields.keys():
        raise _held(name, min(wrong))
    wanted = dict(fields)
    if "origins" in wanted:
        wanted["origins"] = _origins(settings, name, wanted["origins"])
    return {field: _toml(value) for field, value in wanted.items()}


def _origins(settings: Settings, name: str, given: list[str]) -> list[str]:
    """Those for the file; raises HeldBySettingsError where one is left out that the settings have."""
    try:
        spelled = list(dict.fromkeys(checked_origin(origin) for origin in given))
    except ValueError as error:
        raise SetupError(f"origins: {error}") from None
    own = settings.sites.get(name, SiteSettings()).origins
    if missing := [origin for origin in own if checked_origin(origin) not in spelled]:
        raise _held(name, "origins", f"{missing[0]} of ")
    return [origin for origin in spelled if origin not in own]


def _held(name: str, field: str, what: str = "") -> HeldBySettingsError:
    place_of = f"sites.{name}.{field}"
    return HeldBySettingsError(
        f"{what}{place_of} is set in the settings: change it there ({variable(place_of)}, or the settings file)"
    )


def _toml(value: Any) -> Any:
    """Tables within a value in one line, so that what follows them still belongs to the site."""
    if isinstance(value, dict):
        table = tomlkit.inline_table()
        table.update({key: _toml(each) for key, each in value.items()})
        return table
    if isinstance(value, list | tuple):
        array = tomlkit.array()
        for each in value:
            array.append(_toml(each))
        return array
    return value
