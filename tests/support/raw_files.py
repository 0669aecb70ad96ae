"""What databases have on the disk, so that tests can search it byte by byte."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Engine


def store_plain(client: Any, table: str, wide: bool) -> None:
    """Keep what the table gets from now on as it is, so that its files can be searched."""
    size = 0 if wide else 1 << 40
    client.command(
        f"ALTER TABLE {table} MODIFY SETTING default_compression_codec = 'NONE', compress_marks = 0, "
        f"compress_primary_key = 0, min_bytes_for_wide_part = {size}, min_rows_for_wide_part = {size}"
    )
    with_codec = client.query(
        "SELECT name, type FROM system.columns WHERE database = currentDatabase() AND compression_codec != '' "
        "AND table = {table:String}",
        parameters={"table": table},
    ).result_rows
    for name, kind in with_codec:
        client.command(f"ALTER TABLE {table} MODIFY COLUMN {name} {kind} CODEC(NONE)")


def part_files(client: Any) -> Iterator[tuple[Path, bytes]]:
    """The files of every part in use; ClickHouse removes those of replaced parts some minutes later."""
    parts = client.query("SELECT path FROM system.parts WHERE database = currentDatabase() AND active").result_rows
    for (folder,) in parts:
        for file in Path(folder).rglob("*"):
            if file.is_file():
                yield file, file.read_bytes()


def sqlite_files(engine: Engine) -> bytes:
    """The database with its log of changes."""
    file = Path(str(engine.url.database))
    return b"".join(each.read_bytes() for each in sorted(file.parent.glob(f"{file.name}*")))
