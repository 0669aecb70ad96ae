"""Rows of a Parquet file, in bounded memory; needs the extra `parquet`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deploy.imports.errors import ImportFileError

#: Rows that are held at a time.
ROWS = 2_000


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows in order, nested values as dicts and lists; raises ImportFileError."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise ImportFileError(
            f"{path}: Parquet needs pyarrow, which is not installed: install op-ecom[parquet], or give CSV"
        ) from None
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(ROWS):
                yield from batch.to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise ImportFileError(f"cannot read {path}: {str(error).partition(chr(10))[0]}") from None
