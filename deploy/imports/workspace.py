"""The folder of one import: its sorted events, how far they are sent, what came of it; a killed import goes on with it.

The state is written beside and then put in its place, so it is whole whenever the process dies.
"""

import contextlib
import hashlib
import os
import time
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from deploy.imports.account import ImportAccount
from deploy.imports.errors import ImportFileError
from storage.database.locks import lock_file
from stream.worker import IMPORT_ABANDONED, IMPORT_END

#: Part of each fingerprint: a program that reads files differently begins again.
VERSION = 2
#: Seconds between two writings of how far an import is; what is sent again after a crash counts once.
EVERY = 0.2


class SentPosition(Struct):
    """How far a partition is sent: bytes of its file, and events."""

    offset: int = 0
    events: int = 0


class ImportState(Struct):
    """What is known of an import. `is_sorted`: the files of the partitions are whole; `ended_at`: the clock's end."""

    site: str
    files: list[str]
    is_sorted: bool = False
    is_done: bool = False
    is_kept_open: bool = False
    ended_at: int | None = None
    #: When events were accepted last, in ms UTC by the clock of this machine.
    accepted_at: int = 0
    account: ImportAccount = msgspec.field(default_factory=ImportAccount)
    sent: dict[int, SentPosition] = {}
    #: Whether it has page statistics by its own clock, None: not decided; and up to when they are in force, in ms UTC.
    has_pages: bool | None = None
    pages_until: int = 0

    @property
    def is_abandoned(self) -> bool:
        """Whether it broke off so long ago that workers have ended it."""
        old = time.time() * 1000 - self.accepted_at > IMPORT_ABANDONED * 1000
        return old and 0 < self.events_sent < self.account.events

    @property
    def clock(self) -> int | None:
        """Where its site's clock stands at least, in ms UTC; None where nothing is sent."""
        if (
            self.ended_at is not None
            and self.is_kept_open
            and time.time() * 1000 - self.accepted_at > IMPORT_ABANDONED * 1000
        ):
            return self.ended_at + IMPORT_END
        return self.ended_at if self.is_done else self.account.first_at if self.events_sent else None

    @property
    def events_sent(self) -> int:
        return sum(position.events for position in self.sent.values())


class Workspace:
    """One import's folder, held by this process."""

    def __init__(self, folder: Path, state: ImportState) -> None:
        self.folder = folder
        self.state = state
        self.rejects = folder / "rejects.jsonl"
        self._saved_at = 0.0

    def partition_file(self, partition: int) -> Path:
        return self.folder / f"partition-{partition}"

    def save(self) -> None:
        """Write the state; raises OSError."""
        beside = self.folder / "state.json.new"
        beside.write_bytes(msgspec.json.encode(self.state))
        os.replace(beside, self.folder / "state.json")
        self._saved_at = time.monotonic()

    def save_sometimes(self) -> None:
        """Write the state if it was not written in the last EVERY seconds."""
        if time.monotonic() - self._saved_at >= EVERY:
            self.save()

    def clear(self, keep: Sequence[str] = ("state.json", "rejects.jsonl", "lock")) -> None:
        """Remove all files but these."""
        for path in self.folder.iterdir():
            if path.name not in keep:
                path.unlink()


def fingerprint(site: str, files: Sequence[Path], reading: Sequence[str]) -> str:
    """What names an import: its site, the bytes of its files, and how they are read. Raises ImportFileError."""
    whole = hashlib.sha256(msgspec.json.encode([VERSION, site, list(reading)]))
    for path in files:
        try:
            with path.open("rb") as file:
                whole.update(hashlib.file_digest(file, "sha256").digest())
        except OSError as error:
            raise ImportFileError(f"cannot read {path}: {error.strerror}") from None
    return whole.hexdigest()[:16]


@contextlib.contextmanager
def opened(base: Path, site: str, name: str, files: Sequence[Path]) -> Generator[Workspace, None, None]:
    """The folder of this import, made where it is missing; raises ImportFileError where another process has it."""
    folder = base / f"{site}-{name}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("w")
    except OSError as error:
        raise ImportFileError(f"cannot write to {folder}: {error.strerror}; --temp names another folder") from None
    with lock:
        lock_file(lock, ImportFileError(f"this import runs already (its folder is {folder}): wait for it"))
        yield Workspace(folder, _state(folder) or ImportState(site, [str(path) for path in files]))


def ended_at(base: Path, site: str, name: str) -> int | None:
    """Where the site's clock stands by the other imports of this folder, in ms UTC; None where there is none."""
    ends = []
    for state in _states(base, site, f"{site}-{name}"):
        if state.clock is not None:
            ends.append(state.clock)
    return max(ends, default=None)


def _states(base: Path, site: str, own: str) -> Iterator[ImportState]:
    for folder in base.glob("*"):
        state = None if folder.name == own else _state(folder)
        if state is not None and state.site == site:
            yield state


def _state(folder: Path) -> ImportState | None:
    """The state in this folder; None where there is none, or one of another version of the program."""
    try:
        return msgspec.json.decode((folder / "state.json").read_bytes(), type=ImportState)
    except (OSError, msgspec.DecodeError):
        return None
