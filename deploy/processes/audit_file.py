"""The audit trail of the data folder, `audit.log`: what commands do, and changes of sites, keys and models."""

import contextlib
import getpass
import os
import time
from collections.abc import Iterator
from pathlib import Path

from deploy.settings.model import Settings
from deploy.terminal.plain import print_line
from storage.http.audit_line import line


def audit_file(settings: Settings) -> Path:
    """Where the lines of commands are."""
    return settings.data_dir / "audit.log"


@contextlib.contextmanager
def audited(settings: Settings, action: str, site: str = "", subject: str = "", who: str = "") -> Iterator[None]:
    """Note what is done within, by `who` or the user: `done`, or `failed` where an exception ends it."""
    result = "failed"
    try:
        yield
        result = "done"
    finally:
        _append(audit_file(settings), line(who or user(), action, site or "all", subject, result))


def _append(file: Path, described: str) -> None:
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
