"""`opecom score`: a file of sessions in, the same with their scores out."""

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from deploy.errors import SetupError
from deploy.settings.model import load
from deploy.terminal.console import TerminalConsole
from deploy.terminal.plain import print_line
from deploy.wiring.models import registry
from scoring.folder import RegistryError
from scoring.registry import load as load_model
from scoring.score_file import FileFormat, score_file
from scoring.table import TableError


class InputError(SetupError):
    """The input cannot be scored."""

    exit_code = 1


def score(
    source: Annotated[Path, typer.Option("--input", help="Sessions in UCI's columns or the API's: .csv or .parquet.")],
    target: Annotated[Path, typer.Option("--output", help="The file to write: .csv or .parquet.")],
    reasons: Annotated[bool, typer.Option("--reasons", help="Adds the three strongest reasons of each row.")] = False,
    model: Annotated[str, typer.Option(help="A version; none: the one that scores where nothing else is said.")] = "",
    locale: Annotated[
        str, typer.Option(help="How CSV writes numbers: en has a decimal point, de a comma; none: as all show.")
    ] = "",
    encoding: Annotated[str, typer.Option(help="Of CSV, such as cp1252; none: UTF-8 or UTF-16, as it shows.")] = "",
) -> None:
    """Scores every row of a file; where one cannot be used, nothing is written."""
    settings = load()
    console = TerminalConsole(stderr=True)
    try:
        loaded = load_model(registry(settings.scoring), model or settings.scoring.model)
        with Progress(
            TextColumn("scoring"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TimeElapsedColumn(),
            TimeRemainingColumn(), console=console, disable=not console.is_terminal,
        ) as bar:  # fmt: skip
            task = bar.add_task("", total=1.0)
            given = FileFormat(locale, encoding)
            scored = score_file(loaded, source, target, reasons, lambda share: bar.update(task, completed=share), given)
    except RegistryError as error:
        raise SetupError(str(error)) from error
    except TableError as error:
        raise InputError(f"{source}: {error}; nothing was written") from error
    except OSError as error:
        raise SetupError(f"{error.filename or target}: {error.strerror or error}; nothing was written") from error
    print_line(f"{scored.rows:,} rows scored by {loaded.manifest.version}: {target}")
    if scored.unused:
        print_line(
            f"not used, as its feature contract is {loaded.manifest.contract_version}: {', '.join(scored.unused)}"
        )
