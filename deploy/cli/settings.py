"""`opecom settings`: what is in force, and the document of every setting."""

from typing import Annotated

import typer

from deploy.settings.document import in_force, markdown
from deploy.settings.model import load
from deploy.terminal.plain import print_line


def settings(
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Every setting with its default, as a document.")
    ] = False,
) -> None:
    """Prints the settings in force, secrets hidden, in the form of opecom.toml."""
    print_line(markdown() if as_markdown else in_force(load()), end="")
