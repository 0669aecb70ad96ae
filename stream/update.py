"""An update of a session, whole but for its score: what the step hands to the model and to the topic."""

from msgspec import Struct

from ingest.events import Event, key_of
from scoring.features import Features
from stream.features import features
from stream.scored import Cause, Counts, Origin, Status, View, version_of
from stream.session import Session, text_of


class Update(Struct, frozen=True, gc=False):
    """An update of a session, whole but for its score."""

    partition: int
    site: str
    session_id: str
    opened_at: int
    visitor_id: str
    version: int
    event: Cause
    #: For a closing, the clock that closed it.
    occurred_at: int
    started_at: int
    last_event_at: int
    updated_at: int
    status: Status
    features: Features
    counts: Counts
    origin: Origin
    revenue: bool
    amount: float
    unverified: int
    views: tuple[View, ...]
    model: str
    pages: int


def update_of(
    session: Session, partition: int, cause: Cause, occurred_at: int, changed: tuple[int, ...], model: str, pages: int
) -> Update:
    """The session as it stands after `cause`; a cause without an event is a closing. `changed` are indexes of views."""
    whence = session.whence
    assert whence is not None  # noqa: S101 - set by the first event
    closed = cause.id is None
    status: Status = "closed" if closed else "ended" if session.ended else "open"
    orders = len({order.number for order in session.orders}) if session.orders else 0
    return Update(
        partition,
        session.site,
        session.session_id,
        session.opened_at,
        session.visitor_id,
        version_of(cause.offset, closed),
        cause,
        occurred_at,
        session.first[0],
        session.last[0],
        occurred_at if closed else session.seen,
        status,
        features(session),
        Counts(len(session.ids), len(session.times), session.pings, session.customs, orders),
        whence.origin,
        session.revenue,
        session.amount,
        session.unverified,
        tuple([_view(session, index) for index in changed]),
        model,
        pages,
    )


def cause_of(offset: int, event: Event) -> Cause:
    page = event.page
    if page is None:
        return Cause(offset, event.event_id, event.type)
    return Cause(offset, event.event_id, event.type, page.type, page.path)


def scored_key(update: Update) -> bytes:
    return key_of(update.site, update.session_id)


def _view(session: Session, index: int) -> View:
    page = session.pages[index]
    views = len(session.times)
    return View(
        text_of(session.view_ids[index]),
        page.type,
        page.path,
        session.times[index],
        session.view_millis(index) / 1000,
        views == 1,
        index == views - 1,
        page.page_value,
    )
