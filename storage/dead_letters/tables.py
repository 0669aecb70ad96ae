"""The relational table of dead letters that were sent again; storage/migrations makes it. Times are ms UTC."""

from sqlalchemy import BigInteger, Column, Index, Integer, PrimaryKeyConstraint, String, Table, Text
from sqlalchemy.dialects.mysql import MEDIUMTEXT

from storage.database.tables import metadata

#: `state`: sending (or publishing, of a command) from the claim until what became of it is known, then sent. `body` is
#: the event as it is sent; `sent_at` is 0 until it is.
resent_letters = Table(
    "resent_letters",
    metadata,
    Column("log", String(64), nullable=False),
    Column("topic", String(40), nullable=False),
    Column("kafka_partition", Integer, nullable=False),
    Column("kafka_offset", BigInteger, nullable=False),
    Column("state", String(10), nullable=False),
    Column("event_id", String(36), nullable=False),
    Column("site", String(97), nullable=False),
    Column("session_id", String(64), nullable=False),
    Column("visitor_id", String(64), nullable=False),
    Column("body", Text().with_variant(MEDIUMTEXT(), "mysql", "mariadb"), nullable=False),
    Column("sent_by", String(100), nullable=False),
    Column("claimed_at", BigInteger, nullable=False),
    Column("sent_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("log", "topic", "kafka_partition", "kafka_offset"),
    Index("resent_letters_by_visitor", "visitor_id"),
    Index("resent_letters_by_time", "state", "sent_at"),
)
