"""The file of weights: what is written is read again, and what is torn is refused."""

import numpy as np
import pytest

from scoring.browser.program import BrowserExportError
from scoring.browser.weights import decode, encode

MATRIX = np.random.default_rng(1).normal(0, 2, (5, 7)).astype(np.float32)
ROW = np.array([[0.1, -1e-30, 3e38]], np.float32)
EXACT, FLOAT16, INT8 = (encode([ROW, MATRIX], *given) for given in (
    (frozenset(), "float16"), (frozenset({1}), "float16"), (frozenset({1}), "int8")))  # fmt: skip


def test_what_is_no_matrix_is_exact() -> None:
    for file in (EXACT, FLOAT16, INT8):
        np.testing.assert_array_equal(decode(file)[0], ROW)
    np.testing.assert_array_equal(decode(EXACT)[1], MATRIX)


def test_a_matrix_keeps_eleven_bits_in_float16_and_seven_by_row_in_int8() -> None:
    np.testing.assert_array_equal(decode(FLOAT16)[1], MATRIX.astype(np.float16).astype(np.float32))
    steps = np.abs(MATRIX).max(axis=1, keepdims=True) / 127
    assert (np.abs(decode(INT8)[1] - MATRIX) <= steps * 0.501).all()
    assert len(EXACT) > len(FLOAT16) > len(INT8)


def test_a_row_of_zeros_and_a_number_beyond_float16_are_kept() -> None:
    zeros = np.vstack([np.zeros(7, np.float32), MATRIX[0]])
    np.testing.assert_array_equal(decode(encode([zeros], frozenset({0}), "int8"))[0][0], np.zeros(7))
    great = MATRIX * np.float32(1e6)
    np.testing.assert_array_equal(decode(encode([great], frozenset({0}), "float16"))[0], great)


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        pytest.param(b"", "no file of weights", id="empty"),
        pytest.param(b"PK" + FLOAT16[2:], "no file of weights", id="another file"),
        pytest.param(FLOAT16[:4] + b"\x02\x00" + FLOAT16[6:], "of format 2, not 1", id="another format"),
        pytest.param(FLOAT16[:-4], "CRC-32", id="cut"),
        pytest.param(FLOAT16[:-1] + bytes([FLOAT16[-1] ^ 1]), "CRC-32", id="one bit"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line(file: bytes, expected: str) -> None:
    with pytest.raises(BrowserExportError, match=rf"{expected}.*export the model again"):
        decode(file)
