"""Where tests find the UCI file, which is not part of the repository."""

import os
from pathlib import Path

import pytest

_BESIDE = Path(__file__).parents[3] / "shared" / "data" / "uci" / "online_shoppers_intention.csv"


def uci_file() -> Path:
    """The file that OPECOM_TEST_UCI names, else ../shared/data beside the repository; skips the test without it."""
    named = os.environ.get("OPECOM_TEST_UCI")
    file = Path(named) if named else _BESIDE
    if not file.is_file():
        pytest.skip("no UCI file: set OPECOM_TEST_UCI to online_shoppers_intention.csv")
    return file
