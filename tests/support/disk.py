"""A disk that is full, for whoever asks how much room the data folder has."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from deploy.processes import data_folder


def fill_disk(monkeypatch: pytest.MonkeyPatch, folder: Path) -> str:
    """Leave 3 MB; returns what the parts say of it."""
    monkeypatch.setattr(data_folder.shutil, "disk_usage", lambda _: SimpleNamespace(free=3_000_000))
    return f"the disk of data_dir ({folder}) has 3 MB left of 200: make room"
