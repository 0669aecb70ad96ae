"""The folder of an export: `rows/SITE/DAY.parquet`. Pure but for listing it.

A day's file holds the fingerprint of what it was made of, so nothing beside the files says which days there are.
"""

import re
from pathlib import Path

ROWS = "rows"
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def rows_folder(folder: Path) -> Path:
    """Where the rows of all sites are."""
    return folder / ROWS


def day_file(folder: Path, site: str, day: str) -> Path:
    """The file of a day, as 2026-11-29."""
    return rows_folder(folder) / site / f"{day}.parquet"


def part_of(file: Path) -> Path:
    """Where a file is made. Readers of a folder of Parquet leave out names that begin with a dot."""
    return file.with_name(f".{file.name}.part")


def days_in(folder: Path, site: str) -> list[str]:
    """The days that are there, ascending."""
    found = (file.stem for file in (rows_folder(folder) / site).glob("*.parquet"))
    return sorted(day for day in found if _DAY.fullmatch(day))


def sites_in(folder: Path) -> list[str]:
    """The sites that have a day."""
    inside = rows_folder(folder)
    names = sorted(each.name for each in inside.iterdir() if each.is_dir()) if inside.is_dir() else []
    return [name for name in names if days_in(folder, name)]
