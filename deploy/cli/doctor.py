"""`opecom doctor`: what is well, what is not, and what to do about it."""

import asyncio
import logging
from typing import Annotated

import msgspec
import typer
from rich.text import Text

from deploy.cli import failures
from deploy.doctor.finding import Finding, worst
from deploy.settings.model import Settings, load
from deploy.terminal.console import TerminalConsole
from deploy.terminal.plain import print_line
from stream.kafka.client_log import silence_libraries

_COLOURS = {"ok": "green", "warning": "yellow", "fault": "bold red"}


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object: state, and the findings.")] = False,
) -> None:
    """Checks services, topics, schema, versions, clocks, disk and parts; ends with code 1 where one is at fault."""
    findings = _findings()
    state = worst(findings)
    if as_json:
        print_line(msgspec.json.encode({"state": state, "findings": findings}).decode())
    else:
        show(findings)
    raise typer.Exit(state == "fault")


def show(findings: list[Finding]) -> None:
    """A line for each finding, however narrow the terminal is: lines are there to be copied."""
    console = TerminalConsole(soft_wrap=True, highlight=False)
    width = max(len(finding.check) for finding in findings)
    for each in findings:
        console.print(Text.assemble((f"{each.state:<8}", _COLOURS[each.state]), f"{each.check:<{width}}  {each.line}"))


def _findings() -> list[Finding]:
    # What a client has to say of a server that is away is one finding of ours.
    silence_libraries()
    logging.getLogger("clickhouse_connect").setLevel(logging.CRITICAL)
    try:
        settings: Settings = load()
    except failures.EXPLAINED as error:
        lines = failures.lines(error)
        if lines is None:
            raise
        return [Finding("settings", "fault", line) for line in lines]
    # Here, so that no other command loads clients of databases.
    from deploy.doctor.examine import examine

    profile = Finding("settings", "ok", f"profile {settings.profile}; `opecom settings` prints all that is in force")
    return [profile, *asyncio.run(examine(settings))]
