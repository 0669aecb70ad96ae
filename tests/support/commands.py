"""Whether the `opecom` command takes given words, without doing what they say."""

from collections.abc import Sequence

import typer
from typer.core import TyperGroup

from deploy.cli.main import app


def parse(words: Sequence[str]) -> None:
    """Raises the command's own usage error for words that it would refuse."""
    command = typer.main.get_command(app)
    context, rest = command.context_class(command, info_name="opecom"), list(words)
    while isinstance(command, TyperGroup):
        name, command, rest = command.resolve_command(context, rest)
        assert command is not None
        context = command.context_class(command, info_name=name, parent=context)
    command.make_context(words[0], rest, parent=context.parent)
