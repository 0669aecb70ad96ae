"""A killed import goes on to the same end, and the same file again changes nothing."""

import time
from pathlib import Path

import pytest

from deploy.imports.account import ImportAccount
from deploy.imports.errors import ImportFileError
from deploy.imports.workspace import ImportState, SentPosition, fingerprint, opened
from tests.support.events import NOON
from tests.support.history import SITE, LogSender, import_into, sessions, view, write_lines

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


def test_an_import_that_stood_still_for_an_hour_is_not_gone_on_with_in_silence() -> None:
    now = int(time.time() * 1000)
    state = ImportState(
        "shop", [], is_sorted=True, account=ImportAccount(events=9, first_at=NOON), sent={0: SentPosition(1, 3)}
    )
    state.accepted_at = now - 3_590_000
    assert (state.is_abandoned, state.clock) == (False, NOON)
    state.accepted_at = now - 3_610_000
    assert state.is_abandoned
    state.sent[0].events, state.is_done, state.ended_at, state.is_kept_open = 9, True, END, True
    assert (state.is_abandoned, state.clock) == (False, END + 24 * 3_600_000)


def test_a_kill_during_the_sort_begins_again(tmp_path: Path) -> None:
    file, whole, after = written(tmp_path), LogSender(), LogSender()
    import_into(whole, tmp_path / "whole", [file])
    with opened(tmp_path / "killed", SITE, fingerprint(SITE, [file], ()), [file]) as workspace:
        for name in ("run-0", "partition-0", "partition-3", "rejects.jsonl", "state.json.new"):
            (workspace.folder / name).write_bytes(b"\0\0\0\1half")
    import_into(after, tmp_path / "killed", [file])
    assert after.events() == whole.events()


def test_one_import_runs_once_at_a_time(tmp_path: Path) -> None:
    file = written(tmp_path)
    name = fingerprint(SITE, [file], ())
    with (
        opened(tmp_path, SITE, name, [file]),
        pytest.raises(ImportFileError, match="runs already"),
        opened(tmp_path, SITE, name, [file]),
    ):
        pass
