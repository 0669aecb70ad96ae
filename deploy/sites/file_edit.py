"""How the file of sites and keys is changed: held, read, changed, checked as the parts would read it, put in its place.

Whatever else stands in the file, comments too, stays.
"""

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import tomlkit
from tomlkit.items import Table

from deploy.errors import ReadOnlyFileError, SetupError, UnknownNameError
from deploy.processes.audit_file import audited
from deploy.settings.access_file import AccessFile, parsed, place, sites_of
from deploy.settings.model import Settings
from deploy.wiring import calendars
from deploy.wiring.site_access import site_access
from ingest.admission.keys import Keys

Outcome = TypeVar("Outcome")

_HEAD = (
    "Sites and keys, kept by `opecom sites` and `opecom keys`. What you change by hand, running parts take, too.",
    "It holds secrets (import_keys, purchase_secrets); of the keys below [keys] only the SHA-256 is here.",
)


def is_writable(path: Path) -> bool:
    """Whether this process may change the file, or make it."""
    folder = path.parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK) and (not path.exists() or os.access(path, os.W_OK))


def table_of(document: tomlkit.TOMLDocument, group: str, name: str) -> Table:
    """The table [group.name], made where it is missing."""
    tables: Any = document.setdefault(group, tomlkit.table(is_super_table=True))
    found: Table = tables.setdefault(name, tomlkit.table())
    return found


def take(document: tomlkit.TOMLDocument, group: str, name: str, gone: str) -> None:
    """Take the table [group.name] out; raises UnknownNameError with the line `gone` where there is none."""
    if name not in document.get(group, {}):
        raise UnknownNameError(gone)
    del document[group][name]


def join(table: Table, field: str, values: Sequence[str]) -> None:
    """Add these values to a list of the table, each once."""
    if values:
        table[field] = list(dict.fromkeys((*table.get(field, []), *values)))


def changed(
    settings: Settings,
    change: Callable[[tomlkit.TOMLDocument], Outcome],
    action: str,
    site: str = "",
    subject: str = "",
    who: str = "",
) -> Outcome:
    """1 hold the file · 2 read and change it · 3 check what came of it · 4 write it beside · 5 put it in its place.

    In the audit trail it is `action`, of `site` (none: all) and `subject`, by `who` (none: the user of this process).
    Raises SetupError, of which ReadOnlyFileError where the file cannot be written here.
    """
    path = place(settings).resolve()
    try:
        with audited(settings, action, site, subject, who), _held(path):
            text = path.read_text(encoding="utf-8") if path.exists() else ""
            parsed(text, path)
            document = tomlkit.parse(text) if text else _new()
            outcome = change(document)
            written = tomlkit.dumps(document)
            _check(settings, parsed(written, path))
            _replace(path, written)
    except OSError as error:
        raise ReadOnlyFileError(
            f"{path} (access_file) cannot be changed here ({error.strerror}): a mounted secret is changed where it "
            "comes from"
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
