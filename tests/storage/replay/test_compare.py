"""Lists of a timeline are compared as what they say: ClickHouse gives text, what a replay makes is bytes."""

import pytest

from storage.replay.compare import differing

YEN = '[{"currency":"JPY","amount":5000.0}]'


@pytest.mark.parametrize(
    ("stored", "made", "differs"),
    [
        ("[]", b"[]", False),
        (YEN, YEN.encode(), False),
        (YEN, b'[{"currency":"JPY","amount":5000.0000001}]', False),
        (YEN, b'[{"currency":"JPY","amount":50}]', True),
        (YEN, b'[{"currency":"EUR","amount":5000}]', True),
        (YEN, b"[]", True),
    ],
)
def test_amounts(stored: str, made: bytes, differs: bool) -> None:
    assert differing(("amounts",), [stored], [made]) == (["amounts"] if differs else [])
