"""Cells of CSV files: spelled as UCI's file has them, and harmless in a spreadsheet. Pure."""

from typing import Any

#: What a spreadsheet would run, in full width too, as some Asian editions do.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def cell(value: Any) -> Any:
    """The value as a cell; a text that a spreadsheet would run as a formula gets a quote before it."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
