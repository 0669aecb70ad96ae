"""What the spools of other processes hold, and how far they are drained; nothing is held and nothing changed."""

import contextlib
from collections.abc import Mapping
from pathlib import Path

from ingest.spool.folder import SUFFIX
from ingest.spool.frames import scan
from ingest.spool.position import POSITION, decode_position


def spool_ends(root: Path) -> dict[Path, int]:
    """The number after the last record of each spool below `root` that has one; raises OSError."""
    ends: dict[Path, int] = {}
    for path in sorted(root.iterdir()) if root.exists() else ():
        for file in sorted(path.glob(f"*{SUFFIX}"), reverse=True):
            with contextlib.suppress(FileNotFoundError):
                if frames := scan(file.read_bytes()).frames:
                    ends[path] = frames[-1].after
                    break
    return ends


def are_drained(ends: Mapping[Path, int], generation: str) -> bool:
    """Whether this life of the log has acknowledged what is before these ends; raises OSError."""
    for path, end in ends.items():
        position = decode_position((path / POSITION).read_bytes())
        if position.generation != generation or position.next < end:
            return False
    return True
