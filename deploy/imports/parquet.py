"""Rows of a Parquet file, in bounded memory; needs the extra `parquet`."""

import contextlib
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

from deploy.imports.errors import ImportFileError

#: Rows that are held at a time.
ROWS = 2_000


def column_names(path: Path) -> list[str]:
    """The names of the columns; raises ImportFileError."""
    with _opened(path) as file:
        return list(file.schema_arrow.names)


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows in order, nested values as dicts and lists; raises ImportFileError."""
    with _opened(path) as file:
        for batch in file.iter_batches(ROWS):
            yield from batch.to_pylist()


@contextlib.contextmanager
def _opened(path: Path) -> Generator[Any, None, None]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise ImportFileError(
            f"{path}: Parquet needs pyarrow, which is not installed: install op-ecom[parquet], or give CSV"
        ) from None
    try:
        with pq.ParquetFile(path) as file:
            yield file
    except (pa.ArrowException, OSError) as error:
        raise ImportFileError(f"cannot read {path}: {str(error).partition(chr(10))[0]}") from None
