"""Records that are no events are said to be so, whatever stands in them."""

import pytest

from ingest.events import UndecodableError, decode


@pytest.mark.parametrize("key", [b"shop/s1", None], ids=["event", "control"])
@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"[" * 100_000, id="deep lists"),
        pytest.param(b'{"a":' * 100_000, id="deep objects"),
        pytest.param(b'{"a":' + b"[" * 100_000, id="deep in an unknown field"),
        pytest.param(b'{"event_id":' + b"[" * 100_000, id="deep in a known field"),
        pytest.param(b"", id="empty"),
        pytest.param(b"\xff", id="no text"),
    ],
)
def test_undecodable(key: bytes | None, value: bytes) -> None:
    with pytest.raises(UndecodableError):
        decode(key, value)
