"""The settings load from defaults, file and environment, in that order of weakness."""

import pytest

from deploy.settings import load


def test_environment_beats_file_and_file_beats_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("settings") / "opecom.toml"
    file.write_text('[ingest]\nport = 9001\nhost = "127.0.0.2"\n')
    monkeypatch.setenv("OPECOM_SETTINGS", str(file))
    monkeypatch.setenv("OPECOM_INGEST__PORT", "9002")
    settings = load()
    assert (settings.ingest.port, settings.ingest.host, settings.api.port) == (9002, "127.0.0.2", 8000)
