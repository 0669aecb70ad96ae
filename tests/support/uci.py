"""Where tests find the UCI file, which is not part of the repository."""

from pathlib import Path

import pytest

from tests.support.files import found


def found_uci_file() -> Path | None:
    """The file that OPECOM_TEST_UCI names, else the one beside the repository, if it is there."""
    return found("OPECOM_TEST_UCI", "uci/online_shoppers_intention.csv")


def uci_file() -> Path:
    """The UCI file; skips the test without it."""
    file = found_uci_file()
    if file is None:
        pytest.skip("no UCI file: set OPECOM_TEST_UCI to online_shoppers_intention.csv")
    return file
