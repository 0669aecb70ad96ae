"""Encodings and separators of CSV files."""

import codecs

import pytest

from scoring.csv_text import EncodingError, decoded, encoding_of, separator_of

TEXT = "Seite;Größe\n/ä;12,50 €\n"


@pytest.mark.parametrize(
    ("raw", "given"),
    [
        pytest.param(TEXT.encode(), "", id="UTF-8"),
        pytest.param(TEXT.encode("utf-8-sig"), "", id="UTF-8 with a mark"),
        pytest.param(TEXT.encode("utf-8-sig"), "utf-8", id="UTF-8 with a mark, named"),
        pytest.param(TEXT.encode("utf-16"), "", id="UTF-16"),
        pytest.param(codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"), "", id="UTF-16, big end first"),
        pytest.param(TEXT.encode("utf-16-le"), "", id="UTF-16 without a mark"),
        pytest.param(TEXT.encode("utf-16"), "utf-16-le", id="UTF-16 with a mark, named"),
        pytest.param(TEXT.encode("cp1252"), "cp1252", id="named"),
    ],
)
def test_the_encoding_is_recognised_or_named(raw: bytes, given: str) -> None:
    assert decoded(raw, "--encoding", given) == TEXT


def test_bytes_of_another_encoding_are_refused_with_row_and_option() -> None:
    with pytest.raises(EncodingError, match=r"^row 2: it is not UTF-8.*--encoding, such as cp1252$"):
        decoded("a\nä\n".encode("cp1252"), "--encoding")
    with pytest.raises(EncodingError, match="'klingon' is no encoding"):
        encoding_of(b"", "klingon")


@pytest.mark.parametrize(
    ("header", "separator"),
    [("a,b,c", ","), ("a;b;c", ";"), ("a\tb\tc", "\t"), ("a|b|c", "|"), ('"a";"b, c"', ";"), ("x;y", ",")],
)
def test_the_separator_is_what_makes_names_known(header: str, separator: str) -> None:
    assert separator_of(header, lambda name: name in ("a", "b", "c")) == separator
