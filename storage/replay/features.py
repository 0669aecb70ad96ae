"""Training sets: one row per update of each closed session, with what came of the session in the end.

A row holds what was known at its update and nothing later; only the last two columns look ahead. Rows wait on disk
until their session closes, so memory does not grow with the log.
"""

import csv
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec

from scoring.features import NAMES
from storage.database.threads import in_thread
from storage.http.csv_cells import cell
from storage.replay.account import Account
from storage.replay.errors import ReplayError, writing
from storage.replay.request import PartitionPlan
from stream.fold.partition import LogRecord
from stream.replay import ReplayBatch
from stream.scored import ScoredSession, identity_of
from stream.step import ScoredUpdate

#: What a row says beside the features: which update it is. Times in ms UTC.
PLACE = ("site", "session_id", "opened_at", "partition", "offset", "occurred_at", "event_type", "status")
#: What was known then: counts, whether the session had bought already, and the score.
THEN = ("events", "page_views", "bought_before", "probability", "model_version", "pages_version")
#: What came of the session: UCI's target, and the amount in the site's currency.
OUTCOME = ("Revenue", "Amount")
COLUMNS: tuple[str, ...] = (*PLACE, *NAMES, *THEN, *OUTCOME)

Row = Sequence[Any]


class FeatureWriter(Protocol):
    def write(self, rows: Sequence[Row]) -> None: ...

    def close(self) -> None: ...


def check(file: Path) -> None:
    """Raise ReplayError for a file that is neither CSV nor Parquet, or where Parquet cannot be written."""
    if file.suffix not in (".csv", ".parquet"):
        raise ReplayError(f"--out {file.name}: name a file that ends in .csv or .parquet")
    if file.suffix == ".parquet":
        try:
            import pyarrow.parquet  # noqa: F401
        except ImportError:
            raise ReplayError(
                "Parquet needs pyarrow, which is not installed: install op-ecom[embedded], or name a .csv file"
            ) from None


class FeatureTarget:
    """A Target; the file is there when it is whole. Sessions of programs are in it only with `bots`."""

    def __init__(self, file: Path, bots: bool = False) -> None:
        check(file)
        self._file = file
        self._bots = bots
        self._made = file.with_name(f"{file.name}.part")
        self._writer: FeatureWriter | None = None
        self._waiting = sqlite3.connect("", check_same_thread=False)
        self._waiting.execute(
            "CREATE TABLE waiting (site, session_id, opened_at, number INTEGER, row, "
            "PRIMARY KEY (site, session_id, opened_at, number)) WITHOUT ROWID"
        )

    async def resume(self, partition: int, account: Account) -> None: ...

    async def take(
        self, plan: PartitionPlan, records: Sequence[LogRecord], told: ReplayBatch, account: Account
    ) -> None:
        await in_thread(self._take, told.updates)

    async def finish(self, plans: Sequence[PartitionPlan]) -> None:
        await in_thread(self._finish)

    def _take(self, updates: Iterable[ScoredUpdate]) -> None:
        ready: list[Row] = []
        for update in updates:
            session, identity = update.session, identity_of(update.session)
            if session.event.id is not None:
                row = msgspec.msgpack.encode(row_of(update.partition, session))
                self._waiting.execute("INSERT INTO waiting VALUES (?, ?, ?, ?, ?)", (*identity, session.version, row))
                continue
            place = "WHERE site = ? AND session_id = ? AND opened_at = ?"
            found = self._waiting.execute(f"SELECT row FROM waiting {place} ORDER BY number", identity)  # noqa: S608
            outcome = (session.revenue, session.amount)
            if self._bots or not session.bot:
                ready += [(*msgspec.msgpack.decode(row), *outcome) for (row,) in found]
            self._waiting.execute(f"DELETE FROM waiting {place}", identity)  # noqa: S608
        if ready:
            self._write(ready)

    def _write(self, rows: Sequence[Row]) -> None:
        with writing(self._file):
            if self._writer is None:
                self._writer = _writer(self._made)
            self._writer.write(rows)

    def _finish(self) -> None:
        self._waiting.close()
        with writing(self._file):
            if self._writer is None:
                self._writer = _writer(self._made)
            self._writer.close()
            self._made.replace(self._file)


def row_of(partition: int, session: ScoredSession) -> Row:
    """An update as it was when it was told: the columns but the outcome."""
    event, counts = session.event, session.counts
    return (
        session.site,
        session.session_id,
        session.opened_at,
        partition,
        event.offset,
        session.occurred_at,
        event.type,
        session.status,
        *(getattr(session.features, name) for name in NAMES),
        counts.events,
        counts.page_views,
        session.revenue,
        session.probability,
        session.model_version,
        session.pages_version,
    )


def _writer(file: Path) -> FeatureWriter:
    return _ParquetFeatures(file) if file.with_suffix("").suffix == ".parquet" else _CsvFeatures(file)


class _CsvFeatures:
    def __init__(self, file: Path) -> None:
        self._out = file.open("w", newline="", encoding="utf-8")
        self._rows = csv.writer(self._out)
        self._rows.writerow(COLUMNS)

    def write(self, rows: Sequence[Row]) -> None:
        self._rows.writerows([cell(value) for value in row] for row in rows)

    def close(self) -> None:
        self._out.close()


class _ParquetFeatures:
    def __init__(self, file: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        kinds = {"site": pa.string(), "session_id": pa.string(), "event_type": pa.string(), "status": pa.string()}
        kinds |= {"Month": pa.string(), "VisitorType": pa.string(), "model_version": pa.string()}
        kinds |= dict.fromkeys(("Weekend", "bought_before", "Revenue"), pa.bool_())
        kinds |= {"Amount": pa.float64(), "probability": pa.float64()}
        real = ("Duration", "Rates", "Values", "SpecialDay")
        self._schema = pa.schema(
            [(name, kinds.get(name, pa.float64() if name.endswith(real) else pa.int64())) for name in COLUMNS]
        )
        self._table = pa.table
        self._writer = pq.ParquetWriter(file, self._schema)

    def write(self, rows: Sequence[Row]) -> None:
        columns = dict(zip(COLUMNS, map(list, zip(*rows, strict=True)), strict=True))
        self._writer.write_table(self._table(columns, schema=self._schema))

    def close(self) -> None:
        self._writer.close()
