"""Commands that are imported when they are called: the list of them needs their names and a line each."""

import pkgutil
from collections.abc import Mapping
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from deploy.processes.imports import collector_paused


class CommandSource(NamedTuple):
    """Where a command is, `module:name` of a function or of a Typer app, and its line in the list of commands."""

    place: str
    help: str


class ListedCommand(TyperCommand):
    """A command as far as the list needs it."""

    def __init__(self, name: str, source: CommandSource) -> None:
        super().__init__(name, help=source.help, short_help=source.help)
        self._place = source.place

    def load(self) -> Any:
        """The command itself, with its options."""
        with collector_paused():
            found = pkgutil.resolve_name(self._place)
        if isinstance(found, typer.Typer):
            loaded: Any = typer.main.get_group(found)
        else:
            app = typer.Typer(add_completion=False)
            app.command(self.name)(found)
            loaded = typer.main.get_command(app)
        loaded.name = self.name
        return loaded


class LazyGroup(TyperGroup):
    """A group whose list imports no command, and which imports the one that is called."""

    #: The commands by name, in the order of the list.
    sources: Mapping[str, CommandSource] = {}

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, source in self.sources.items():
            self.add_command(ListedCommand(name, source))

    def format_help(self, ctx: Any, formatter: Any) -> None:
        # typer imports only now what draws the list.
        with collector_paused():
            super().format_help(ctx, formatter)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        return name, command.load() if isinstance(command, ListedCommand) else command, rest
