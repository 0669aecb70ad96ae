"""The file from UCI: only the very one is written."""

import io
import zipfile
from pathlib import Path

import pytest

from scoring.training import download as module
from scoring.training.download import NAME, download
from scoring.training.load import DataError


def served(folder: Path, content: bytes) -> str:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(NAME, content)
    (folder / "served.zip").write_bytes(packed.getvalue())
    return (folder / "served.zip").as_uri()


def test_the_very_file_is_written_with_lf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SHA256", "87428fc522803d31065e7bce3cf03fe475096631e5e07bbd7a0fde60c4cf25c7")
    got = download(tmp_path / "new" / NAME, served(tmp_path, b"a\r\n"))
    assert got.read_bytes() == b"a\n"


def test_another_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="sha256"):
        download(tmp_path / NAME, served(tmp_path, b"a\n"))
    assert not (tmp_path / NAME).exists()


def test_what_cannot_be_got_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--data") as caught:
        download(tmp_path / NAME, (tmp_path / "nothing.zip").as_uri())
    assert "\n" not in str(caught.value)


def test_a_file_that_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("mine")
    assert download(tmp_path / NAME, "file:///nowhere").read_text() == "mine"
