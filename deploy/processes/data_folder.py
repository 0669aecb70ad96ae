"""The data folder of a running system: writable, with room, and held by one `opecom up` at a time."""

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Generator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from deploy.errors import SetupError
from deploy.processes.private_files import make_private
from deploy.settings.model import Settings, variable

#: Free bytes below which nothing is started: databases that run full do so at the worst time.
ROOM = 200_000_000


def disk_full(folder: Path | None) -> str:
    """A line where the disk of the data folder has less than ROOM left, "" where it has more or cannot be asked.

    None is the folder of a part that keeps nothing there.
    """
    if folder is None:
        return ""
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return ""
    if free >= ROOM:
        return ""
    return f"the disk of data_dir ({folder}) has {free // 1_000_000} MB left of {ROOM // 1_000_000}: make room"


@dataclass(frozen=True, slots=True)
class Running:
    """What other commands need to know of the system that runs on a data folder."""

    pid: int
    bootstrap: str
    broker: Literal["memory", "kafka"] = "memory"


@contextlib.contextmanager
def held(folder: Path) -> Generator[Path, None, None]:
    """The folder as an absolute path, made where it is missing and held until the end; raises SetupError."""
    remedy = f"set {variable('data_dir')} to a folder with room"
    folder = folder.absolute()
    try:
        make_private(folder)
        (folder / "logs").mkdir(exist_ok=True)
        lock = (folder / "up.lock").open("a+")
    except OSError as error:
        raise SetupError(f"cannot write to the data folder {folder}: {error.strerror}; {remedy}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise SetupError(
                f"`opecom up` runs on {folder} already (pid {lock.read().strip() or 'unknown'}): stop that one, "
                f"or set {variable('data_dir')}"
            ) from error
        free = shutil.disk_usage(folder).free
        if free < ROOM:
            raise SetupError(
                f"the data folder {folder} has {free // 1_000_000} MB left of {ROOM // 1_000_000}; {remedy}"
            )
        try:
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
        except OSError as error:
            raise SetupError(f"cannot write to the data folder {folder}: {error.strerror}; {remedy}") from error
        try:
            yield folder
        finally:
            (folder / "up.json").unlink(missing_ok=True)


def log_folder(folder: Path) -> Path:
    """Where a data folder has what fills the log of its embedded broker again (deploy/local/log_folder.py)."""
    return folder / "log"


def spool_folder(folder: Path) -> Path:
    """Where the ingest processes of a data folder keep their spools, each in a folder of its own."""
    return folder / "spool"


def announce(folder: Path, bootstrap: str, broker: Literal["memory", "kafka"] = "memory") -> None:
    """Tells other commands where the broker of the held folder is, and which one."""
    (folder / "up.json").write_text(json.dumps(asdict(Running(os.getpid(), bootstrap, broker))))


def running(folder: Path) -> Running | None:
    """The system that runs on this folder, None where none does (or it has not got so far)."""
    try:
        with (folder / "up.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return None
    except BlockingIOError:
        pass
    except OSError:
        return None
    try:
        return Running(**json.loads((folder / "up.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None


def as_running(settings: Settings) -> Settings:
    """The settings with the broker of the embedded system that runs, whose port may be another than configured."""
    found = running(settings.data_dir) if settings.profile == "embedded" else None
    if found is None:
        return settings
    if found.broker == "kafka":
        return settings.model_copy(update={"kafka": settings.kafka.model_copy(update={"bootstrap": found.bootstrap})})
    return settings.model_copy(update={"kafka": settings.kafka.beside(found.bootstrap, log_folder(settings.data_dir))})
