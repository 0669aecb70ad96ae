"""The text of a CSV file, and what parts its columns: recognised from its bytes and its header."""

import codecs
import csv
from collections.abc import Callable, Iterable, Sequence

from scoring.errors import ScoringError

#: What may part columns, the usual one first.
SEPARATORS = (",", ";", "\t", "|")
#: Bytes that are looked at for an encoding without a byte order mark.
_HEAD = 4_096
#: What reads the byte order mark of an encoding, too.
_MARKED = {"utf-8": "utf-8-sig", "utf-16-le": "utf-16", "utf-16-be": "utf-16"}


class EncodingError(ScoringError, ValueError):
    """Bytes that are no text in the encoding; one line."""


def encoding_of(head: bytes, given: str = "") -> str:
    """Python's name of the encoding: the given one, else by the byte order mark, or by the zeros of UTF-16, else UTF-8.

    Raises EncodingError for a name that nothing has.
    """
    if given:
        try:
            name = codecs.lookup(given).name
            "".encode(name)
        except (LookupError, ValueError):
            raise EncodingError(f"{given[:40]!r} is no encoding: say utf-8, utf-16 or cp1252") from None
        # These say nothing of a byte order mark, which would become part of the first column's name.
        return _MARKED.get(name, name) if _has_mark(head) else name
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    some = head[:_HEAD]
    if len(some) >= 4 and 0 in some:
        even, odd = some[::2].count(0), some[1::2].count(0)
        return "utf-16-le" if odd > even else "utf-16-be"
    return "utf-8-sig"


def decoded(raw: bytes, option: str, given: str = "") -> str:
    """The text of the bytes; `option` is what a user gives to name another encoding. Raises EncodingError."""
    encoding = encoding_of(raw, given)
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        row = raw.count(b"\n", 0, error.start) + 1
        raise EncodingError(undecodable(f"row {row}", encoding, option)) from None


def undecodable(place: str, encoding: str, option: str) -> str:
    """The line for bytes that are no text."""
    name = "UTF-8" if encoding.startswith("utf-8") else encoding
    return f"{place}: it is not {name}: save it as UTF-8, or name its encoding with {option}, such as cp1252"


def separator_of(header: str, is_known: Callable[[str], bool]) -> str:
    """What parts the columns of a header: the mark by which most of its names are known, a comma where none is."""

    def names_known(separator: str) -> int:
        return sum(map(is_known, cells_of(header, separator)))

    return max(SEPARATORS, key=names_known)


def cells_of(line: str, separator: str) -> Sequence[str]:
    """The cells of one line; none where it is no CSV."""
    try:
        return next(csv.reader([line], delimiter=separator, strict=True), [])
    except csv.Error:
        return []


def first_line(lines: Iterable[str]) -> str:
    """The first line that is not empty."""
    return next((line for line in lines if line.strip()), "")


def _has_mark(head: bytes) -> bool:
    return head.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
