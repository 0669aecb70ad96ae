"""Files that survive a power loss: what is written is on the disk, and so is the name that leads to it."""

import contextlib
import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """The names in the folder are on the disk; raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, data: bytes) -> None:
    """Every byte, as `write` may take fewer; raises OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


class AppendFile:
    """A new file that is written from its start to its end; `size` bytes of it are on the disk."""

    def __init__(self, path: Path, head: bytes) -> None:
        """Make the file with its head; raises OSError, and leaves nothing then."""
        self.path = path
        self.size = 0
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        try:
            self.append(head)
            sync_folder(path.parent)
        except OSError:
            self.close()
            with contextlib.suppress(OSError):
                path.unlink()
            raise

    def append(self, data: bytes) -> None:
        """Returns when the disk has the data; raises OSError.

        After an error nothing more may be appended: what the disk has behind `size` is not known.
        """
        write_all(self._descriptor, data)
        os.fdatasync(self._descriptor)
        self.size += len(data)

    def cut(self) -> None:
        """Take off what a failed `append` left, as far as the disk allows it."""
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, self.size)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            os.close(self._descriptor)
