"""What the doctor says of the spools in the data folder."""

from pathlib import Path
from typing import Any

import pytest

from deploy.doctor.spool import spool
from deploy.settings.model import Settings


def found(folder: Path, profile: str = "services", **of_ingest: Any) -> list[tuple[str, str]]:
    given = Settings.model_validate({"profile": profile, "data_dir": folder, "ingest": of_ingest})
    return [(finding.state, finding.line) for finding in spool(given)]


def put(folder: Path, name: str, size: int) -> None:
    path = folder / "spool" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))


def test_without_a_spool_there_is_nothing_to_report(tmp_path: Path) -> None:
    assert found(tmp_path) == []


@pytest.mark.parametrize("given", [{"profile": "embedded"}, {"spool": True}], ids=["embedded", "spool"])
def test_a_spool_with_room_is_ok(tmp_path: Path, given: dict[str, Any]) -> None:
    put(tmp_path, "0/00000000000000000000.spool", 2_000_000)
    ((state, line),) = found(tmp_path, **given)
    assert (state, line[:11]) == ("ok", "2.0 MB wait")


def test_events_that_wait_where_the_spool_is_off_are_a_warning(tmp_path: Path) -> None:
    put(tmp_path, "0/00000000000000000000.spool", 2_000_000)
    ((state, line),) = found(tmp_path)
    assert state == "warning"
    assert "ingest.spool is off: set it to true" in line


def test_a_spool_that_is_nearly_full_is_a_warning(tmp_path: Path) -> None:
    put(tmp_path, "0/00000000000000000000.spool", 60_000_000)
    put(tmp_path, "1/00000000000000000000.spool", 10)
    ((state, line),) = found(tmp_path, spool=True, spool_bytes=2**26)
    assert state == "warning"
    assert "(ingest.spool_bytes)" in line


def test_a_damaged_file_is_a_warning_that_names_it(tmp_path: Path) -> None:
    put(tmp_path, "0/00000000000000000000.damaged", 10)
    ((state, line),) = found(tmp_path, spool=True)
    assert state == "warning"
    assert "00000000000000000000.damaged is damaged" in line
