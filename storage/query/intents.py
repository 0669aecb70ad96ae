"""What the reads answer: the intent of a session now, and every update that led there. Pure.

Made from a scored session, from a row of `sessions`, or from rows of the timeline. Times are ms UTC.
"""

import json
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from scoring.features import Features
from scoring.manifest import Band, Label
from scoring.reasons import ReasonText, spoken
from scoring.signals import Signals
from storage.database.columns import (
    FIELDS,
    SESSION_COLUMNS,
    SESSION_READERS,
    TIMELINE_COLUMNS,
    TIMELINE_READERS,
    struct_reader,
    with_fields,
)
from stream.scored import Cause, Counts, FiredIntervention, ScoredSession, Status, is_held
from stream.stored import LISTED_SIGNALS

#: Of the whole session, and not of an update: `Timeline` says it once, or the session's row does.
_OF_SESSION = ("site", "session_id", "opened_at", "visitor_id", "started_at", "last_event_at")


class ListedSignals(Struct, frozen=True, gc=False):
    """As many of a session's signals as its row in `sessions` has; updates have them all. Null is unknown."""

    cart_quantity: float | None
    cart_value: float | None
    checkout_step: int
    previous_sessions: int | None


@with_fields({name: field.answer_type for name, field in FIELDS.items() if field.mark.in_intent})
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
    #: Null for sessions of before there were signals.
    signals: ListedSignals | None
    counts: Counts
    updated_at: int
    model_version: str
    version: int
    #: Of the page that the newest event is of; null in what is read from a table, which keeps no events.
    path: str | None
    #: Whether nothing may be done about it: its visitor is held out, or an arm of its experiments does not act.
    held: bool


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
    #: As in the whole intent.
    held: bool


class LiveSessions(Struct, frozen=True):
    """Open sessions, the highest probability first."""

    sessions: list[Intent]


@with_fields({name: FIELDS[name].answer_type for name in TIMELINE_READERS if name not in _OF_SESSION})
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


class SessionFeatures(Struct, frozen=True, kw_only=True):
    """What was known of a session when the record at `event.offset` of its partition had been folded."""

    site: str
    session_id: str
    opened_at: int
    version: int
    event: Cause
    occurred_at: int
    status: Status
    features: Features
    #: Null for updates of before there were signals.
    signals: Signals | None
    pages_version: int


def features_of(timeline: Timeline) -> SessionFeatures:
    """Those of the newest update of a timeline that has one."""
    update = timeline.updates[-1]
    given = {name: getattr(update, name) for name in SessionFeatures.__struct_fields__ if name not in _OF_SESSION}
    return SessionFeatures(site=timeline.site, session_id=timeline.session_id, opened_at=timeline.opened_at, **given)


def intent_of(update: ScoredSession) -> Intent:
    signals = update.signals
    listed = None if signals is None else ListedSignals(*[getattr(signals, name) for name in LISTED_SIGNALS])
    path = update.event.path
    held = is_held(update.experiments, update.holdout)
    given = {name: getattr(update, name) for name in _OF_INTENT}
    return Intent(reasons=reasons_of(update), signals=listed, path=path, held=held, **given)


def fired_in(intent: Any) -> tuple[FiredIntervention, ...]:
    """What has fired in the session of an Intent, whose fields stream/scored.py declares."""
    fired: tuple[FiredIntervention, ...] = intent.interventions
    return fired


def band_only_of(intent: Intent) -> BandOnlyIntent:
    return BandOnlyIntent(**{name: getattr(intent, name) for name in BandOnlyIntent.__struct_fields__})


def intent_of_row(row: Mapping[str, Any]) -> Intent:
    """The intent that a row of `sessions` holds, by column name."""
    given = {name: SESSION_READERS[name](row) for name in _OF_INTENT}
    reasons, held = stored_reasons(row["reasons"]), is_held(given["experiments"], given["holdout"])
    return Intent(reasons=reasons, signals=_listed_signals(row), path=None, held=held, **given)


def update_of_row(row: Mapping[str, Any]) -> Update:
    """One update, from a row of the timeline by column name, times in ms."""
    given = {name: TIMELINE_READERS[name](row) for name in _OF_UPDATE}
    return Update(closed=row["closed"], reasons=stored_reasons(row["reasons"]), **given)


def reasons_of(update: ScoredSession) -> tuple[ReasonText, ...]:
    return spoken((reason.feature, reason.value, reason.contribution) for reason in update.reasons)


def stored_reasons(stored: str) -> tuple[ReasonText, ...]:
    """The reasons as both databases keep them: JSON of [{feature, value, contribution}]."""
    return spoken((each["feature"], each["value"], each["contribution"]) for each in json.loads(stored))


_listed_signals = struct_reader("signals", ListedSignals, SESSION_COLUMNS)
_OF_INTENT = [name for name in Intent.__struct_fields__ if name not in ("reasons", "signals", "path", "held")]
_OF_UPDATE = [name for name in Update.__struct_fields__ if name not in ("reasons", "closed")]
#: Columns of the timeline that an update is read from, beside `closed`.
UPDATE_COLUMNS = [column for column in TIMELINE_COLUMNS if column.field in (*_OF_UPDATE, "reasons")]
