"""Settings as a container has them."""

from pathlib import Path

import pytest


@pytest.fixture
def no_settings_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing in force but defaults and variables; the file of the tests names a port of the console."""
    file = tmp_path / "opecom.toml"
    file.touch()
    monkeypatch.setenv("OPECOM_SETTINGS", str(file))
