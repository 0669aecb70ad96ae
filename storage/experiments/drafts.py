"""Experiments that wait for their start."""

from msgspec import Struct
from sqlalchemy import Engine

from storage.database.draft_rows import DraftRows, draft_table
from storage.experiments.answers import ExperimentRequest

experiment_drafts = draft_table("experiment_drafts")


class ExperimentDraft(Struct, frozen=True):
    """What was asked for, with the salt that was drawn for it; `created_at` in ms UTC."""

    request: ExperimentRequest
    salt: str
    created_at: int
    created_by: str


class Drafts(DraftRows[ExperimentDraft]):
    """Those of experiments."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, experiment_drafts, ExperimentDraft)
