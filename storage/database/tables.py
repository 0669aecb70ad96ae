"""The relational tables, as queries and upserts name them; storage/migrations makes them.

Names are the report's (section 7.2). Times that people read are DATETIME(3) in UTC; opened_at is part of the
identity and stays in milliseconds, as on the topic. `log` names the Kafka cluster whose offsets `version` counts.
"""

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

metadata = MetaData()

sessions = Table(
    "sessions",
    metadata,
    Column("site", String(97), nullable=False),
    Column("session_id", String(64), nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("visitor_id", String(64), nullable=False),
    Column("visitor_type", String(20), nullable=False),
    Column("browser", String(64), nullable=False),
    Column("operating_system", String(64), nullable=False),
    Column("region", Integer, nullable=False),
    Column("traffic_type", Integer, nullable=False),
    Column("browser_code", Integer, nullable=False),
    Column("operating_system_code", Integer, nullable=False),
    Column("region_name", String(64), nullable=False),
    Column("traffic_type_name", String(64), nullable=False),
    Column("is_weekend", Boolean, nullable=False),
    Column("month", String(10), nullable=False),
    Column("special_day", Double, nullable=False),
    Column("started_at", DateTime, nullable=False),
    Column("ended_at", DateTime),
    Column("last_event_at", DateTime, nullable=False),
    Column("revenue", Boolean, nullable=False),
    Column("amount", Double, nullable=False),
    Column("unverified_purchases", Integer, nullable=False),
    Column("administrative_count", Integer, nullable=False),
    Column("administrative_duration", Double, nullable=False),
    Column("informational_count", Integer, nullable=False),
    Column("informational_duration", Double, nullable=False),
    Column("product_related_count", Integer, nullable=False),
    Column("product_related_duration", Double, nullable=False),
    Column("bounce_rates", Double, nullable=False),
    Column("exit_rates", Double, nullable=False),
    Column("page_values", Double, nullable=False),
    Column("event_count", Integer, nullable=False),
    Column("page_view_count", Integer, nullable=False),
    Column("ping_count", Integer, nullable=False),
    Column("custom_count", Integer, nullable=False),
    Column("purchase_count", Integer, nullable=False),
    Column("probability", Double, nullable=False),
    Column("label", String(3), nullable=False),
    Column("band", String(10), nullable=False),
    Column("reasons", String(2000), nullable=False),
    Column("status", String(10), nullable=False),
    Column("model_version", String(64), nullable=False),
    Column("pages_version", BigInteger, nullable=False),
    Column("updated_at", DateTime, nullable=False),
    Column("version", BigInteger, nullable=False),
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
    Column("event_id", String(64), nullable=False),
    Column("page_type", String(20)),
    Column("page_url", String(500), nullable=False),
    Column("duration_seconds", Double, nullable=False),
    Column("is_bounce", Boolean, nullable=False),
    Column("is_exit", Boolean, nullable=False),
    Column("page_value", Double, nullable=False),
    Column("viewed_at", DateTime, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("log", String(64), nullable=False),
    PrimaryKeyConstraint("site", "session_id", "opened_at", "event_id"),
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

#: Who is forgotten, by digest (see stream/fold/erasures.py): state (running, done), times in ms UTC, what was deleted
#: (JSON). The visitor's id and its shared sessions stand here only until it is done; a forgotten session has neither.
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
    PrimaryKeyConstraint("digest"),
)

#: Where a replay is in each partition: its plan, the next offset to tell, the mark from which folding finds that place
#: again, and the next offset to count, which an interruption leaves ahead of the other.
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
