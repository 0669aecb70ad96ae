"""A session as a sum, as one writes it first: what naive Faust and the peers keep of it, and make of it.

It cannot put late, reordered or repeated events right, and it closes no session, so it has less to do than the worker.
Knows no broker and no settings.
"""

from collections.abc import Mapping
from typing import Any

from scoring.features import MONTH_CODES, NAMES, VISITOR_CODES
from scoring.manifest import Manifest, classify
from stream.fold.calendar import Calendar
from stream.fold.pages import TYPE_INDEXES, PageStatistics

CAP = 30 * 60 * 1000


def new_session() -> dict[str, Any]:
    return {
        "started_at": 0, "counts": [0, 0, 0, 0], "millis": [0, 0, 0, 0], "rates": [0.0, 0.0, 0.0],
        "viewed_at": 0, "row": -1, "amount": 0.0,
    }  # fmt: skip


def fold(session: dict[str, Any], event: Mapping[str, Any], statistics: PageStatistics, version: int) -> None:
    """Add one event, a document of the log, to the session's sums, taking it for the latest."""
    occurred_at, page, purchase = event["occurred_at"], event.get("page"), event.get("purchase")
    if not session["started_at"]:
        session["started_at"] = occurred_at
    if session["row"] >= 0:
        session["millis"][session["row"]] += min(occurred_at - session["viewed_at"], CAP)
        session["viewed_at"] = occurred_at
    if page is not None:
        seen = statistics.page(event["site"], page["path"], page.get("type"), version)
        session["row"] = TYPE_INDEXES[page.get("type")]
        session["viewed_at"] = occurred_at
        session["counts"][session["row"]] += 1
        rates = session["rates"]
        session["rates"] = [rates[0] + seen.bounce_rate, rates[1] + seen.exit_rate, rates[2] + seen.page_value]
    if purchase is not None:
        session["amount"] += purchase["amount"]


def row_of(session: Mapping[str, Any], context: Mapping[str, Any], calendar: Calendar) -> list[float]:
    """The seventeen features."""
    day = calendar.day(session["started_at"])
    views = sum(session["counts"]) or 1
    codes = [context.get(name, {}).get("code", 0) for name in ("operating_system", "browser", "region", "traffic_type")]
    visitor = context.get("visitor_type", "New_Visitor")
    spent = [
        value
        for count, millis in zip(session["counts"][:3], session["millis"][:3], strict=True)
        for value in (count, millis / 1000)
    ]
    rates = [rate / views for rate in session["rates"]]
    return [*spent, *rates, day.special_day, MONTH_CODES[day.month], *codes, VISITOR_CODES[visitor], day.weekend]


def scored_session(
    session: Mapping[str, Any], event: Mapping[str, Any], row: list[float], probability: float, moved: Any,
    manifest: Manifest,
) -> dict[str, Any]:  # fmt: skip
    """The document that is sent: the score with its three strongest reasons."""
    label, band = classify(probability, manifest)[:2]
    strongest = sorted(range(len(NAMES)), key=lambda column: -abs(moved[column]))[:3]
    return {
        "site": event["site"],
        "session_id": event["session_id"],
        "visitor_id": event["visitor_id"],
        "event": {"id": event["event_id"], "type": event["type"]},
        "occurred_at": event["occurred_at"],
        "started_at": session["started_at"],
        "features": dict(zip(NAMES, row, strict=True)),
        "revenue": session["amount"] > 0,
        "amount": session["amount"],
        "probability": probability,
        "label": label,
        "band": band,
        "reasons": [
            {"feature": NAMES[column], "value": row[column], "contribution": float(moved[column])}
            for column in strongest
        ],
        "model_version": manifest.version,
    }
