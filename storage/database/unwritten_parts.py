"""Parts that ClickHouse takes for written although bytes of them are not on the disk: for files of this machine only.

chDB 26.9 takes no notice of a write that the system refuses (a full disk, a quota, a failing device): it acknowledges
an insert and completes a merge whose files are empty or cut. What was merged is kept for `old_parts_lifetime`, eight
minutes; a restart within that time sets the bad part aside and goes on with those.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_QUERY = """
SELECT table, name, path, bytes_on_disk FROM system.parts
WHERE active AND database = currentDatabase() AND modification_time >= toDateTime({since:UInt32}) ORDER BY table, name
"""


def unwritten_parts(client: Any, since: int = 0) -> list[str]:
    """`table: part` of each active part that is empty or cut on the disk; raises the client's errors.

    Those written `since` then, in seconds since 1970.
    Its checksums, the file that is written last, are empty; or its files have fewer bytes than the engine counts, which
    leaves out some small ones, so that a whole part always has more.
    """
    parts = client.query(_QUERY, parameters={"since": since}).result_rows
    return [f"{table}: {name}" for table, name, path, size in parts if _lacks(Path(path), size)]


def _lacks(folder: Path, size: int) -> bool:
    try:
        return not (folder / "checksums.txt").stat().st_size or sum(_sizes(folder)) < size
    except FileNotFoundError:
        # It was merged since, or files of it are going.
        return False


def _sizes(folder: Path) -> Iterator[int]:
    for place, _, files in os.walk(folder, onerror=_raised):
        yield from ((Path(place) / file).stat().st_size for file in files)


def _raised(error: OSError) -> None:
    raise error
