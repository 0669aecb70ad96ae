"""Intents and updates as tables for a terminal."""

from collections.abc import Iterable
from datetime import UTC, datetime

from rich.table import Table

from deploy.terminal.console import escape
from scoring.reasons import ReasonText
from storage.query.intents import Intent, Timeline

_COLOURS = {"low": "dim", "building": "yellow", "high": "bold green"}


def intent_table(intent: Intent) -> Table:
    """One session, a line for each fact."""
    table = Table(show_header=False, title=escape(f"{intent.site}/{intent.session_id}"), title_justify="left")
    counts = intent.counts
    for name, value in {
        "probability": f"{intent.probability:.4f}",
        "band": _band(intent.band),
        "label": intent.label,
        "status": intent.status,
        "why": reasons(intent.reasons),
        "events": f"{counts.events}, of which {counts.page_views} page views, {counts.purchases} purchases",
        "opened": moment(intent.opened_at),
        "updated": moment(intent.updated_at),
        "model": escape(intent.model_version),
    }.items():
        table.add_row(name, value)
    return table


def live_table(intents: Iterable[Intent]) -> Table:
    """One line for each session."""
    table = Table()
    for column in ("score", "band", "session", "site", "views", "updated", "why"):
        table.add_column(column, justify="right" if column == "views" else "left", no_wrap=column != "why")
    for each in intents:
        table.add_row(
            f"{each.probability:.4f}",
            _band(each.band),
            escape(each.session_id),
            escape(each.site),
            str(each.counts.page_views),
            moment(each.updated_at),
            reasons(each.reasons[:1]),
        )
    return table


def timeline_table(timeline: Timeline) -> Table:
    """One line for each update."""
    table = Table(title=escape(f"{timeline.site}/{timeline.session_id}"), title_justify="left")
    for column in ("occurred", "event", "path", "status", "score", "band", "why"):
        table.add_column(column, no_wrap=column in ("occurred", "status", "score", "band"))
    for each in timeline.updates:
        table.add_row(
            moment(each.occurred_at),
            escape(each.event.type or "the clock"),
            escape(each.event.path or ""),
            each.status,
            f"{each.probability:.4f}",
            _band(each.band),
            reasons(each.reasons[:1]),
        )
    return table


def line(intent: Intent) -> str:
    """An update that just came, as one line of text."""
    colour = _COLOURS[intent.band]
    return (
        f"{moment(intent.updated_at)}  [{colour}]{intent.probability:.4f} {intent.band:<8}[/]  {intent.status:<6}  "
        f"{escape(f'{intent.site}/{intent.session_id}')}  {reasons(intent.reasons[:1])}"
    )


def reasons(given: Iterable[ReasonText]) -> str:
    return escape("; ".join(reason.text for reason in given))


def moment(ms: int) -> str:
    """A time as a person reads it, in UTC."""
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M:%S}"


def _band(band: str) -> str:
    return f"[{_COLOURS[band]}]{band}[/]"
