"""Changes of the file of sites and keys: each is checked as the parts would read it, then written in one piece.

Whatever else stands in the file, comments too, stays. Keys are made here and returned once; of secret keys only the
SHA-256 is kept.
"""

import base64
import contextlib
import fcntl
import hashlib
import os
import secrets
import tempfile
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

import tomlkit
from tomlkit.items import Table

from deploy.errors import SetupError
from deploy.processes.audit_file import audited
from deploy.settings.access_file import AccessFile, parsed, place, read, sites_of
from deploy.settings.model import Settings, SiteSettings
from deploy.wiring import calendars
from deploy.wiring.site_access import site_access
from ingest.admission.keys import Keys
from ingest.admission.origins import checked_origin
from storage.http.secret_keys import Scope

Kind = Literal["write", "import", "purchase"]
Outcome = TypeVar("Outcome")
#: Where each kind of a site's keys stands.
FIELDS: dict[Kind, str] = {"write": "write_keys", "import": "import_keys", "purchase": "purchase_secrets"}

_HEAD = (
    "Sites and keys, kept by `opecom sites` and `opecom keys`. What you change by hand, running parts take, too.",
    "It holds secrets (import_keys, purchase_secrets); of the keys below [keys] only the SHA-256 is here.",
)


def add_site(settings: Settings, name: str, origins: Sequence[str], fields: Mapping[str, Any]) -> str:
    """Add a site, or to a site these origins and fields; returns the write key that was made, "" where it has one.

    Origins are kept as browsers spell them. Raises SetupError.
    """
    try:
        spelled = [checked_origin(origin) for origin in origins]
    except ValueError as error:
        raise SetupError(f"--origin: {error}") from None

    def change(document: tomlkit.TOMLDocument) -> str:
        site = _table(document, "sites", name)
        _join(site, "origins", spelled)
        for field, value in fields.items():
            site[field] = value
        known = sites_of(settings, read(place(settings))).get(name)
        if known is not None and known.write_keys:
            return ""
        key = new_key("write")
        _join(site, "write_keys", [key])
        return key

    return _changed(settings, change, "sites add", name)


def rotate(settings: Settings, name: str, kind: Kind) -> str:
    """Give a site another key, in front of those it has, which go on holding; returns it. Raises SetupError."""
    _known(settings, name)

    def change(document: tomlkit.TOMLDocument) -> str:
        site, field, key = _table(document, "sites", name), FIELDS[kind], new_key(kind)
        site[field] = [key, *site.get(field, [])]
        return key

    return _changed(settings, change, f"sites rotate --{kind}", name)


def retire(settings: Settings, name: str, kind: Kind) -> int:
    """Leave a site the newest key of this kind alone; returns how many ended. Raises SetupError."""
    _known(settings, name)
    in_settings = getattr(settings.sites.get(name, SiteSettings()), FIELDS[kind])
    if in_settings:
        raise SetupError(f"sites.{name}.{FIELDS[kind]} has keys in the settings: take them out there")

    def change(document: tomlkit.TOMLDocument) -> int:
        site, field = _table(document, "sites", name), FIELDS[kind]
        kept = list(site.get(field, []))
        site[field] = kept[:1]
        return len(kept[1:])

    return _changed(settings, change, f"sites rotate --{kind} --retire", name)


def remove_site(settings: Settings, name: str) -> bool:
    """Take a site out of the file; True where the settings still have it. Raises SetupError where the file has not."""

    def change(document: tomlkit.TOMLDocument) -> bool:
        _take(document, "sites", name, f"{place(settings)} has no site {name}")
        return name in settings.sites

    return _changed(settings, change, "sites remove", name)


def add_key(settings: Settings, name: str, scopes: Collection[Scope], sites: Collection[str] | None) -> str:
    """Make a secret key and return it; raises SetupError for a name in use, or no name, or a site that is not known."""
    if not name.strip() or not name.isprintable():
        raise SetupError("a key needs a name that can be read: whose it is, or what for")
    for site in sites or ():
        _known(settings, site)

    def change(document: tomlkit.TOMLDocument) -> str:
        if name in document.get("keys", {}):
            raise SetupError(f"there is a key {name}: `opecom keys revoke {name}`, or take another name")
        key = new_key("secret")
        kept = _table(document, "keys", name)
        kept["sha256"] = hashlib.sha256(key.encode()).hexdigest()
        kept["scopes"] = sorted(scopes)
        if sites is not None:
            kept["sites"] = sorted(sites)
        kept["created_at"] = datetime.now(UTC).replace(microsecond=0)
        return key

    scoped = f"key {name} of {', '.join(sorted(scopes))}"
    return _changed(settings, change, "keys add", ", ".join(sorted(sites or ())), scoped)


def revoke_key(settings: Settings, name: str) -> None:
    """End a secret key; raises SetupError where there is none of this name."""
    gone = f"{place(settings)} has no key {name}: `opecom keys list` tells their names"
    _changed(settings, lambda document: _take(document, "keys", name, gone), "keys revoke", subject=f"key {name}")


def new_key(kind: Kind | Literal["secret"]) -> str:
    """A key nobody can guess. Its beginning says what it is, so that one that leaked is recognised."""
    if kind == "purchase":
        return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
    return {"write": "wk_", "import": "ik_", "secret": "opk_"}[kind] + secrets.token_urlsafe(24)


def _known(settings: Settings, name: str) -> None:
    known = sites_of(settings, read(place(settings)))
    if name not in known:
        raise SetupError(f"there is no site {name}: `opecom sites add {name}` makes it; there are {', '.join(known)}")


def _table(document: tomlkit.TOMLDocument, group: str, name: str) -> Table:
    """The table [group.name], made where it is missing."""
    tables: Any = document.setdefault(group, tomlkit.table(is_super_table=True))
    found: Table = tables.setdefault(name, tomlkit.table())
    return found


def _take(document: tomlkit.TOMLDocument, group: str, name: str, gone: str) -> None:
    if name not in document.get(group, {}):
        raise SetupError(gone)
    del document[group][name]


def _join(table: Table, field: str, values: Sequence[str]) -> None:
    if values:
        table[field] = list(dict.fromkeys((*table.get(field, []), *values)))


def _changed(
    settings: Settings,
    change: Callable[[tomlkit.TOMLDocument], Outcome],
    action: str,
    site: str = "",
    subject: str = "",
) -> Outcome:
    """1 hold the file · 2 read and change it · 3 check what came of it · 4 write it beside · 5 put it in its place.

    In the audit trail it is `action`, of `site` (none: all) and `subject`.
    """
    path = place(settings).resolve()
    try:
        with audited(settings, action, site, subject), _held(path):
            text = path.read_text(encoding="utf-8") if path.exists() else ""
            parsed(text, path)
            document = tomlkit.parse(text) if text else _new()
            outcome = change(document)
            written = tomlkit.dumps(document)
            _check(settings, parsed(written, path))
            _replace(path, written)
    except OSError as error:
        raise SetupError(
            f"{path} cannot be changed ({error.strerror}): a mounted secret is changed where it comes from"
        ) from error
    return outcome


def _check(settings: Settings, file: AccessFile) -> None:
    """Raise SetupError for what a part would refuse: an origin, a time zone, a key with two purposes."""
    calendars.made(settings, file)
    embedded = settings.profile == "embedded"
    try:
        Keys(site_access(name, site, embedded) for name, site in sites_of(settings, file).items())
    except ValueError as error:
        raise SetupError(str(error)) from None


def _new() -> tomlkit.TOMLDocument:
    document = tomlkit.document()
    for line in _HEAD:
        document.add(tomlkit.comment(line))
    document.add(tomlkit.nl())
    return document


@contextlib.contextmanager
def _held(path: Path) -> Generator[None, None, None]:
    """One change at a time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _replace(path: Path, text: str) -> None:
    """In one step, with mode 0600: who reads sees the old file or the new one."""
    descriptor, beside = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        os.unlink(beside)
        raise
