"""Interventions that wait for their start."""

from msgspec import Struct
from sqlalchemy import Engine

from storage.database.draft_rows import DraftRows, draft_table
from storage.interventions.answers import InterventionRequest

intervention_drafts = draft_table("intervention_drafts")


class InterventionDraft(Struct, frozen=True):
    """What was requested; `created_at` in ms UTC."""

    request: InterventionRequest
    created_at: int
    created_by: str


class InterventionDrafts(DraftRows[InterventionDraft]):
    """Those of interventions."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, intervention_drafts, InterventionDraft)
