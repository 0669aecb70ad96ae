"""What `opecom up` shows: notices, and one line of counts, alive on a terminal and now and then elsewhere."""

import time
from types import TracebackType
from typing import Self

from rich.live import Live
from rich.text import Text

from deploy.terminal.console import TerminalConsole

#: Seconds between two lines of counts where they cannot be written over.
EVERY = 10.0


class TerminalScreen:
    """Used as a context manager; lines are shown as they are, without markup."""

    def __init__(self, console: TerminalConsole) -> None:
        self._console = console
        self._live = (
            Live(Text(""), console=console, auto_refresh=False, transient=True) if console.is_terminal else None
        )
        self._shown = ""
        self._next = 0.0

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def write_line(self, line: str) -> None:
        """A line that stays."""
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def status(self, line: str) -> None:
        """The line that changes."""
        if self._live:
            self._live.update(Text(line, no_wrap=True, overflow="ellipsis"), refresh=True)
        elif line != self._shown and time.monotonic() >= self._next:
            self._shown, self._next = line, time.monotonic() + EVERY
            self.write_line(line)
