"""Interventions that wait for their start: rows of `intervention_drafts`, which nothing folds."""

import msgspec
from msgspec import Struct
from sqlalchemy import Engine, delete, insert, select
from sqlalchemy.exc import IntegrityError

from storage.interventions.answers import InterventionRequest
from storage.interventions.tables import intervention_drafts

_t = intervention_drafts.c


class InterventionDraft(Struct, frozen=True):
    """What was requested; `created_at` in ms UTC."""

    request: InterventionRequest
    created_at: int
    created_by: str


class InterventionDrafts:
    """Blocking; raises SQLAlchemy's errors."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def add(self, draft: InterventionDraft) -> bool:
        """Whether it was added: False where there is one of that name."""
        row = {
            "name": draft.request.name,
            "site": draft.request.site,
            "created_at": draft.created_at,
            "created_by": draft.created_by,
            "draft": msgspec.json.encode(draft).decode(),
        }
        try:
            with self.engine.begin() as connection:
                connection.execute(insert(intervention_drafts).values(**row))
        except IntegrityError:
            return False
        return True

    def all(self) -> list[InterventionDraft]:
        """The oldest first."""
        with self.engine.connect() as connection:
            rows = connection.execute(select(_t.draft).order_by(_t.created_at, _t.name)).scalars().all()
        return [msgspec.json.decode(row, type=InterventionDraft) for row in rows]

    def discard(self, name: str) -> bool:
        """Whether there was one."""
        with self.engine.begin() as connection:
            return bool(connection.execute(delete(intervention_drafts).where(_t.name == name)).rowcount)
