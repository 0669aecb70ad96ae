"""The relational tables of what interventions fired, as queries name them; storage/migrations makes them.

Times in ms UTC.
"""

from sqlalchemy import BigInteger, Column, Index, PrimaryKeyConstraint, String, Table, Text

from storage.database.tables import metadata

#: What became of an intervention that fired in a session: see FiringOutcome (storage/interventions/firings.py).
intervention_firings = Table(
    "intervention_firings",
    metadata,
    Column("site", String(97), nullable=False),
    Column("session_id", String(64), nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("name", String(64), nullable=False),
    Column("visitor_id", String(64), nullable=False),
    Column("fired_at", BigInteger, nullable=False),
    Column("outcome", String(10), nullable=False),
    PrimaryKeyConstraint("site", "session_id", "opened_at", "name"),
    Index("intervention_firings_by_visitor", "site", "visitor_id", "name"),
    Index("intervention_firings_by_age", "fired_at"),
)

#: What pages said of those that reached them: see ReportAction (ingest/events.py). `version` is that of the event.
intervention_reports = Table(
    "intervention_reports",
    metadata,
    Column("site", String(97), nullable=False),
    Column("session_id", String(64), nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("name", String(64), nullable=False),
    Column("action", String(10), nullable=False),
    Column("visitor_id", String(64), nullable=False),
    Column("reported_at", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("log", String(64), nullable=False),
    PrimaryKeyConstraint("site", "session_id", "opened_at", "name", "action"),
    Index("intervention_reports_by_visitor", "site", "visitor_id"),
    Index("intervention_reports_by_age", "reported_at"),
)

#: The payload of each that goes to pages, from its first firing on. It never changes: a name is taken once.
intervention_messages = Table(
    "intervention_messages",
    metadata,
    Column("site", String(97), nullable=False),
    Column("name", String(64), nullable=False),
    Column("payload", Text, nullable=False),
    PrimaryKeyConstraint("site", "name"),
)
