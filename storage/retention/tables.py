"""The relational table of what retention did, as queries name it; storage/migrations makes it. Times are ms UTC."""

from sqlalchemy import BigInteger, Column, PrimaryKeyConstraint, String, Table, Text

from storage.database.tables import metadata

#: Runs of the job: state (running, done), what was to be removed (Cutoffs) and what was, rows by table (both JSON).
retention_runs = Table(
    "retention_runs",
    metadata,
    Column("started_at", BigInteger, nullable=False),
    Column("moved_at", BigInteger, nullable=False),
    Column("state", String(12), nullable=False),
    Column("cutoffs", Text, nullable=False),
    Column("removed", Text, nullable=False),
    PrimaryKeyConstraint("started_at"),
)
