"""Schemas of the answers for FastAPI's OpenAPI document, made from the structs that are encoded."""

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

from ingest.tokens import Token
from scoring.catalogue import FeatureCatalogue
from storage.admin.erase import Erasure
from storage.admin.records import SessionRecords
from storage.admin.rows import SessionList, Statistics, WholeSession
from storage.dead_letters.answers import DeadLetterList, ResendRequest, ResentLetter, WholeDeadLetter
from storage.drift.report import DriftCheckList, SiteDrift
from storage.experiments.answers import STRUCTS as EXPERIMENT_STRUCTS
from storage.experiments.results.answers import STRUCTS as RESULT_STRUCTS
from storage.feature_store.days import FeatureDays
from storage.health.answers import HealthReport, LagReport
from storage.http.answers import REF
from storage.http.errors import ErrorAnswer
from storage.interventions.answers import STRUCTS as INTERVENTION_STRUCTS
from storage.learner.answers import LearningRuns
from storage.live.activity import Activity
from storage.overview.answers import STRUCTS as OVERVIEW_STRUCTS
from storage.pages.refresh import Explained, PagesInForce, Refreshed
from storage.promotions.answers import STRUCTS as PROMOTION_STRUCTS
from storage.query.intents import Intent, LiveSessions, SessionFeatures, Timeline
from storage.query.model_fit import ModelFits
from storage.replay.jobs import Job, JobList, ReplayRequest
from storage.retention.answers import STRUCTS as RETENTION_STRUCTS
from storage.setup.answers import STRUCTS as SETUP_STRUCTS
from storage.webhooks.answers import (
    DeliveryList,
    DeliveryView,
    NewWebhook,
    RotationOrder,
    WebhookList,
    WebhookOrder,
    WebhookView,
)

ANSWERS: tuple[type[Struct], ...] = (
    *(Intent, LiveSessions, Timeline, SessionFeatures, FeatureCatalogue, Token, ErrorAnswer),
    *(Job, JobList, ReplayRequest, PagesInForce, Explained, Refreshed),
    *(SessionList, WholeSession, Statistics, Erasure, ModelFits, SiteDrift, DriftCheckList, FeatureDays),
    *(LearningRuns, Activity, SessionRecords),
    *SETUP_STRUCTS,
    *OVERVIEW_STRUCTS,
    *PROMOTION_STRUCTS,
    *EXPERIMENT_STRUCTS,
    *INTERVENTION_STRUCTS,
    *RESULT_STRUCTS,
    *RETENTION_STRUCTS,
    *(HealthReport, LagReport, DeadLetterList, WholeDeadLetter, ResendRequest, ResentLetter),
    *(WebhookList, WebhookView, WebhookOrder, RotationOrder, NewWebhook, DeliveryList, DeliveryView),
)


def with_answers(document: dict[str, Any], answers: Iterable[type[Struct]] = ANSWERS) -> dict[str, Any]:
    """`document` with the schemas that `answered` refers to; FastAPI's own of a refusal are taken out."""
    _, components = msgspec.json.schema_components(tuple(answers), ref_template=REF)
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas.update(components)
    return document
