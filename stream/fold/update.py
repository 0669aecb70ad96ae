"""An update of a session without its score: what the fold hands to the model."""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from ingest.events import Event
from scoring.site_profile import SiteProfile
from stream.codegen import compile_struct_builder
from stream.experiments.enrolment import NOT_ENROLLED, Enrolment
from stream.fold.event_ids import ID_BYTES, event_id_text
from stream.fold.features import features
from stream.fold.pages import VIEW_CAP
from stream.fold.session import PLACE_BITS, PLACE_MASK, Session
from stream.fold.signals import signals
from stream.scored import Cause, Counts, SessionUpdate, Status, View


class UnscoredUpdate(Struct, frozen=True, gc=False):
    """Where the record goes, the model version and the profile of its site that were in force, the record without its
    score, and what its session has of experiments.

    `session` is there where interventions may fire or have fired in it: scoring says which. Such an update may be made
    for that alone: it is then published `if_fired`, or `never`.
    """

    partition: int
    key: bytes
    model: str
    record: SessionUpdate
    profile: SiteProfile
    enrolment: Enrolment = NOT_ENROLLED
    session: Session | None = None
    published: Literal["always", "if_fired", "never"] = "always"


#: Fields that an update makes; all others are attributes of the session.
_COMPUTED = (
    "version", "event", "occurred_at", "updated_at", "status", "features", "counts", "pages_version", "views",
    "signals", "refunds", "idle_seconds",
)  # fmt: skip
#: Attributes of the session that have another name than their field.
_ATTRIBUTES = {
    "started_at": "first_at",
    "last_event_at": "last_at",
    "bot": "has_no_visitor",
    "origin": "session_context.category_names",
    "network": "network_digest",
    "revenue": "orders.revenue",
    "amount": "orders.amount",
    "currency": "orders.currency",
    "amounts": "orders.amounts",
    "unverified_purchases": "orders.unverified",
    "orders": "orders.verified",
}
#: (session, *_COMPUTED) -> SessionUpdate; the other fields are read off the session.
_update = compile_struct_builder(SessionUpdate, SessionUpdate.__struct_fields__, _COMPUTED, _ATTRIBUTES)


def update_of(
    session: Session,
    version: int,
    cause: Cause,
    occurred_at: int,
    changed: Sequence[int],
    pages_version: int,
    idle_ms: int = 0,
) -> SessionUpdate:
    """The session as it stands after `cause`; a cause without an event is a closing, or a silence of `idle_ms`.
    `changed` are indexes of views.
    """
    closed = cause.id is None and not idle_ms
    status: Status = "closed" if closed else "ended" if session.ended else "open"
    events, commerce = len(session.ids) // ID_BYTES, session.commerce
    return _update(
        session,
        version,
        cause,
        occurred_at,
        session.last_seen if cause.id is not None else occurred_at,
        status,
        features(session),
        Counts(events, len(session.views), session.pings, session.customs, session.orders.count),
        pages_version,
        _views(session, changed),
        signals(session),
        () if commerce is None else commerce.refunds,
        idle_ms / 1000,
    )


def cause_of(offset: int, event: Event) -> Cause:
    page = event.page
    if page is None:
        return Cause(offset, event.event_id, event.type)
    return Cause(offset, event.event_id, event.type, page.type, page.path)


def _views(session: Session, changed: Sequence[int]) -> tuple[View, ...]:
    """The views of these indexes; Session.view_millis written out, since this runs twice for every page view."""
    ids, pages, views = session.ids, session.pages, session.views
    last = len(views) - 1
    made = []
    for index in changed:
        page, view = pages[index], views[index]
        at = view >> PLACE_BITS
        lasted = (views[index + 1] >> PLACE_BITS if index < last else session.last_at) - at
        made.append(
            View(
                event_id_text(ids, (view & PLACE_MASK) * ID_BYTES),
                page.type,
                page.path,
                at,
                (lasted if lasted < VIEW_CAP else VIEW_CAP) / 1000,
                not last,
                index == last,
                page.page_value,
            )
        )
    return tuple(made)
