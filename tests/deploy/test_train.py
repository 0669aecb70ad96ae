"""`opecom train` where the extra is not installed: one line that says what to do."""

from importlib.util import find_spec
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.cli.main import app
from deploy.errors import SetupError


@pytest.mark.skipif(find_spec("torch") is not None, reason="the extra `train` is installed")
def test_without_the_extra_one_line_states_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"training needs \w+: `make train DATA=...`"):
        CliRunner().invoke(app, ["train", "--data", str(tmp_path / "x.csv")], catch_exceptions=False)
    assert not list(tmp_path.iterdir())
