"""A disk that is full while an import sorts: one line, nothing is left, and the next try goes on."""

import asyncio
from pathlib import Path

import pytest

from deploy.imports import spool
from deploy.imports.errors import ImportFileError
from deploy.imports.formats import OwnEvents
from deploy.imports.run import ImportOptions, import_history
from deploy.imports.show import ImportProgressBars
from deploy.imports.sort import ExternalSort
from tests.support.disk import no_room, refuse_writes
from tests.support.events import NOON
from tests.support.history import SETTINGS, SITE, LogSender, import_into, view, write_lines


def small_sort(folder: Path) -> ExternalSort:
    return ExternalSort(folder, memory=2_000)


@pytest.mark.parametrize("file", ["run-0", "partition-2", "state.json.new"])
def test_a_full_disk_is_one_line_that_names_the_folder_and_the_setting(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The runs of the sort, what is merged of them, and the state that would say that it is sorted."""
    monkeypatch.setattr(spool, "ExternalSort", small_sort)
    rows = [view(f"s{n % 17}", NOON + n * 60_000, f"/p/{n}") for n in range(200)]
    source = write_lines(tmp_path / "history.jsonl", rows)
    folder = tmp_path / "imports"
    with monkeypatch.context() as full:
        refuse_writes(full, file)
        with pytest.raises(ImportFileError) as raised:
            asyncio.run(
                import_history(SETTINGS, SITE, [source], OwnEvents(), ImportOptions(folder), ImportProgressBars())
            )
    (own,) = folder.iterdir()
    assert str(raised.value) == f"cannot write to {own}: {no_room()}; make room, or name one with --temp"
    assert [path.name for path in own.iterdir()] == ["lock"]
    log = LogSender()
    import_into(log, folder, [source])
    assert len(log.events()) == len(rows)
