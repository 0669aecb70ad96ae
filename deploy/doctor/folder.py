"""The data folder: writable, and with room; looked at without making it."""

import os
import shutil
from pathlib import Path

from deploy.doctor.finding import Finding
from deploy.processes.data_folder import ROOM
from deploy.processes.private_files import is_open_to_others
from deploy.settings.model import variable

#: Free bytes below which it is time to look for more.
COMFORT = 5 * ROOM
MB = 1_000_000


def data_folder(folder: Path) -> Finding:
    folder = folder.absolute()
    there = next(path for path in (folder, *folder.parents) if path.exists())
    remedy = f"set {variable('data_dir')} to a folder with room"
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return Finding("data folder", "fault", f"this user cannot write to {there} (data_dir): {remedy}")
    if there == folder and is_open_to_others(folder):
        remedy = "the next `opecom up` or `opecom run` closes it, where it is this user's"
        return Finding("data folder", "warning", f"other users of this machine may read {folder}: {remedy}")
    return room(folder, shutil.disk_usage(there).free)


def room(folder: Path, free: int) -> Finding:
    """What to say of so many free bytes."""
    described = f"{folder} has {free // MB:,} MB free"
    if free < ROOM:
        return Finding("data folder", "fault", f"{described}, {ROOM // MB} are the least: set {variable('data_dir')}")
    if free < COMFORT:
        return Finding("data folder", "warning", f"{described}: make room, below {ROOM // MB} nothing is started")
    return Finding("data folder", "ok", described)
