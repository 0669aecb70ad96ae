"""Days and rows without a store: what an export reads, as lists."""

from typing import Any

import pyarrow as pa
from msgspec import Struct

from deploy.feature_store.parquet import COLUMNS
from storage.feature_store.days import DAY_MS, FeatureDays, HourTally, days_of

TYPES = {"string": pa.string(), "int64": pa.int64(), "float64": pa.float64(), "bool": pa.bool_()}
SCHEMA = pa.schema([(name, TYPES.get(kind, pa.timestamp("ms", tz="UTC"))) for name, kind in COLUMNS.items()])


class SourceRow(Struct):
    """One row: when its session opened, ms UTC, and what distinguishes it."""

    session_id: str
    opened_at: int
    offset: int
    probability: float = 0.1
    is_closed: bool = True


class ListFeatureSource:
    """Answers from `rows`; `most_days` at a time. Ends with an error at the slice number `fails_at`."""

    def __init__(self, rows: list[SourceRow], most_days: int = 31) -> None:
        self.list = rows
        self.most_days = most_days
        self.slices: list[int] = []
        self.before_slice = lambda _: None

    def days(self, since: int | None, until: int) -> FeatureDays:
        first = min((row.opened_at for row in self.list), default=0) if since is None else since
        first -= first % DAY_MS
        end = min(until, first + self.most_days * DAY_MS)
        hours: dict[int, list[SourceRow]] = {}
        for row in sorted(self.list, key=lambda row: row.opened_at):
            if first <= row.opened_at < end:
                hours.setdefault(row.opened_at // 3_600_000, []).append(row)
        tallies = [
            HourTally(
                hour,
                len(rows),
                len({row.session_id for row in rows}),
                len({row.session_id for row in rows if row.is_closed}),
                hash(tuple((row.session_id, row.offset, row.probability) for row in rows)),
            )
            for hour, rows in hours.items()
        ]
        return FeatureDays("shop", first, end, end if end < until else None, days_of(tallies, []))

    def rows(self, since: int, until: int, part: int, parts: int) -> bytes:
        self.before_slice(len(self.slices))
        found = [
            self._row(row)
            for row in self.list
            if since <= row.opened_at < until and row.is_closed and sum(row.session_id.encode()) % parts == part
        ]
        self.slices.append(len(found))
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, SCHEMA) as stream:
            stream.write_table(pa.Table.from_pylist(found, schema=SCHEMA))
        return bytes(sink.getvalue())

    def _row(self, row: SourceRow) -> dict[str, Any]:
        known = {"site": "shop", "session_id": row.session_id, "opened_at": row.opened_at, "offset": row.offset}
        return dict.fromkeys(COLUMNS) | known | {"probability": row.probability}
