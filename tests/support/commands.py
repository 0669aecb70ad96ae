"""Whether the `opecom` command takes given words, without doing what they say."""

from collections.abc import Sequence

import click
import typer

from deploy.cli.main import app


def parse(words: Sequence[str]) -> None:
    """Raises click.UsageError for words that the command would refuse."""
    command = typer.main.get_command(app)
    context = click.Context(command, info_name="opecom")
    rest = list(words)
    while isinstance(command, click.Group):
        name, command, rest = command.resolve_command(context, rest)
        assert command is not None
        if isinstance(command, click.Group):
            context = click.Context(command, info_name=name, parent=context)
    command.make_context(words[0], rest, parent=context)
