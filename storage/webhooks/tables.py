"""The relational tables of webhooks, as queries name them; storage/migrations makes them. Times are ms UTC."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

from storage.database.tables import metadata

#: `wanted`: words of storage/webhooks/crossings.py, separated by spaces; none: all. Crossings count from `since` on,
#: and bands of the site's sessions are known from `bands_since` on. `disabled` says why, empty while it is in use.
#: `old_secret` signs beside `secret` until its moment.
webhooks = Table(
    "webhooks",
    metadata,
    Column("id", String(40), nullable=False),
    Column("site", String(97), nullable=False),
    Column("url", String(2000), nullable=False),
    Column("wanted", String(100), nullable=False),
    Column("secret", String(100), nullable=False),
    Column("allow_private", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("bands_since", BigInteger, nullable=False),
    Column("disabled", String(300), nullable=False),
    Column("old_secret", String(100), nullable=False),
    Column("old_secret_until", BigInteger, nullable=False),
    PrimaryKeyConstraint("id"),
)

#: How far crossings have been looked for in each partition of scored sessions: the next offset, the greatest offset of
#: an event whose update was seen, and the Kafka timestamp of the last record.
positions = Table(
    "webhook_positions",
    metadata,
    Column("log", String(64), nullable=False),
    Column("kafka_partition", Integer, nullable=False),
    Column("next_offset", BigInteger, nullable=False),
    Column("told_offset", BigInteger, nullable=False),
    Column("last_timestamp", BigInteger, nullable=False),
    PrimaryKeyConstraint("log", "kafka_partition"),
)

#: The band in which an open session was last; one that is not here is in `low`, as every session begins there.
bands = Table(
    "webhook_bands",
    metadata,
    Column("site", String(97), nullable=False),
    Column("session_id", String(64), nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("band", String(10), nullable=False),
    Column("noted_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("site", "session_id", "opened_at"),
    Index("webhook_bands_by_time", "noted_at"),
)

#: `state`: due, delivered, dead, or held, where `detail` says by what. Else `tried_at`, `status` (of HTTP, 0: no
#: answer) and `detail` are of the last attempt.
deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", String(40), nullable=False),
    Column("webhook_id", String(40), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("site", String(97), nullable=False),
    Column("session_id", String(64), nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("visitor_id", String(64), nullable=False),
    Column("body", Text, nullable=False),
    Column("state", String(10), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("tried_at", BigInteger, nullable=False),
    Column("status", Integer, nullable=False),
    Column("detail", String(300), nullable=False),
    PrimaryKeyConstraint("id"),
    Index("webhook_deliveries_by_due", "state", "webhook_id", "due_at"),
    Index("webhook_deliveries_by_age", "created_at"),
    Index("webhook_deliveries_by_visitor", "visitor_id"),
)
