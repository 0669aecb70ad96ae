"""Pauses grow by the table, vary by a fifth, and are no shorter than a receiver asks."""

import pytest

from storage.webhooks.schedule import LONGEST_WAIT, next_try, requested_wait

PAUSES = (5.0, 30.0, 120.0)
NOW = 1_700_000_000_000


@pytest.mark.parametrize(
    ("attempts", "chance", "wait", "seconds"),
    [
        pytest.param(1, 0.5, None, 5, id="after the first"),
        pytest.param(2, 0.5, None, 30, id="after the second"),
        pytest.param(3, 0.5, None, 120, id="after the third"),
        pytest.param(4, 0.5, None, None, id="no fifth attempt"),
        pytest.param(2, 0.0, None, 24, id="a fifth less"),
        pytest.param(2, 1.0, None, 36, id="a fifth more"),
        pytest.param(1, 0.5, 60.0, 60, id="the receiver asks for longer"),
        pytest.param(2, 0.5, 1.0, 30, id="asking for shorter changes nothing"),
        pytest.param(4, 0.5, 60.0, None, id="asking does not bring another attempt"),
    ],
)
def test_the_next_try(attempts: int, chance: float, wait: float | None, seconds: float | None) -> None:
    found = next_try(PAUSES, attempts, NOW, chance, wait)
    assert found == (None if seconds is None else NOW + round(seconds * 1000))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("7", 7.0),
        (" 120 ", 120.0),
        ("999999999999999999999", LONGEST_WAIT),
        ("Tue, 14 Nov 2023 22:14:20 GMT", 60.0),
        ("Tue, 14 Nov 2023 22:14:20 -0000", 60.0),
        ("Tue, 14 Nov 2023 22:13:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_WAIT),
        ("-5", None),
        ("soon", None),
    ],
)
def test_what_a_receiver_requests(header: str | None, seconds: float | None) -> None:
    assert requested_wait(header, NOW) == seconds
