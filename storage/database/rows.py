"""A scored session and its page views as rows of the relational tables."""

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from scoring.features import Features
from stream.scored import Identity, ScoredSession, View, stored_reasons

Row = tuple[Any, ...]


_EPOCH = datetime(1970, 1, 1)  # columns hold UTC without saying so


def session_row(log: str, update: ScoredSession) -> Row:
    """The columns of `sessions`, in their order."""
    f: Features = update.features
    counts = update.counts
    origin = update.origin
    last_event_at = _moment(update.last_event_at)
    return (
        update.site,
        update.session_id,
        update.opened_at,
        update.visitor_id,
        f.VisitorType,
        origin.browser,
        origin.operating_system,
        f.Region,
        f.TrafficType,
        f.Browser,
        f.OperatingSystems,
        origin.region,
        origin.traffic_type,
        f.Weekend,
        f.Month,
        f.SpecialDay,
        _moment(update.started_at),
        None if update.status == "open" else last_event_at,
        last_event_at,
        update.revenue,
        update.amount,
        update.unverified_purchases,
        f.Administrative,
        f.Administrative_Duration,
        f.Informational,
        f.Informational_Duration,
        f.ProductRelated,
        f.ProductRelated_Duration,
        f.BounceRates,
        f.ExitRates,
        f.PageValues,
        counts.events,
        counts.page_views,
        counts.pings,
        counts.customs,
        counts.purchases,
        update.probability,
        update.label,
        update.band,
        stored_reasons(update).decode(),
        update.status,
        update.model_version,
        update.pages_version,
        _moment(update.updated_at),
        update.version,
        log,
    )


def view_row(log: str, identity: Identity, version: int, view: View) -> Row:
    """The columns of `page_views`, in their order."""
    return (
        *identity,
        view.event_id,
        view.type,
        view.path,
        view.seconds,
        view.is_bounce,
        view.is_exit,
        view.page_value,
        _moment(view.viewed_at),
        version,
        log,
    )


def _moment(ms: int) -> str:
    """Milliseconds as both databases read them."""
    seconds, rest = divmod(ms, 1000)
    return f"{_second(seconds)}.{rest:03d}"


@lru_cache(maxsize=1 << 16)
def _second(seconds: int) -> str:
    # Sessions and views come again and again with the same times; formatting one takes 2 µs.
    return (_EPOCH + timedelta(seconds=seconds)).isoformat(" ")
