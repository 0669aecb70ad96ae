"""One day of rows as a Parquet file: its columns, and how it comes to stand there whole. Needs pyarrow.

The same rows give the same bytes. The file names the fingerprint of what it was made of.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from deploy.errors import SetupError
from deploy.feature_store.folder import part_of
from scoring.catalogue import FeatureType, catalogue

FINGERPRINT = b"opecom.fingerprint"
#: Which update a row is, and when it was known.
PLACE = {
    "site": "string",
    "session_id": "string",
    "opened_at": "time",
    "log": "string",
    "partition": "int64",
    "offset": "int64",
    "event_number": "int64",
    "event_type": "string",
    "occurred_at": "time",
    "event_timestamp": "time",
    "created_timestamp": "time",
}
#: The score as it was, and what came of the session.
SCORE = {"probability": "float64", "model_version": "string"}
OUTCOME = {"bought_before": "bool", "bought_afterwards": "bool"}
TYPES: dict[FeatureType, str] = {
    "count": "int64",
    "number": "float64",
    "boolean": "bool",
    "category": "string",
    "code": "int64",
}
FEATURES = {each.name: TYPES[each.type] for each in catalogue().features}
COLUMNS = {**PLACE, **FEATURES, **SCORE, **OUTCOME}


def require_pyarrow() -> None:
    """Raise SetupError where pyarrow is not installed."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        raise SetupError(
            "an export is made of Parquet, which needs pyarrow, and that is not installed: install op-ecom[parquet]"
        ) from None


def fingerprint_in(file: Path) -> str:
    """What the day was made of; "" where there is no such file, or it cannot be read."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        require_pyarrow()
        raise
    try:
        metadata = pq.read_metadata(file).metadata or {}
    except (OSError, pa.ArrowException):
        return ""
    return str(metadata.get(FINGERPRINT, b"").decode())


def write_day(file: Path, fingerprint: str, slices: Iterable[bytes]) -> int:
    """Write the rows of these Arrow streams, one after the other; how many. The file is there when it is whole.

    Raises OSError.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        require_pyarrow()
        raise
    schema = _schema(pa).with_metadata({FINGERPRINT: fingerprint.encode()})
    made, rows = part_of(file), 0
    file.parent.mkdir(parents=True, exist_ok=True)
    with made.open("wb") as out:
        with pq.ParquetWriter(out, schema, compression="zstd") as writer:
            for raw in slices:
                table = pa.ipc.open_stream(raw).read_all().select(list(COLUMNS)).cast(schema)
                if table.num_rows:
                    writer.write_table(table)
                    rows += table.num_rows
        out.flush()
        os.fsync(out.fileno())
    made.replace(file)
    return rows


def _schema(pa: Any) -> Any:
    kinds = {
        "string": pa.string(),
        "int64": pa.int64(),
        "float64": pa.float64(),
        "bool": pa.bool_(),
        "time": pa.timestamp("us", tz="UTC"),
    }
    return pa.schema([(name, kinds[kind]) for name, kind in COLUMNS.items()])
