"""The table of refusals is whole."""

from typing import get_args

from ingest.errors import STATUS, RefusalCode, RequestRefusedError


def test_every_code_has_a_status() -> None:
    assert set(STATUS) == set(get_args(RefusalCode))
    assert {400, 401, 403, 413, 415, 422, 429, 503} <= set(STATUS.values())


def test_the_body_is_one_line() -> None:
    assert RequestRefusedError("invalid", 'a "b"\nc').body() == b'{"error":"invalid","reason":"a \\"b\\"\\nc"}'
