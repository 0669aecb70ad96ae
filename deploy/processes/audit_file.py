"""The audit trail of the data folder, `audit.log`: what commands do, and changes over HTTP. Nothing shortens it."""

import contextlib
import getpass
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from deploy.settings.model import Settings
from deploy.terminal.plain import print_line
from storage.http.audit_line import line, parsed_line


def audit_file(settings: Settings) -> Path:
    """Where the lines of commands are."""
    return settings.data_dir / "audit.log"


class AuditEntry(Struct, frozen=True):
    """One line; `at` in ms UTC, `result` the status of an answer, or done or failed of a command."""

    at: int
    who: str
    action: str
    site: str
    subject: str
    result: str


def entries(file: Path) -> Iterator[AuditEntry]:
    """The lines of the file in their order, none where there is no file; others than those of the trail are left out.

    Raises OSError. Times are written in the time zone of the machine, and read in it.
    """
    with contextlib.suppress(FileNotFoundError), file.open(encoding="utf-8", errors="replace") as lines:
        for each in lines:
            found = _LINE.match(each)
            described = parsed_line(found[3]) if found is not None else None
            if found is not None and described is not None:
                with contextlib.suppress(ValueError):
                    at = time.mktime(time.strptime(found[1], "%Y-%m-%d %H:%M:%S"))
                    yield AuditEntry(int(at) * 1000 + int(found[2]), **described)


_LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),(\d{3}) INFO storage\.http\.audit: (.*)")


@contextlib.contextmanager
def audited(settings: Settings, action: str, site: str = "", subject: str = "", who: str = "") -> Iterator[None]:
    """Note what is done within, by `who` or the user: `done`, or `failed` where an exception ends it."""
    result = "failed"
    try:
        yield
        result = "done"
    finally:
        append_line(audit_file(settings), line(who or user(), action, site or "all", subject, result))


def append_line(file: Path, described: str) -> None:
    """Append a line of the trail with its time; where it cannot be written, it stands on standard error."""
    moment = time.time()
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment))
    whole = f"{at},{int(moment % 1 * 1000):03} INFO storage.http.audit: {described}\n"
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # One write to the end: lines of two commands do not mix.
        descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, whole.encode())
        finally:
            os.close(descriptor)
    except OSError as error:
        print_line(f"{file} cannot be written ({error.strerror}), so this line stands here alone: {whole}", error=True)


def user() -> str:
    """Who runs this command, as the trail names them."""
    try:
        return f"user {getpass.getuser()}"
    except (KeyError, OSError):
        return f"user {os.getuid()}"
