"""What the system keeps on this machine is its own user's alone: new files by the umask, older ones by a repair."""

import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path

log = logging.getLogger(__name__)

#: What others get of a new file or folder: nothing.
UMASK = 0o077
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def create_privately() -> None:
    """Let this process and its children make files of mode 0600 and folders of mode 0700, whoever makes them: our own
    code, SQLite, chDB or another program."""
    os.umask(UMASK)


def make_private(folder: Path) -> None:
    """Make the folder where it is missing, and take from others what they may do with it and all that is in it.

    Raises OSError where it cannot be made. What belongs to another user stays as it is, with one line in the log.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    refused = [path for path in _everything(folder) if not _close(path)]
    if refused:
        more = f" and {len(refused) - 1} more" if len(refused) > 1 else ""
        log.warning("%s%s stay open to other users: they belong to another one; `chown` them", refused[0], more)


def is_open_to_others(folder: Path) -> bool:
    """Whether other users get into the folder; what is in a closed one nobody else reaches, whatever its mode."""
    return bool(_mode(folder) & _OTHERS)


def _everything(folder: Path) -> Iterator[Path]:
    """The folder first, so that nobody gets at the rest meanwhile. Links are not followed."""
    if _is_shared(folder):
        log.warning("data_dir %s is a folder for more than this system: set it to a folder of its own", folder)
        return
    yield folder
    for root, folders, files in os.walk(folder):
        for name in (*folders, *files):
            yield Path(root, name)


def _is_shared(folder: Path) -> bool:
    """Whether the folder is the root, a home, or one like /tmp: closing it would lock others out of theirs."""
    absolute = folder.resolve()
    return absolute in (Path(absolute.anchor), Path.home()) or bool(absolute.stat().st_mode & stat.S_ISVTX)


def _close(path: Path) -> bool:
    """Whether the path is now its owner's alone, or gone."""
    mode = _mode(path)
    if not mode & _OTHERS:
        return True
    try:
        path.chmod(mode & ~_OTHERS)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _mode(path: Path) -> int:
    """The mode of what lies there; 0 for a link, and for what is gone: a running database makes and removes files."""
    try:
        found = path.lstat().st_mode
    except OSError:
        return 0
    return 0 if stat.S_ISLNK(found) else stat.S_IMODE(found)
