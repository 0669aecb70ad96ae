"""The drift of a site as one HTML page that needs nothing else: no script, no request."""

from collections.abc import Iterator
from html import escape

from scoring.drift.alarms import PSI_LIMITS, DriftAlarm, DriftFigure, name_of
from scoring.drift.measures import AUC, EVENTS, SESSIONS, SLOPE
from scoring.report.page import moment, page
from scoring.report.svg_bars import BEFORE, NOW, histograms, series
from storage.drift.report import SiteDrift


def html(found: SiteDrift) -> str:
    """The file's text."""
    return page(f"Drift of {found.site}", _parts(found))


def reference_text(found: SiteDrift) -> str:
    """What features and everything else are compared with."""
    report = found.report
    if found.reference == "training":
        return (
            f"features beside the {report.reference_days} newest windows that model {found.model} learned from, "
            "everything else beside the windows before"
        )
    return "everything beside the windows before"


def shown(figure: DriftFigure, value: float) -> str:
    """A value as people read it."""
    if figure.name in (SESSIONS, EVENTS):
        return f"{value:,.0f}"
    return f"{value:.2f}" if figure.name in (AUC, SLOPE) else f"{value:.2%}"


def _parts(found: SiteDrift) -> Iterator[str]:
    report = found.report
    yield f"<h1>Drift of {escape(found.site)}</h1>"
    yield (
        f"<p>Sessions opened from {moment(found.since)} to {moment(found.until)}: {report.sessions:,} sessions beside "
        f"{report.quiet_sessions:,} of {report.quiet_days} windows; {escape(reference_text(found))}.</p>"
    )
    moved = report.moved
    yield f"<p><strong>{len(moved)} of {report.columns} columns and figures are not as they were</strong>" + (
        f": {escape(', '.join(moved))}.</p>" if moved else ".</p>"
    )
    yield "".join(f"<p>Not compared: {escape(reason)}.</p>" for reason in report.left_out)
    if report.alarms:
        yield "<h2>What moved</h2>"
        yield f'<p><span style="color:{BEFORE}">■</span> before <span style="color:{NOW}">■</span> in the window</p>'
        for alarm in report.alarms:
            yield from _alarm(alarm, report.limit)
    yield "<h2>Figures of the window</h2>"
    yield (
        "<p>The line is the windows before, the oldest first; the dot is this window. Within the band it is no alarm: "
        "limits come from the site's own quiet windows.</p>"
    )
    heads = "".join(
        f"<th>{each}</th>" for each in ("", "now", "usual", "no alarm from", "to", "windows", "usual cause")
    )
    yield f"<table><tr>{heads}</tr>{''.join(map(_row, report.figures))}</table>"
    over = ", ".join(f"{count} over {limit:g}" for count, limit in zip(report.psi_over, PSI_LIMITS, strict=True))
    yield "<h2>The usual limits of PSI</h2>"
    yield (
        f"<p>By the population stability index: {over}. These limits know neither the number of sessions nor chance; "
        "they stand here to compare.</p>"
    )


def _alarm(alarm: DriftAlarm, limit: float) -> Iterator[str]:
    name = name_of(alarm)
    yield f"<h3>{escape(name)}</h3>"
    yield (
        f"<p>{alarm.strength:.1f} times as far as usual (limit {limit:.1f}), PSI {alarm.psi:.2f}. Usual cause: "
        f"{escape(alarm.cause)}.</p>"
    )
    yield histograms(f"{name}, before and in the window", alarm.bins, alarm.before, alarm.now)


def _row(figure: DriftFigure) -> str:
    values = (shown(figure, each) for each in (figure.now, figure.usual, figure.low, figure.high))
    cells = "".join(f"<td>{each}</td>" for each in values)
    name = f"<strong>{escape(name_of(figure))}</strong>" if figure.is_alarm else escape(name_of(figure))
    line = series(f"{name_of(figure)}, window by window", figure.quiet, figure.now, figure.low, figure.high)
    cause = f"{escape(figure.cause)} ({figure.strength:.1f} times as far as usual)" if figure.is_alarm else ""
    return f"<tr><td>{name}</td>{cells}<td>{line}</td><td>{cause}</td></tr>"
