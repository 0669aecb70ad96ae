"""The run as one HTML page with a timeline; it stands alone, without scripts, fonts or links. Pure."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

from deploy.bench.result import number
from deploy.chaos.report import PlantedResult, figures, rows
from deploy.chaos.run import ChaosRun, InjectedFault

_WIDTH, _ROW, _LEFT = 1_100, 22, 280
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1120px; margin: 2rem auto; padding: 0 1rem; color: #1b2430 }
table { border-collapse: collapse; margin: 1rem 0; width: 100% } caption { text-align: left; font-weight: 600 }
th, td { border-bottom: 1px solid #d5dbe3; padding: .3rem .6rem; text-align: left } td.n, th.n { text-align: right }
.good { color: #0a6b3d } .bad { color: #a5122a } svg { width: 100%; height: auto } text { font: 12px system-ui }
@media (prefers-color-scheme: dark) { body { background: #12161c; color: #dfe5ec } th, td { border-color: #333c48 }
 .good { color: #5fd39a } .bad { color: #ff8a9a } text { fill: #dfe5ec } }
"""


def page(
    run: ChaosRun,
    planted: Sequence[PlantedResult],
    versions: Mapping[str, str],
    machine: Mapping[str, Any],
    seed: int,
) -> str:
    """The whole document."""
    found = figures(run, planted)
    good = run.clean
    verdict = "nothing lost, nothing doubled" if good else "not as promised"
    began = datetime.fromtimestamp(run.began, UTC).strftime("%Y-%m-%d %H:%M UTC")
    parts = [
        f"<h1>Faults: <span class='{'good' if good else 'bad'}'>{verdict}</span></h1>",
        f"<p>{began}, {run.seconds:.0f} s, seed {seed}. {run.accepted:,} events accepted, {run.records:,} records of "
        f"the log, {run.resent:,} batches sent again.</p>",
        _table("Figures", ("figure", "value"), [(name, number(value)) for name, value in found.items()]),
        _timeline(run),
        _table(
            "By kind; recovery in seconds, of faults that were left alone",
            ("kind", "injected", "lost", "p50", "p99", "max"),
            [
                (row.kind, str(row.injected), str(row.lost), *map(_seconds, (row.p50, row.p99, row.worst)))
                for row in rows(run.faults, run.lost_by_kind)
            ],
        ),
        _table(
            "Planted bugs",
            ("bug", "caught", "by"),
            [(each.name, "yes" if each.caught else "NO", each.by) for each in planted],
        ),
        _table("What is not as promised", ("finding",), [(line,) for line in run.problems()]),
        _table("On", ("what", "which"), [*_pairs(versions), *_pairs(machine)]),
    ]
    body = "\n".join(part for part in parts if part)
    head = f"<meta charset='utf-8'><title>opecom chaos</title><style>{_STYLE}</style>"
    return f"<!doctype html><html lang='en'><head>{head}</head><body>{body}</body></html>\n"


def _timeline(run: ChaosRun) -> str:
    """A row for each kind: a bar for each fault, and a paler one for its recovery."""
    kinds = sorted({fault.kind for fault in run.faults})
    if not kinds:
        return ""
    first = min(fault.began for fault in run.faults)
    span = max(max(fault.began + fault.seconds + (fault.recovery or 0) for fault in run.faults) - first, 1.0)
    scale = (_WIDTH - _LEFT - 20) / span
    drawn = []
    for row, kind in enumerate(kinds):
        y = 20 + row * _ROW
        drawn.append(f"<text x='0' y='{y + 12}'>{escape(kind)}</text>")
        drawn += [
            _bars(fault, _LEFT + (fault.began - first) * scale, y, scale) for fault in run.faults if fault.kind == kind
        ]
    ticks = [
        f"<text x='{_LEFT + part * span * scale / 4:.0f}' y='12'>{part * span / 4:.0f} s</text>" for part in range(5)
    ]
    height = 30 + len(kinds) * _ROW
    label = "Faults over time; the paler bar is the recovery"
    return (
        f"<h2>{label}</h2><svg viewBox='0 0 {_WIDTH} {height}' role='img' aria-label='{label}'>"
        f"{''.join(ticks + drawn)}</svg>"
    )


def _bars(fault: InjectedFault, x: float, y: int, scale: float) -> str:
    held = max(fault.seconds * scale, 2.0)
    title = f"{fault.kind} {fault.note}: {fault.seconds:.1f} s"
    recovery = ""
    if fault.recovery is not None:
        title += f", whole again after {fault.recovery:.1f} s"
        paler = f"x='{x + held:.1f}' y='{y}' width='{fault.recovery * scale:.1f}' height='14'"
        recovery = f"<rect {paler} fill='#e0a33e' fill-opacity='.45'/>"
    colour = "#c2410c" if fault.recovered else "#a5122a"
    bar = f"<rect x='{x:.1f}' y='{y}' width='{held:.1f}' height='14' fill='{colour}'/>"
    return f"<g><title>{escape(title)}</title>{recovery}{bar}</g>"


def _table(caption: str, heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    if not lines:
        return ""
    head = "".join(f"<th{_numeric(place)}>{escape(name)}</th>" for place, name in enumerate(heads))
    body = "".join(
        "<tr>" + "".join(f"<td{_numeric(place)}>{escape(cell)}</td>" for place, cell in enumerate(line)) + "</tr>"
        for line in lines
    )
    return f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _numeric(place: int) -> str:
    return " class='n'" if place else ""


def _pairs(given: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name, str(value)) for name, value in given.items()]


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
