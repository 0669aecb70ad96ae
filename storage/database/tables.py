"""The relational tables, as queries and upserts name them; storage/migrations makes them.

Names are those of the study that OP-ECOM reproduces (docs/model.md). Times that people read are DATETIME(3) in UTC;
opened_at is part of the identity and stays in milliseconds, as on the topic. `log` names the Kafka cluster whose
offsets `version` counts. What a record keeps in `sessions` and `page_views` is declared in stream/scored.py.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

from storage.database.columns import SESSION_COLUMNS, VIEW_COLUMNS, StoredColumn

metadata = MetaData()

#: Texts of a few words that we choose ourselves, and the reasons.
_WORD, _LIST = 20, 2000


def _column(stored: StoredColumn) -> Column[Any]:
    """The column as MariaDB and SQLite have it."""
    kind: Any
    if stored.is_json:
        kind = String(_LIST)
    elif stored.is_text:
        kind = String(stored.most or _WORD)
    elif stored.type is bool:
        kind = Boolean
    elif stored.type is float:
        kind = Double
    elif stored.is_time:
        kind = DateTime
    else:
        kind = BigInteger if (stored.most or 0) >= _LARGE else Integer
    return Column(stored.name, kind, nullable=stored.nullable)


_LARGE = 2**31

sessions = Table(
    "sessions",
    metadata,
    *map(_column, SESSION_COLUMNS),
    Column("ended_at", DateTime),
    Column("log", String(64), nullable=False),
    PrimaryKeyConstraint("site", "session_id", "opened_at"),
    Index("sessions_by_id", "session_id"),
    Index("sessions_by_opening", "opened_at"),
    Index("sessions_by_status", "status", "probability"),
)

page_views = Table(
    "page_views",
    metadata,
    Column("site", String(97), nullable=False),
    Column("session_id", String(64), nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    *map(_column, VIEW_COLUMNS),
    Column("version", BigInteger, nullable=False),
    Column("log", String(64), nullable=False),
    PrimaryKeyConstraint("site", "session_id", "opened_at", "event_id"),
)

#: Verified orders of sessions; storage/database/orders.py says in which session one counts. Times in ms UTC.
orders = Table(
    "orders",
    metadata,
    Column("site", String(97), nullable=False),
    Column("session_id", String(64), nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("order_id", String(64), nullable=False),
    Column("ordered_at", BigInteger, nullable=False),
    Column("amount", Double, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("log", String(64), nullable=False),
    PrimaryKeyConstraint("site", "session_id", "opened_at", "order_id"),
    Index("orders_by_id", "site", "order_id"),
)

#: Verified refunds of sessions, amount null for the whole order; storage/database/refunds.py says what they take off.
refunds = Table(
    "refunds",
    metadata,
    Column("site", String(97), nullable=False),
    Column("session_id", String(64), nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("event_id", String(64), nullable=False),
    Column("order_id", String(64), nullable=False),
    Column("refunded_at", BigInteger, nullable=False),
    Column("amount", Double),
    Column("currency", String(3), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("log", String(64), nullable=False),
    PrimaryKeyConstraint("site", "session_id", "opened_at", "event_id"),
    Index("refunds_by_order", "site", "order_id"),
)

#: How far each partition of a log has been written, and the Kafka timestamp of the last record written.
log_positions = Table(
    "log_positions",
    metadata,
    Column("log", String(64), nullable=False),
    Column("topic", String(249), nullable=False),
    Column("kafka_partition", Integer, nullable=False),
    Column("next_offset", BigInteger, nullable=False),
    Column("last_timestamp", BigInteger, nullable=False),
    PrimaryKeyConstraint("log", "topic", "kafka_partition"),
)

#: Replays by number: state (running, done, abandoned), what was asked for and what was done (JSON); times in ms UTC.
backfills = Table(
    "backfills",
    metadata,
    Column("log", String(64), nullable=False),
    Column("number", Integer, nullable=False),
    Column("state", String(12), nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("moved_at", BigInteger, nullable=False),
    Column("request", Text, nullable=False),
    Column("account", Text, nullable=False),
    PrimaryKeyConstraint("log", "number"),
)

#: Who is forgotten, by digest (stream/fold/erasures.py) and id of its key: state (running, done), times in ms UTC, what
#: was deleted (JSON). The visitor's id and its shared sessions stand here only until it is done; a forgotten session
#: has neither.
erasures = Table(
    "erasures",
    metadata,
    Column("digest", String(64), nullable=False),
    Column("site", String(97), nullable=False),
    Column("visitor_id", String(64), nullable=False),
    Column("state", String(12), nullable=False),
    Column("asked_at", BigInteger, nullable=False),
    Column("done_at", BigInteger),
    Column("shared", Text, nullable=False),
    Column("deleted", Text, nullable=False),
    Column("key_id", String(16), nullable=False, server_default=""),
    PrimaryKeyConstraint("digest"),
)

#: Runs of the learner (scoring/learner/run.py), `reasons` as JSON; times in ms UTC.
learning_runs = Table(
    "learning_runs",
    metadata,
    Column("site", String(97), nullable=False),
    Column("number", Integer, nullable=False),
    Column("step", String(20), nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("moved_at", BigInteger, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("sessions", Integer, nullable=False),
    Column("purchases", Integer, nullable=False),
    Column("candidate", String(64), nullable=False),
    Column("version_before", String(64), nullable=False),
    Column("promoted_at", BigInteger, nullable=False),
    Column("looked_at", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("reasons", Text, nullable=False),
    PrimaryKeyConstraint("site", "number"),
)

#: Where a replay is in each partition: its plan, the next offset to publish, the mark from which folding finds that
#: place again, and the next offset to count, which an interruption leaves ahead of the other.
backfill_partitions = Table(
    "backfill_partitions",
    metadata,
    Column("log", String(64), nullable=False),
    Column("number", Integer, nullable=False),
    Column("kafka_partition", Integer, nullable=False),
    Column("plan", Text, nullable=False),
    Column("next_offset", BigInteger, nullable=False),
    Column("counted_offset", BigInteger, nullable=False),
    Column("mark", Text, nullable=False),
    Column("account", Text, nullable=False),
    PrimaryKeyConstraint("log", "number", "kafka_partition"),
)
