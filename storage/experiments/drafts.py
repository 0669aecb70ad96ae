"""Experiments that wait for their start: rows of `experiment_drafts`, which nothing folds."""

import msgspec
from msgspec import Struct
from sqlalchemy import BigInteger, Column, Engine, PrimaryKeyConstraint, String, Table, Text, delete, insert, select
from sqlalchemy.exc import IntegrityError

from storage.database.tables import metadata
from storage.experiments.answers import ExperimentRequest

experiment_drafts = Table(
    "experiment_drafts",
    metadata,
    Column("name", String(32), nullable=False),
    Column("site", String(64), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", String(200), nullable=False),
    Column("draft", Text, nullable=False),
    PrimaryKeyConstraint("name"),
)


class ExperimentDraft(Struct, frozen=True):
    """What was asked for, with the salt that was drawn for it; `created_at` in ms UTC."""

    request: ExperimentRequest
    salt: str
    created_at: int
    created_by: str


class Drafts:
    """Blocking; raises SQLAlchemy's errors."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, draft: ExperimentDraft) -> bool:
        """Whether it was added: False where there is one of that name."""
        row = {
            "name": draft.request.name,
            "site": draft.request.site,
            "created_at": draft.created_at,
            "created_by": draft.created_by,
            "draft": msgspec.json.encode(draft).decode(),
        }
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(experiment_drafts).values(**row))
        except IntegrityError:
            return False
        return True

    def all(self) -> list[ExperimentDraft]:
        """The oldest first."""
        c = experiment_drafts.c
        with self._engine.connect() as connection:
            rows = connection.execute(select(c.draft).order_by(c.created_at, c.name)).scalars().all()
        return [msgspec.json.decode(row, type=ExperimentDraft) for row in rows]

    def find(self, name: str) -> ExperimentDraft | None:
        c = experiment_drafts.c
        with self._engine.connect() as connection:
            row = connection.execute(select(c.draft).where(c.name == name)).scalar_one_or_none()
        return None if row is None else msgspec.json.decode(row, type=ExperimentDraft)

    def discard(self, name: str) -> bool:
        """Whether there was one."""
        with self._engine.begin() as connection:
            return bool(connection.execute(delete(experiment_drafts).where(experiment_drafts.c.name == name)).rowcount)
