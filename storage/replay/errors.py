"""Why a replay does not run, or does not go on; each message is one line that says what fixes it."""

import contextlib
from collections.abc import Generator
from pathlib import Path

from storage.database.errors import DatabaseUnavailableError
from storage.errors import StorageError


class ReplayError(StorageError):
    """The replay cannot go on; what it has published so far is whole, and the same replay goes on from there."""


class JournalAwayError(ReplayError, DatabaseUnavailableError):
    """The journal's database does not answer; the same call may be made later."""


class BusyError(ReplayError):
    """Another replay of the same log runs."""

    def __init__(self) -> None:
        super().__init__(
            "another replay of this log runs: wait for it (`opecom replay --list` shows how far it is), or stop it"
        )


@contextlib.contextmanager
def writing(file: Path) -> Generator[None, None, None]:
    """A file that cannot be written is a ReplayError."""
    try:
        yield
    except OSError as error:
        raise ReplayError(
            f"cannot write {file} ({error.strerror}): make room or name another file, then give the same command again"
        ) from error
