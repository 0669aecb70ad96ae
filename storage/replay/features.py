"""Training sets: one row per update of each closed session, with what came of the session in the end.

A row holds what was known at its update and nothing later; only the last two columns look ahead. Rows wait
in memory until their session closes, as the session itself does, so memory does not grow with the log; those of buyers
wait on disk until all orders are known.
"""

import csv
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import msgspec
from msgspec import Struct
from msgspec.structs import astuple

from scoring.features import NAMES
from scoring.signals import SIGNALS, Signals
from storage.database.columns import fields_of
from storage.database.money import Money, revenue
from storage.database.threads import in_thread
from storage.http.csv_cells import cell
from storage.replay.errors import ReplayError, writing
from storage.replay.order_holders import OrderHolders
from storage.replay.request import PartitionPlan
from stream.scored import Identity, SessionUpdate, VerifiedOrder, identity_of

#: What a row says beside the features: which update it is. Times in ms UTC.
PLACE = ("site", "session_id", "opened_at", "partition", "offset", "occurred_at", "event_type", "status")
#: What else was known then: whether the site had statistics of its pages, whether the session had bought already, and
#: the score.
THEN = ("has_page_statistics", "bought_before", "probability", "model_version", "pages_version")
#: What came of the session: UCI's target, and the amount in one currency; no amount where it has several without rates.
OUTCOME = ("Revenue", "Amount", "Currency")
COLUMNS: tuple[str, ...] = (*PLACE, *NAMES, *SIGNALS, *THEN, *OUTCOME)

NO_MONEY: Money = MappingProxyType({})
Row = list[Any]
#: Columns that a CSV file spells in its own way.
_TEXTS = tuple(map(COLUMNS.index, ("site", "session_id", "model_version", "Currency")))
_BOOLEANS = tuple(map(COLUMNS.index, ("Weekend", "has_page_statistics", "bought_before", "Revenue")))
_UNKNOWN = (None,) * len(Signals.__struct_fields__)
_BOUGHT_BEFORE = COLUMNS.index("bought_before")
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(list[Any]).decode


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
                "Parquet needs pyarrow, which is not installed: install op-ecom[parquet], or name a .csv file"
            ) from None


class FeatureTarget:
    """The file, which is there when it is whole. Sessions of programs are in it only with `bots`; `money` has the
    currencies of amounts."""

    def __init__(self, file: Path, bots: bool = False, money: Money = NO_MONEY) -> None:
        check(file)
        self._file = file
        self._bots = bots
        self._made = file.with_name(f"{file.name}.part")
        self._writer: FeatureWriter | None = None
        #: Rows of the sessions that are open, packed.
        self._waiting: dict[Identity, list[bytes]] = {}
        self._buyers = _Buyers(money)
        #: Rows written.
        self.rows = 0

    async def finish(self, plans: Sequence[PartitionPlan]) -> None:
        await in_thread(self._finish)

    def add(self, partition: int, updates: Iterable[tuple[SessionUpdate, float, str]]) -> int:
        """Keep the rows of these updates, and write those of the sessions that close; how many closed."""
        ready: list[Row] = []
        closed = 0
        for session, probability, model in updates:
            identity = identity_of(session)
            if session.event.id is not None:
                row = _pack(row_of(partition, session, probability, model))
                self._waiting.setdefault(identity, []).append(row)
                continue
            closed += 1
            rows = self._waiting.pop(identity, [])
            if session.bot and not self._bots:
                continue
            if session.orders:
                self._buyers.add(session, rows)
            else:
                ready += [[*_unpack(row), session.revenue, session.amount, session.currency] for row in rows]
        if ready:
            self._write(ready)
        return closed

    def _write(self, rows: Sequence[Row]) -> None:
        with writing(self._file):
            if self._writer is None:
                self._writer = _writer(self._made)
            self._writer.write(rows)
        self.rows += len(rows)

    def _finish(self) -> None:
        for rows in self._buyers.counted():
            self._write(rows)
        with writing(self._file):
            if self._writer is None:
                self._writer = _writer(self._made)
            self._writer.close()
            self._made.replace(self._file)


class _Buyers:
    """Closed sessions with orders, on disk until all are known: an order counts in the session that had it first."""

    def __init__(self, money: Money) -> None:
        self._money = money
        self._held = sqlite3.connect("", check_same_thread=False)
        self._held.execute("CREATE TABLE held (session BLOB)")
        self._holders = OrderHolders()

    def add(self, session: SessionUpdate, rows: list[bytes]) -> None:
        identity = identity_of(session)
        self._holders.add(identity, session.orders)
        held = _HeldBuyer(identity, session.orders, rows)
        self._held.execute("INSERT INTO held VALUES (?)", (_pack(held),))

    def counted(self) -> Iterator[list[Row]]:
        """The rows of one session after the other, with the outcome that counts."""
        for (packed,) in self._held.execute("SELECT session FROM held ORDER BY rowid"):
            held = _unpack_held(packed)
            counted = self._holders.counted(held.identity, held.orders)
            bought = bool(counted)
            brought = revenue(((held.identity[0], each.currency, each.amount) for each in counted), self._money)
            rows = [[*_unpack(row), bought, brought.total, brought.currency] for row in held.rows]
            for row in rows:
                row[_BOUGHT_BEFORE] = bought and row[_BOUGHT_BEFORE]
            yield rows
        self._held.close()


class _HeldBuyer(Struct, frozen=True):
    identity: Identity
    orders: tuple[VerifiedOrder, ...]
    rows: list[bytes]


_unpack_held = msgspec.msgpack.Decoder(_HeldBuyer).decode


def row_of(partition: int, session: SessionUpdate, probability: float, model: str) -> Row:
    """An update as it was when it was published: the columns but the outcome."""
    event, signals = session.event, session.signals
    return [
        session.site,
        session.session_id,
        session.opened_at,
        partition,
        event.offset,
        session.occurred_at,
        event.type,
        session.status,
        *astuple(session.features),
        *(_UNKNOWN if signals is None else astuple(signals)),
        session.revenue,
        probability,
        model,
        session.pages_version,
    ]


def _writer(file: Path) -> FeatureWriter:
    return _ParquetFeatures(file) if file.with_suffix("").suffix == ".parquet" else _CsvFeatures(file)


_BOOLEAN_CELLS = {True: "TRUE", False: "FALSE", None: ""}


class _CsvFeatures:
    def __init__(self, file: Path) -> None:
        self._out = file.open("w", newline="", encoding="utf-8")
        self._rows = csv.writer(self._out)
        self._rows.writerow(COLUMNS)

    def write(self, rows: Sequence[Row]) -> None:
        for row in rows:
            for column in _TEXTS:
                row[column] = cell(row[column])
            for column in _BOOLEANS:
                row[column] = _BOOLEAN_CELLS[row[column]]
        self._rows.writerows(rows)

    def close(self) -> None:
        self._out.close()


class _ParquetFeatures:
    def __init__(self, file: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        kinds = {"site": pa.string(), "session_id": pa.string(), "event_type": pa.string(), "status": pa.string()}
        kinds |= {
            "Month": pa.string(),
            "VisitorType": pa.string(),
            "model_version": pa.string(),
            "Currency": pa.string(),
        }
        arrow = {int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
        kinds |= {field.name: arrow.get(field.type, pa.string()) for field in fields_of(Signals)}
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
