"""The table of refusals is whole."""

from typing import get_args

from storage.http.answers import encode
from storage.http.errors import STATUS, ReadCode, ReadError


def test_every_code_has_a_status() -> None:
    assert set(STATUS) == set(get_args(ReadCode))


def test_a_refusal_is_one_line() -> None:
    error = ReadError("invalid", 'a "b"\n  c')
    assert encode(error.answer()) == b'{"error":"invalid","reason":"a \\"b\\" c"}'
