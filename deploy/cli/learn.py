"""`opecom learn`: a model of the site's own sessions, registered as a candidate."""

import asyncio
import json
import time
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.table import Table

from deploy.cli.replay import moment
from deploy.errors import SetupError
from deploy.settings.model import load
from deploy.terminal.console import TerminalConsole, escape
from deploy.terminal.plain import print_line


def learn(
    site: Annotated[str, typer.Option(help="The site whose sessions teach.")],
    days: Annotated[int, typer.Option(min=1, max=3_650, help="Sessions opened in so many days.")] = 60,
    until: Annotated[str | None, typer.Option(help="Sessions opened before, ISO 8601 (UTC); none: now.")] = None,
    family: Annotated[
        Literal["auto", "recalibrated", "logistic", "network", "lightgbm"],
        typer.Option(help="auto: the least validation log-loss under the cost limit."),
    ] = "auto",
    cost_limit: Annotated[
        float, typer.Option(min=0.1, help="Microseconds of a row with its reasons, in batches of 64.")
    ] = 10.0,
    bots: Annotated[bool, typer.Option("--bots", help="Also sessions of programs.")] = False,
    imports: Annotated[bool, typer.Option("--imports", help="Also the runs of the site's imported history.")] = False,
    out: Annotated[
        str, typer.Option(help="Registry, a folder or URL; none: scoring.registry, else models in data_dir.")
    ] = "",
    report: Annotated[
        Path | None, typer.Option(help="The report, an HTML file; none: in the folder learning of data_dir.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The last line is the result as one JSON object.")] = False,
) -> None:
    """Learns a model from a site's own sessions and registers it as a candidate, with a report; promotes nothing."""
    settings, before = load(), moment("--until", until, 0)
    try:
        from deploy.wiring.learning import LearningRequest, learn_site
    except ModuleNotFoundError as error:
        raise SetupError(
            f"learning needs {error.name}: `make setup EXTRA=learn` sets it up, or pip install 'op-ecom[learn]'"
        ) from None
    begun, console = time.monotonic(), TerminalConsole(stderr=as_json)

    def report_line(line: str) -> None:
        text = f"{time.monotonic() - begun:6.0f} s  {line}"
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    request = LearningRequest(site, days, before, family, cost_limit, bots, imports, out, report)
    done = asyncio.run(learn_site(settings, request, report_line))
    _show(console, done)
    manifest = done.candidate.manifest
    if as_json:
        parts = done.learned.parts
        rows = sum(map(len, (parts.train, parts.validation, parts.test)))
        found = {"version": manifest.version, "rows": rows, "metrics": manifest.metrics, "report": str(done.report)}
        print_line(json.dumps(found))
    else:
        print_line(f"report: {done.report}")
        print_line(f"{manifest.version} is a candidate: `opecom models promote {manifest.version}` puts it in force")


def _show(console: TerminalConsole, done: Any) -> None:
    """The figures of the newest days, of each model at each event."""
    if done.learned.limit_note:
        console.print(done.learned.limit_note, markup=False, highlight=False, soft_wrap=True)
    table = Table(title=f"newest days; stored scores by {escape(', '.join(done.versions[:3]))}")
    for name in ("event", "sessions", "buyers", "model", "AUC", "95 %", "PR-AUC", "log-loss", "Brier", "ECE"):
        table.add_column(name, justify="left" if name == "model" else "right", no_wrap=True)
    for at in done.candidate.by_event:
        place = (str(at.number) if at.number else "all", f"{at.sessions:,}", f"{at.buyers:,}")
        for model, found in at.figures.items():
            auc = found["auc"]
            rest = (f"{found[name].value:.4f}" for name in ("pr_auc", "log_loss", "brier", "ece"))
            table.add_row(*place, model, f"{auc.value:.4f}", f"{auc.low:.3f}–{auc.high:.3f}", *rest)
            place = ("", "", "")
        table.add_section()
    console.print(table)
