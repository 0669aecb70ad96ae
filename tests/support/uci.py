"""Where tests find the UCI file, which is not part of the repository."""

import os
from pathlib import Path

import pytest

_BESIDE = Path(__file__).parents[3] / "shared" / "data" / "uci" / "online_shoppers_intention.csv"


def found_uci_file() -> Path | None:
    """The file that OPECOM_TEST_UCI names, else ../shared/data beside the repository, if it is there."""
    named = os.environ.get("OPECOM_TEST_UCI")
    file = Path(named) if named else _BESIDE
    return file if file.is_file() else None


def uci_file() -> Path:
    """The UCI file; skips the test without it."""
    file = found_uci_file()
    if file is None:
        pytest.skip("no UCI file: set OPECOM_TEST_UCI to online_shoppers_intention.csv")
    return file
