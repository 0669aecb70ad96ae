"""Files of e-shop clicks: where tests find the real one, which is not part of the repository, and made-up ones."""

import gzip
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.support.files import found

HEADER = (
    "year;month;day;order;country;session ID;page 1 (main category);page 2 (clothing model);colour;location;"
    "model photography;price;price 2;page"
)


def clicks_file() -> Path:
    """The real file, that OPECOM_TEST_CLICKS names or that lies beside the repository; skips the test without it."""
    file = found_clicks_file()
    if file is None:
        pytest.skip("no click file: set OPECOM_TEST_CLICKS to e-shop_clothing_2008.csv.gz")
    return file


def found_clicks_file() -> Path | None:
    return found("OPECOM_TEST_CLICKS", "eshop2008/e-shop_clothing_2008.csv.gz")


def click(session: int, order: int, day: str = "2008;4;1", model: str = "A13", country: int = 29) -> str:
    """One line of a made-up file."""
    return f"{day};{order};{country};{session};{order % 4 + 1};{model};1;5;1;28;2;{order % 5 + 1}"


def made_up(sessions: int, days: Iterable[str] = ("2008;4;30", "2008;5;1")) -> list[str]:
    """Lines of sessions of 1 to 7 clicks, from two countries, half of them on each day."""
    ordered = [day for day in days for _ in range(sessions // 2)]
    return [
        click(number, order, day, f"{'ABCP'[order % 4]}{number}", 29 if number % 3 else 9)
        for number, day in enumerate(ordered, 1)
        for order in range(1, number % 7 + 2)
    ]


def packed(file: Path, lines: Iterable[str], header: str = HEADER) -> Path:
    """Write such a file, packed as the real one."""
    file.write_bytes(gzip.compress("\n".join((header, *lines, "")).encode()))
    return file
