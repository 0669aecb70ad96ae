"""Settings as text: those in force, and docs/settings.md."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from deploy.settings.model import PathRule, Settings, SiteSettings, variable

_HEAD = """\
# Settings

Made by `opecom settings --markdown` from deploy/settings/model.py; a test keeps it current.

Each setting is an environment variable, or a line of the file `opecom.toml` (or of the file that the variable
`OPECOM_SETTINGS` names): `ingest.port` is `port` in the table `[ingest]`, or `OPECOM_INGEST__PORT`. The variable wins.
In variables, lists and tables are written as JSON. `opecom settings` prints what is in force, secrets hidden.
"""


def in_force(settings: Settings) -> str:
    """What opecom.toml would say to give these settings; secrets are stars, settings without a value are left out."""
    top, tables = _toml("", settings)
    return "\n".join([*top, *tables]) + "\n"


def markdown() -> str:
    """Every setting with its variable, default and meaning."""
    parts = [_HEAD]
    fields = Settings.model_fields
    parts.append(_table("The whole", [(name, field) for name, field in fields.items() if _group(field) is None]))
    for name, field in fields.items():
        group = _group(field)
        if group is not None:
            parts.append(_table(f"`{name}`", list(_named(name, group))))
    sites = [(f"sites.SITE.{key}", each) for key, each in SiteSettings.model_fields.items()]
    parts.append(_table("`sites`, one table per site", sites))
    rules = [(f"sites.SITE.path_rules[].{key}", each) for key, each in PathRule.model_fields.items()]
    parts.append(_table("Path rules of a site", rules))
    return "\n".join(parts)


def _toml(prefix: str, group: BaseModel) -> tuple[list[str], list[str]]:
    """The lines of a group's own values, and those of the tables below it."""
    values, tables = [], []
    for name in type(group).model_fields:
        value = getattr(group, name)
        if isinstance(value, BaseModel | dict):
            tables += _subtables(f"{prefix}{name}", value)
        elif value is not None:
            values.append(f"{name} = {_value(value)}")
    return values, tables


def _subtables(path: str, value: BaseModel | dict[str, Any]) -> list[str]:
    if isinstance(value, dict):
        return [line for key, each in value.items() for line in _subtables(f"{path}.{_key(key)}", each)]
    lines, below = _toml(f"{path}.", value)
    return ["", f"[{path}]", *lines, *below]


def _key(name: str) -> str:
    plain = name.replace("-", "").replace("_", "").isalnum() and name.isascii()
    return name if plain else json.dumps(name)


def _value(value: object) -> str:
    match value:
        case SecretStr():
            return '"**********"' if value.get_secret_value() else '""'
        case BaseModel():
            return "{" + ", ".join(f"{name} = {_value(each)}" for name, each in value) + "}"
        case tuple() | list():
            return "[" + ", ".join(map(_value, value)) + "]"
        case Path():
            return json.dumps(str(value))
        case _:
            return json.dumps(value)


def _group(field: FieldInfo) -> type[BaseModel] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _named(prefix: str, group: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    """The settings of a group by their whole names, those of groups within it last."""
    for key, field in sorted(group.model_fields.items(), key=lambda each: _group(each[1]) is not None):
        inner = _group(field)
        if inner is None:
            yield f"{prefix}.{key}", field
        else:
            yield from _named(f"{prefix}.{key}", inner)


def _table(title: str, fields: list[tuple[str, FieldInfo]]) -> str:
    rows = list(_rows(fields))
    return "\n".join([f"## {title}", "", "| setting | variable | default | meaning |", "|---|---|---|---|", *rows, ""])


def _rows(fields: list[tuple[str, FieldInfo]]) -> Iterator[str]:
    for name, field in fields:
        plain = "[]" not in name and name != "sites"
        shown = f"`{variable(name)}`" if plain else ""
        yield f"| `{name}` | {shown} | {_default(field)} | {field.description} |"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default_factory is not None:
        return "see below"
    if field.default is None or field.default == ():
        return "none"
    return f"`{_value(field.default)}`"
