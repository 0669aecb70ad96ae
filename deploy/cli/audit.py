"""`opecom audit`: who changed what, from the file that nothing shortens."""

import time
from datetime import UTC, datetime
from typing import Annotated

import msgspec
import typer

from deploy.errors import SetupError
from deploy.processes.audit_file import AuditEntry, audit_file, entries
from deploy.settings.model import load
from deploy.terminal.plain import one_line, print_line


def audit(
    since: Annotated[str | None, typer.Option(help="Changes since, ISO 8601 (UTC); none: all.")] = None,
    until: Annotated[str | None, typer.Option(help="Changes before, ISO 8601 (UTC); none: now.")] = None,
    site: Annotated[str, typer.Option(help="One site alone; none: all.")] = "",
    json: Annotated[bool, typer.Option("--json", help="Each change as one line of JSON; times in ms UTC.")] = False,
) -> None:
    """Exports who changed what: by commands of this data folder, and over HTTP."""
    # Here, as that command loads the libraries of scores.
    from deploy.cli.replay import moment

    file = audit_file(load())
    first, end = moment("--since", since, 0), moment("--until", until, int(time.time() * 1000) + 1)
    try:
        for entry in entries(file):
            if first <= entry.at < end and site in ("", entry.site):
                print_line(msgspec.json.encode(entry).decode() if json else _described(entry))
    except OSError as error:
        raise SetupError(f"{file} cannot be read ({error.strerror}): see data_dir") from None


def _described(entry: AuditEntry) -> str:
    at = datetime.fromtimestamp(entry.at / 1000, UTC)
    parts = (f"{at:%Y-%m-%dT%H:%M:%SZ}", entry.who, entry.action, entry.site, entry.subject or "-", entry.result)
    return one_line("  ".join(parts))
