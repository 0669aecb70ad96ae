"""A disk that is full, for whoever asks how much room the data folder has, and for whoever writes a file."""

import errno
import os
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import pytest

from deploy.processes import data_folder


def fill_disk(monkeypatch: pytest.MonkeyPatch, folder: Path) -> str:
    """Leave 3 MB; returns what the parts say of it."""
    monkeypatch.setattr(data_folder.shutil, "disk_usage", lambda _: SimpleNamespace(free=3_000_000))
    return f"the disk of data_dir ({folder}) has 3 MB left of 200: make room"


def refuse_writes(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Give no room to files that are called so: they lie on the device that is always full."""
    opened = Path.open

    def full(path: Path, mode: str = "r", *options: Any, **named: Any) -> IO[Any]:
        if path.name != name or mode != "wb":
            return opened(path, mode, *options, **named)
        opened(path, mode).close()
        return opened(Path(os.devnull).with_name("full"), mode, *options, **named)

    monkeypatch.setattr(Path, "open", full)


def no_room() -> str:
    """What the system says of it."""
    return os.strerror(errno.ENOSPC)
