"""Records as they stand on their topics: reasons with and without words, and dead letters."""

import msgspec
import pytest

from stream.scored import (
    DEAD_BYTES,
    DEAD_DETAIL,
    DEAD_KEY_BYTES,
    DeadLetter,
    Reason,
    dead_record,
    decode,
    decode_dead,
    encode,
    stored_list,
)
from tests.support.scored import scored


def letter(raw: bytes = b"?", key: bytes | None = b"default/s1", detail: str = "broken") -> DeadLetter:
    return DeadLetter(
        log="l", topic="scored-sessions", partition=3, offset=9, reason="failed", detail=detail, key=key, raw=raw
    )


@pytest.mark.parametrize(
    "small",
    [letter(), letter(key=None), letter(b"x" * DEAD_BYTES, b"k" * DEAD_KEY_BYTES)],
    ids=["plain", "no key", "most"],
)
def test_a_dead_letter_that_fits_is_reported_as_it_is(small: DeadLetter) -> None:
    key, value = dead_record(small)
    assert key == b"l:scored-sessions:3:9"
    assert decode_dead(value) == small


def test_what_is_too_long_is_cut_and_states_so() -> None:
    huge = letter(b"x" * (DEAD_BYTES + 1), b"k" * (DEAD_KEY_BYTES + 1), "d" * 5_000)
    told = decode_dead(dead_record(huge)[1])
    assert (len(told.raw), len(told.key or b"")) == (DEAD_BYTES, DEAD_KEY_BYTES)
    assert told.detail == "d" * DEAD_DETAIL + (
        f" (first {DEAD_BYTES} of {DEAD_BYTES + 1} bytes)"
        f" (first {DEAD_KEY_BYTES} of {DEAD_KEY_BYTES + 1} bytes of the key)"
    )


def test_a_record_of_an_earlier_version_has_no_words_and_is_read() -> None:
    words = "value of the pages, 4.5, raises it by 20 points"
    record = scored(1, reasons=(Reason("PageValues", 4.5, 0.2, words),))
    assert msgspec.json.decode(encode(record))["reasons"] == [
        {"feature": "PageValues", "value": 4.5, "contribution": 0.2, "text": words}
    ]
    earlier = msgspec.json.decode(encode(record))
    del earlier["reasons"][0]["text"]
    assert decode(msgspec.json.encode(earlier)).reasons == (Reason("PageValues", 4.5, 0.2),)


def test_the_databases_keep_reasons_without_words() -> None:
    record = scored(1, reasons=(Reason("Month", "Feb", -0.05, "month, February, lowers it by 5 points"),))
    assert stored_list(record.reasons) == b'[{"feature":"Month","value":"Feb","contribution":-0.05}]'
