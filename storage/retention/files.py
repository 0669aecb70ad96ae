"""Removes what is past its retention from the files that replays over HTTP have written: scores and training sets.

A file is written again beside its place, without those rows, and moved there when it is whole. Blocking; raises
OSError.
"""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ingest.events import base_site
from storage.retention.limits import Cutoffs

#: What a run calls the rows of files.
NAME = "files of replays"
#: A session, with the time of an update of it, ms UTC.
_Row = tuple[str, str, int, int]
_Identity = tuple[str, str, int]
_UNFINISHED = (".part", ".whole", ".joined")
_NEW = ".kept"


def count_expired(folder: Path, cutoffs: Cutoffs) -> int:
    """How many rows `remove_expired` would remove."""
    return sum(_expired_rows(file, cutoffs)[0] for file in _files(folder))


def remove_expired(folder: Path, cutoffs: Cutoffs) -> int:
    """Remove them; returns how many they were. A file of which nothing is left goes, and so does what replays left
    unfinished before the newest of these moments."""
    count = 0
    for file in _files(folder):
        expired, kept, lasting = _expired_rows(file, cutoffs)
        if not expired:
            continue
        count += expired
        if kept:
            made = file.with_name(f"{file.name}{_NEW}")
            _copy(file, made, lasting)
            made.replace(file)
        else:
            file.unlink()
    newest = max(cutoffs.rows.values(), default=0) / 1000
    for file in folder.glob("*"):
        if file.name.endswith((*_UNFINISHED, _NEW)) and file.stat().st_mtime < newest:
            file.unlink()
    return count


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(each for each in folder.iterdir() if each.is_file() and not each.name.endswith((*_UNFINISHED, _NEW)))


def _expired_rows(file: Path, cutoffs: Cutoffs) -> tuple[int, int, Callable[[_Row], bool]]:
    """How many rows go and how many stay, and what tells for a row whether it stays."""
    newest: dict[_Identity, int] = {}
    for site, session_id, opened_at, at in _rows(file):
        if opened_at < _cutoff(cutoffs, site):
            identity = (site, session_id, opened_at)
            newest[identity] = max(newest.get(identity, 0), at)

    def lasts(row: _Row) -> bool:
        return newest.get(row[:3], 1 << 62) >= _cutoff(cutoffs, row[0])

    stay = [0, 0]
    for row in _rows(file):
        stay[lasts(row)] += 1
    return stay[0], stay[1], lasts


def _cutoff(cutoffs: Cutoffs, site: str) -> int:
    return cutoffs.rows.get(base_site(site), cutoffs.others)


def _rows(file: Path) -> Iterator[_Row]:
    if file.suffix == ".parquet":
        from pyarrow import parquet  # as whoever wrote the file has it

        with parquet.ParquetFile(file) as opened:
            for batch in opened.iter_batches(columns=list(_COLUMNS)):
                yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
    elif file.suffix == ".csv":
        with file.open(newline="", encoding="utf-8") as lines:
            for row in csv.DictReader(lines):
                yield _csv_row(row)
    else:
        with file.open("rb") as lines:
            for line in lines:
                yield _json_row(json.loads(line))


def _copy(file: Path, made: Path, lasts: Callable[[_Row], bool]) -> None:
    """Write the rows that stay."""
    if file.suffix == ".parquet":
        _copy_parquet(file, made, lasts)
    elif file.suffix == ".csv":
        with file.open(newline="", encoding="utf-8") as lines, made.open("w", newline="", encoding="utf-8") as out:
            reader = csv.DictReader(lines)
            writer = csv.DictWriter(out, reader.fieldnames or ())
            writer.writeheader()
            writer.writerows(row for row in reader if lasts(_csv_row(row)))
    else:
        with file.open("rb") as lines, made.open("wb") as out:
            out.writelines(line for line in lines if lasts(_json_row(json.loads(line))))


def _copy_parquet(file: Path, made: Path, lasts: Callable[[_Row], bool]) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    with parquet.ParquetFile(file) as opened, parquet.ParquetWriter(made, opened.schema_arrow) as out:
        for batch in opened.iter_batches():
            named = [batch.column(name).to_pylist() for name in _COLUMNS]
            stay = pa.array([lasts(row) for row in zip(*named, strict=True)], pa.bool_())
            out.write_batch(batch.filter(stay))


_COLUMNS = ("site", "session_id", "opened_at", "occurred_at")


def _csv_row(row: dict[str, str]) -> _Row:
    # A cell that a spreadsheet would run has a quote before it.
    site, session_id = (row[name].removeprefix("'") for name in _COLUMNS[:2])
    return site, session_id, int(row["opened_at"]), int(row["occurred_at"])


def _json_row(update: dict[str, Any]) -> _Row:
    return update["site"], update["session_id"], update["opened_at"], update["last_event_at"]
