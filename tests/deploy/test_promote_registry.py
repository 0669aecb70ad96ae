"""A promotion where it could not be remembered is refused before the log has anything."""

from pathlib import Path
from typing import Any

import pytest

from deploy import promote
from deploy.errors import SetupError
from deploy.log import controls, topics
from deploy.settings.model import ScoringSettings, Settings
from scoring import registry
from tests.support.models import registry_of


async def test_a_registry_that_cannot_be_written_is_refused_before_the_log_has_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = registry_of(tmp_path / "models", "m1", "m2")
    settings = Settings(data_dir=tmp_path, scoring=ScoringSettings(registry=str(folder)))
    written = []

    async def log_id(_: Any) -> str:
        return "log"

    async def write_control(*given: Any) -> dict[int, int]:
        written.append(given)
        return {}

    monkeypatch.setattr(topics, "log_id", log_id)
    monkeypatch.setattr(controls, "write_control", write_control)
    # Whoever runs as root may write anywhere.
    monkeypatch.setattr("scoring.folder.os.access", lambda *_: False)
    with pytest.raises(SetupError, match=r"\(scoring\.registry\) cannot be written here"):
        await promote.promote(settings, "m2")
    assert (written, registry.current(folder)) == ([], "m1")
