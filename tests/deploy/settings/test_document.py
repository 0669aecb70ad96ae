"""The document of the settings is current, and what is in force can be written back as opecom.toml."""

import tomllib
from pathlib import Path

import pytest

from deploy.settings.document import in_force, markdown
from deploy.settings.model import Settings, load

DOCUMENT = Path(__file__).parents[3] / "docs" / "settings.md"


def test_document_is_current() -> None:
    assert DOCUMENT.read_text() == markdown(), "run: .venv/bin/opecom settings --markdown > docs/settings.md"


def test_every_setting_states_what_it_means() -> None:
    rows = [line for line in markdown().splitlines() if line.startswith("| `")]
    assert len(rows) > 60
    assert not [row for row in rows if row.endswith("| None |")]


def test_settings_in_force_can_be_read_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPECOM_KAFKA__PARTITIONS", "12")
    monkeypatch.setenv("OPECOM_SITES", '{"shop-1.de": {"path_rules": [{"prefix": "/p", "type": "ProductRelated"}]}}')
    settings = load()
    assert Settings(**tomllib.loads(in_force(settings))) == settings


def test_secrets_are_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPECOM_KAFKA__PASSWORD", "hunter2")
    monkeypatch.setenv("OPECOM_STORAGE__URL", "mysql+pymysql://u:hunter2@h/d")
    monkeypatch.setenv("OPECOM_API__READ_KEYS", '["hunter2"]')
    assert "hunter2" not in in_force(load())
