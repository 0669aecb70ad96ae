"""No text reaches a terminal or a page with what commands it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.parsing.texts import printable


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Größe 42", "Größe 42", id="plain"),
        pytest.param("\x1b[2J", "\u241b[2J", id="a terminal escape"),
        pytest.param("\x9b2J", "\ufffd2J", id="the same in one character"),
        pytest.param("a\r\nb\tc\u2028d", "a  b c d", id="line ends"),
        pytest.param("a\x00b\x7f", "a\u2400b\u2421", id="NUL and DEL"),
        pytest.param("a\u202eb\u2066c", "a\ufffdb\ufffdc", id="text turned around"),
        pytest.param("👨\u200d👩", "👨\u200d👩", id="a joiner"),
    ],
)
def test_control_characters_are_replaced(text: str, expected: str) -> None:
    assert printable(text) == expected


@given(st.text())
def test_the_length_stays(text: str) -> None:
    made = printable(text)
    assert len(made) == len(text)
    assert printable(made) == made
