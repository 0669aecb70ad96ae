"""A killed import goes on to the same end, and the same file again changes nothing."""

from pathlib import Path

import pytest

from tests.support.events import NOON
from tests.support.history import LogSender, import_into, sessions, view, write_lines

END = NOON + 200 * 60_000


def written(folder: Path) -> Path:
    rows = [view(f"s{n % 17}", NOON + n * 60_000, f"/p/{n}") for n in range(200)]
    return write_lines(folder / "history.jsonl", reversed(rows))


@pytest.mark.parametrize("survives", [0, 1, 9, 40])
def test_a_killed_import_goes_on_to_the_same_end(tmp_path: Path, survives: int) -> None:
    file, whole = written(tmp_path), LogSender()
    import_into(whole, tmp_path / "whole", [file])
    dying = LogSender(survives=survives)
    with pytest.raises(KeyboardInterrupt):
        import_into(dying, tmp_path / "killed", [file])
    after = LogSender(dying.log)
    state = import_into(after, tmp_path / "killed", [file]).state
    assert state.events_sent == 200
    assert sessions(after.log, END) == sessions(whole.log, END)


def test_what_was_accepted_before_the_state_was_written_counts_once(tmp_path: Path) -> None:
    file, whole = written(tmp_path), LogSender()
    import_into(whole, tmp_path / "1", [file])
    again = LogSender([list(records) for records in whole.log])
    import_into(again, tmp_path / "2", [file])
    assert len(again.events()) == 2 * len(whole.events())
    assert sessions(again.log, END) == sessions(whole.log, END)
