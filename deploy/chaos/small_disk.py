"""A disk of its own for the services of a run, small enough to be filled: a tmpfs, which takes root."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Its bytes; what is written stays in memory.
SIZE = 4_000 * 1024 * 1024


class SmallDisk:
    """Filled by a file that takes all the room there is."""

    def __init__(self, folder: Path) -> None:
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Leave no room."""
        piece = 64 * 1024 * 1024
        with self._ballast.open("ab") as file:
            while piece >= 4_096:
                try:
                    os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, piece)
                except OSError:
                    piece //= 2

    def free(self) -> None:
        self._ballast.unlink(missing_ok=True)


@contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk | None]:
    """The folder on a disk of its own; None where this user may not mount one: then it is a folder like others."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0700", "tmpfs", str(folder)]
    try:
        mounted = os.geteuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0  # noqa: S603
    except OSError:
        mounted = False
    try:
        yield SmallDisk(folder) if mounted else None
    finally:
        if mounted:
            with contextlib.suppress(OSError):
                subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=False)  # noqa: S603, S607
