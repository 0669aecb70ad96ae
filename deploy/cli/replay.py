"""`opecom replay`: the log replayed, with an account of what changed."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from deploy.errors import SetupError
from deploy.settings.model import load
from storage.replay.request import ReplaySelection, TargetName
from stream.replay import NEVER


def replay(
    since: Annotated[str | None, typer.Option("--from", help="Sessions opened since, ISO 8601 (UTC).")] = None,
    until: Annotated[str | None, typer.Option("--to", help="Sessions opened before.")] = None,
    site: Annotated[str, typer.Option(help="One site, with its runs; none: all.")] = "",
    model: Annotated[str, typer.Option(help="A model's version; none: those that the log put in force.")] = "",
    source: Annotated[Literal["kafka", "clickhouse"], typer.Option(help="Where the events are read.")] = "kafka",
    into: Annotated[
        str, typer.Option(help="databases; `topic:NAME`; or a file for JSON Lines, such as scores.jsonl.")
    ] = "databases",
    include_late: Annotated[bool, typer.Option("--include-late", help="Folds late events where they belong.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Compares every row, and how scores moved.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tells nobody.")] = False,
    jobs: Annotated[int, typer.Option(min=1, help="Processes that share the partitions.")] = 1,
    new: Annotated[bool, typer.Option("--new", help="Leaves an interrupted replay as it is and begins again.")] = False,
    show: Annotated[bool, typer.Option("--list", help="Shows the replays of this log, and does nothing.")] = False,
    json: Annotated[bool, typer.Option("--json", help="The account as one line of JSON at the end.")] = False,
) -> None:
    """Folds the stored log again and writes what comes of it, beside live traffic."""
    # Here, so that no other command loads clients of databases.
    from deploy.terminal import replay_progress as replays

    kind, target = _target(into, dry_run, diff)
    request = ReplaySelection(
        since=moment("--from", since, 0),
        until=moment("--to", until, NEVER),
        site=site,
        model=model,
        source=source,
        into=kind,
        target=target,
        include_late=include_late,
        diff=diff,
    )
    if request.since >= request.until:
        raise SetupError("--from is not before --to: no session can lie between them")
    settings = load()
    raise typer.Exit(replays.listed(settings, json) if show else replays.replay(settings, request, new, jobs, json))


def _target(into: str, dry_run: bool, diff: bool) -> tuple[TargetName, str]:
    """Where to, and its name."""
    if dry_run:
        return "nothing", ""
    if into == "databases":
        return "databases", ""
    if diff:
        raise SetupError("--diff compares what goes into the databases: leave --into away, or say --dry-run")
    if into.startswith("topic:"):
        name = into.removeprefix("topic:")
        if not name:
            raise SetupError("--into topic:NAME lacks the name")
        return "topic", name
    file = Path(into).absolute()
    if file.is_dir() or not file.parent.is_dir():
        raise SetupError(f"--into {into}: no file can be made there; give databases, topic:NAME, or a file in a folder")
    return "file", str(file)


def moment(option: str, text: str | None, otherwise: int) -> int:
    """Milliseconds of a time in ISO 8601; without a zone it is UTC."""
    if text is None:
        return otherwise
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise SetupError(f"{option} {text}: write it as 2026-01-31 or 2026-01-31T18:00") from None
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
