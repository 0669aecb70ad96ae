"""No cell of an export is a formula, in any of the forms that spreadsheets take."""

import pytest

from scoring import table
from storage.http import csv_cells

BEGINNINGS = ["=", "+", "-", "@", "\t=", "\r=", "\n=", "\uff1d", "\uff0b", "\uff0d", "\uff20"]


@pytest.mark.parametrize("beginning", BEGINNINGS, ids=repr)
@pytest.mark.parametrize("module", [csv_cells, table], ids=["exports", "scored files"])
def test_what_a_spreadsheet_would_run_has_a_quote_before_it(beginning: str, module: object) -> None:
    attack = f"{beginning}HYPERLINK('http://evil.example')"
    assert module.cell(attack) == f"'{attack}"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("shop", "shop"),
        ("a=b", "a=b"),
        ("", ""),
        (-5, -5),
        (-0.5, -0.5),
        (None, None),
        (True, "TRUE"),
        (False, "FALSE"),
    ],
    ids=repr,
)
def test_other_values_stay_as_they_are(value: object, cell: object) -> None:
    assert csv_cells.cell(value) == cell
    assert table.cell(value) == cell
