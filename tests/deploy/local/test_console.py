"""What `opecom up` shows: lines as they are, and counts that are written over on a terminal only."""

from io import StringIO

import pytest
from rich.console import Console

from deploy.local import console as screen
from deploy.local.console import TerminalScreen


def test_on_a_terminal_the_counts_are_one_line_that_goes_at_the_end() -> None:
    output = StringIO()
    with TerminalScreen(Console(file=output, force_terminal=True, width=80)) as shown:
        shown.write_line("ready [not markup]")
        shown.status("accepted 1")
        shown.status("accepted 2")
    said = output.getvalue()
    assert "ready [not markup]" in said
    assert said.index("accepted 1") < said.index("accepted 2")
    # Erase the line, which was the last thing on the screen.
    assert said.endswith("\x1b[2K")


def test_elsewhere_counts_come_now_and_then_and_only_when_they_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    output, now = StringIO(), [100.0]
    monkeypatch.setattr(screen.time, "monotonic", lambda: now[0])
    with TerminalScreen(Console(file=output, width=20)) as shown:
        for at, line in ((100, "accepted 1"), (101, "accepted 2"), (111, "accepted 3"), (130, "accepted 3")):
            now[0] = at
            shown.status(line)
        shown.write_line("a line that is longer than the screen is wide")
    assert output.getvalue() == "accepted 1\naccepted 3\na line that is longer than the screen is wide\n"
