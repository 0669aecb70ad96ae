"""The relational table of what interventions fired, as queries name it; storage/migrations makes it. Times: ms UTC."""

from sqlalchemy import BigInteger, Column, Index, PrimaryKeyConstraint, String, Table

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
