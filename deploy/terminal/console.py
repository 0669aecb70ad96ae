"""Rich's console as commands use it: what comes from strangers neither steers the terminal nor counts as markup."""

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType  # noqa: TID251 - the one place
from rich.markup import escape as escape_markup  # noqa: TID251 - the one place
from rich.segment import Segment
from rich.text import Text

from deploy.terminal.plain import one_line, printable


def escape(text: str) -> str:
    """Text of a stranger for a table or a line with markup: `[red]` and line feeds stay visible as they are written."""
    return escape_markup(one_line(text))


class TerminalConsole(Console):
    """A console that escapes steering characters in everything that it renders.

    Strings are escaped before they are measured, so tables stay straight; whatever else is rendered, on its way out.
    """

    def __init__(self, **options: Any) -> None:
        # A session called `:bomb:` is to be found under its name.
        super().__init__(emoji=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(printable(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for each in super().render(renderable, options):
            # Segments with control codes are Rich's own: it moves the cursor by them.
            yield each if each.control else Segment(printable(each.text), each.style)
