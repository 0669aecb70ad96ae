"""How a table writes its numbers: which mark is the decimal one, recognised from all of its cells or named by a locale.

"12,50" alone is a number with a decimal comma and "1,234,567" one with commas between thousands, but "1,234" may be
both. So every cell of a table is looked at before the first one is read; what stays open is refused with its place.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Literal, NamedTuple

from scoring.errors import ScoringError

Mark = Literal[".", ","]

#: Languages whose numbers have a decimal comma, and regions that differ from their language. Source: Unicode CLDR 47.
_COMMA_LANGUAGES = frozenset(
    (
        *("af", "az", "be", "bg", "bs", "ca", "cs", "da", "de", "el", "es", "et", "eu", "fi", "fo", "fr", "gl", "hr"),
        *("hu", "hy", "id", "is", "it", "ka", "kk", "ky", "lb", "lt", "lv", "mk", "nb", "nl", "nn", "no", "pl", "pt"),
        *("ro", "ru", "sk", "sl", "sq", "sr", "sv", "tr", "uk", "uz", "vi"),
    )
)
_POINT_LANGUAGES = frozenset(
    ("en", "ar", "bn", "fa", "fil", "he", "hi", "ja", "ko", "ms", "ta", "te", "th", "ur", "zh")
)
_REGIONS: Mapping[str, Mark] = {
    **dict.fromkeys(("de-ch", "de-li", "it-ch"), "."),
    **dict.fromkeys(("es-mx", "es-us", "es-gt", "es-hn", "es-ni", "es-pa", "es-pe", "es-pr", "es-sv", "es-do"), "."),
    **dict.fromkeys(("en-za", "en-at", "en-de", "en-nl", "en-se"), ","),
}

#: Marks between thousands that are never decimal ones: spaces of three widths, apostrophes of two kinds.
_OTHER_GROUPS = " \u00a0\u202f\u2009'\u2019"
#: Currencies that are written with letters, beside the signs and the codes of ISO 4217.
_CURRENCIES = frozenset(
    ("kr", "kr.", "zł", "Kč", "Ft", "lei", "лв", "лв.", "Fr.", "R$", "US$", "CA$", "A$", "NZ$", "HK$", "RM", "Rp", "TL")
)
_CODE = re.compile(r"[A-Z]{3}")
_AROUND = re.compile(r"(?P<before>[^\d.,+\-−]*)(?P<number>[+\-−]?[\d.,].*?)(?P<after>[^\d]*)", re.DOTALL)
_SIMPLE = re.compile(r"[+-]?\d+")
_EXPONENT = re.compile(r"(?P<mantissa>.*\d)(?P<exponent>[eE][+-]?\d{1,3})")


class FormatError(ScoringError, ValueError):
    """A text that is no number in this format, or a format that cannot be recognised; one line."""


class Numeral(NamedTuple):
    """The digits and marks of a cell; `is_percent` where a percent sign followed them."""

    digits: str
    is_percent: bool


class NumberFormat(NamedTuple):
    """The decimal mark; thousands may be parted by the other one, by spaces or by apostrophes."""

    decimal: Mark

    def read(self, text: str) -> tuple[float, bool]:
        """The number, and whether it is in percent; raises FormatError."""
        found = numeral(text)
        plain = None if found is None else self.plain(found.digits)
        if found is None or plain is None:
            raise FormatError(f"{text.strip()[:40]!r} is no number" + ("" if found is None else f" with {self.name}"))
        return float(plain), found.is_percent

    def plain(self, digits: str) -> str | None:
        """The digits as programs write them; None where they are no number in this format."""
        if _SIMPLE.fullmatch(digits):
            return digits
        exponent = _EXPONENT.fullmatch(digits)
        mantissa, power = (exponent["mantissa"], exponent["exponent"]) if exponent else (digits, "")
        whole, mark, fraction = mantissa.partition(self.decimal)
        sign, whole = (whole[0], whole[1:]) if whole[:1] in ("+", "-") else ("", whole)
        if (mark and not fraction.isdecimal()) or not (whole or fraction):
            return None
        parts = _grouped(whole, "," if self.decimal == "." else ".")
        return None if parts is None else f"{sign}{parts or '0'}{'.' + fraction if fraction else ''}{power}"

    @property
    def name(self) -> str:
        return "a decimal point" if self.decimal == "." else "a decimal comma"


class Seen(NamedTuple):
    """A cell that shows a decimal mark, or that may be read both ways, and where it is."""

    row: int
    column: str
    text: str


class Evidence:
    """What the cells of a table say of its numbers; the first cell of each kind is kept."""

    def __init__(self) -> None:
        self._decimal: dict[Mark, Seen] = {}
        self._open: Seen | None = None

    def add(self, text: str, row: int, column: str, is_whole: bool = False, most: float | None = None) -> None:
        """Look at a cell. In a column of whole numbers a mark parts thousands; `most` is its greatest number."""
        if "." not in text and "," not in text:
            return
        found = numeral(text)
        if found is None:
            return
        mark = _decimal_mark(found, is_whole, most)
        if mark is not None:
            self._decimal.setdefault(mark, Seen(row, column, text))
        elif self._open is None:
            self._open = Seen(row, column, text)

    def format(self, option: str) -> NumberFormat:
        """The format of all the cells; raises FormatError with row and column. `option` is what a user decides with."""
        if len(self._decimal) == 2:
            one, other = self._decimal["."], self._decimal[","]
            later, earlier = (one, other) if one.row > other.row else (other, one)
            raise FormatError(
                f"row {later.row}, column {later.column}: {later.text.strip()[:40]!r} is written otherwise than "
                f"{earlier.text.strip()[:40]!r} in row {earlier.row}, column {earlier.column}: write all numbers "
                f"alike, or say how they are with {option}"
            )
        if not self._decimal and self._open is not None:
            row, column, text = self._open
            raise FormatError(
                f"row {row}, column {column}: {text.strip()[:40]!r} may be thousands or a fraction, and no other "
                f"number decides: say {option}, en for a decimal point or de for a decimal comma"
            )
        return NumberFormat(next(iter(self._decimal), "."))


def format_of_locale(locale: str) -> NumberFormat:
    """The format of a locale such as en, de or de-CH; raises FormatError for one that is not known."""
    tag = locale.strip().replace("_", "-").lower().partition(".")[0]
    language = tag.partition("-")[0]
    if tag in _REGIONS:
        return NumberFormat(_REGIONS[tag])
    if language in _COMMA_LANGUAGES:
        return NumberFormat(",")
    if language in _POINT_LANGUAGES:
        return NumberFormat(".")
    raise FormatError(f"{locale[:40]!r} is no locale that is known: en has a decimal point, de a decimal comma")


def numeral(text: str) -> Numeral | None:
    """The number in a cell without currency, percent sign and "<"; None where there is none, or something else too."""
    text = text.strip()
    # Those that end with a point would give it to the number.
    pointed = next((name for name in _CURRENCIES if name.endswith(".") and text.startswith(name)), "")
    found = _AROUND.fullmatch(text.removeprefix(pointed))
    if found is None:
        return None
    before, after = found["before"].strip(_OTHER_GROUPS), found["after"].strip(_OTHER_GROUPS)
    number = found["number"].strip(_OTHER_GROUPS).replace("−", "-")
    is_percent = after.endswith("%") or before == "%"
    around = [part.strip(_OTHER_GROUPS + "<>%") for part in (before, after)]
    if any(part and not _is_currency(part) for part in around):
        return None
    return Numeral(number, is_percent)


def _is_currency(text: str) -> bool:
    return text in _CURRENCIES or bool(_CODE.fullmatch(text)) or all(unicodedata.category(c) == "Sc" for c in text)


def _grouped(whole: str, other: Mark) -> str | None:
    """The digits without the marks between thousands; None where these part anything else."""
    if whole.isdecimal() or not whole:
        return whole
    for mark in (other, *_OTHER_GROUPS):
        first, *rest = whole.split(mark)
        digits = "".join((first, *rest))
        if rest and digits.isdecimal() and 1 <= len(first) <= 3 and first[0] != "0" and {*map(len, rest)} == {3}:
            return digits
    return None


def _decimal_mark(found: Numeral, is_whole: bool, most: float | None) -> Mark | None:
    """The decimal mark that this number shows; None where it may be read both ways."""
    readings: list[Mark] = []
    for mark in (".", ","):
        plain = NumberFormat(mark).plain(found.digits)
        if plain is None:
            continue
        value = float(plain) / (100 if found.is_percent else 1)
        fraction = plain.partition(".")[2]
        # Programs write 35 as 35.0, too, but nobody writes it as 35.000.
        if (most is not None and value > most) or (is_whole and (len(fraction) == 3 or not value.is_integer())):
            continue
        readings.append(mark)
    return readings[0] if len(readings) == 1 else None
