"""What the reads answer: the intent of a session now, and every update that led there. Pure.

Made from a scored session, from a row of `sessions`, or from rows of the timeline. Times are ms UTC.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct

from scoring.features import NAMES, Features
from scoring.model import Band, Label
from scoring.reasons import ReasonText, spoken
from stream.scored import Cause, Counts, ScoredSession, Status

_EPOCH = datetime(1970, 1, 1)  # columns hold UTC without saying so
_MILLISECOND = timedelta(milliseconds=1)


class Intent(Struct, frozen=True, gc=False, kw_only=True):
    """A session's newest score and what it was made from."""

    site: str
    session_id: str
    opened_at: int
    status: Status
    probability: float
    label: Label
    band: Band
    reasons: tuple[ReasonText, ...]
    features: Features
    counts: Counts
    updated_at: int
    model_version: str
    version: int


class BandOnlyIntent(Struct, frozen=True, gc=False, kw_only=True):
    """As much of an intent as a site shows that shows its bands: nothing of what the score was made from."""

    site: str
    session_id: str
    opened_at: int
    status: Status
    probability: float
    label: Label
    band: Band
    updated_at: int
    version: int


class LiveSessions(Struct, frozen=True):
    """Open sessions, the highest probability first."""

    sessions: list[Intent]


class Update(Struct, frozen=True, gc=False, kw_only=True):
    """One update of a session: the record that caused it, and the score after it."""

    version: int
    closed: bool
    event: Cause
    occurred_at: int
    updated_at: int
    status: Status
    probability: float
    label: Label
    band: Band
    reasons: tuple[ReasonText, ...]
    features: Features
    counts: Counts
    revenue: bool
    amount: float
    unverified_purchases: int
    model_version: str
    pages_version: int


class Timeline(Struct, frozen=True):
    """The updates of a session, the oldest first; of more than 10,000 the newest."""

    site: str
    session_id: str
    opened_at: int
    updates: list[Update]


def intent_of(update: ScoredSession) -> Intent:
    return Intent(
        site=update.site,
        session_id=update.session_id,
        opened_at=update.opened_at,
        status=update.status,
        probability=update.probability,
        label=update.label,
        band=update.band,
        reasons=reasons_of(update),
        features=update.features,
        counts=update.counts,
        updated_at=update.updated_at,
        model_version=update.model_version,
        version=update.version,
    )


def band_only_of(intent: Intent) -> BandOnlyIntent:
    return BandOnlyIntent(**{name: getattr(intent, name) for name in BandOnlyIntent.__struct_fields__})


def intent_of_row(row: Mapping[str, Any]) -> Intent:
    """The intent that a row of `sessions` holds, by column name."""
    return Intent(
        site=row["site"],
        session_id=row["session_id"],
        opened_at=row["opened_at"],
        status=row["status"],
        probability=row["probability"],
        label=row["label"],
        band=row["band"],
        reasons=stored_reasons(row["reasons"]),
        features=_features_of_row(row),
        counts=counts_of(row),
        updated_at=(row["updated_at"] - _EPOCH) // _MILLISECOND,
        model_version=row["model_version"],
        version=row["version"],
    )


def update_of_row(row: Mapping[str, Any]) -> Update:
    """One update, from a row of the timeline by column name, times in ms."""
    return Update(
        version=row["version"],
        closed=row["closed"],
        event=Cause(row["offset"], row["event_id"], row["event_type"], row["page_type"], row["path"]),
        occurred_at=row["occurred_at"],
        updated_at=row["updated_at"],
        status=row["status"],
        probability=row["probability"],
        label=row["label"],
        band=row["band"],
        reasons=stored_reasons(row["reasons"]),
        features=Features(*(row[name] for name in NAMES)),
        counts=counts_of(row),
        revenue=row["revenue"],
        amount=row["amount"],
        unverified_purchases=row["unverified_purchases"],
        model_version=row["model_version"],
        pages_version=row["pages_version"],
    )


def counts_of(row: Mapping[str, Any]) -> Counts:
    """Both databases name the counts alike."""
    return Counts(
        row["event_count"], row["page_view_count"], row["ping_count"], row["custom_count"], row["purchase_count"]
    )


def reasons_of(update: ScoredSession) -> tuple[ReasonText, ...]:
    return spoken((reason.feature, reason.value, reason.contribution) for reason in update.reasons)


def stored_reasons(stored: str) -> tuple[ReasonText, ...]:
    """The reasons as both databases keep them: JSON of [{feature, value, contribution}]."""
    return spoken((each["feature"], each["value"], each["contribution"]) for each in json.loads(stored))


def _features_of_row(row: Mapping[str, Any]) -> Features:
    return Features(
        Administrative=row["administrative_count"],
        Administrative_Duration=row["administrative_duration"],
        Informational=row["informational_count"],
        Informational_Duration=row["informational_duration"],
        ProductRelated=row["product_related_count"],
        ProductRelated_Duration=row["product_related_duration"],
        BounceRates=row["bounce_rates"],
        ExitRates=row["exit_rates"],
        PageValues=row["page_values"],
        SpecialDay=row["special_day"],
        Month=row["month"],
        OperatingSystems=row["operating_system_code"],
        Browser=row["browser_code"],
        Region=row["region"],
        TrafficType=row["traffic_type"],
        VisitorType=row["visitor_type"],
        Weekend=bool(row["is_weekend"]),
    )
