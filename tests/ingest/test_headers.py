"""One value for each header."""

import pytest

from ingest.headers import joined


@pytest.mark.parametrize(
    ("raw", "headers"),
    [
        pytest.param([(b"host", b"a"), (b"accept", b"b")], {b"host": b"a", b"accept": b"b"}, id="one line each"),
        pytest.param(
            [(b"x-forwarded-for", b"10.0.0.1"), (b"host", b"a"), (b"x-forwarded-for", b"10.0.0.2, 10.0.0.3")],
            {b"x-forwarded-for": b"10.0.0.1, 10.0.0.2, 10.0.0.3", b"host": b"a"},
            id="a list in two lines",
        ),
        pytest.param([(b"origin", b"a"), (b"origin", b"b")], {b"origin": b"a, b"}, id="one value twice"),
        pytest.param([], {}, id="none"),
    ],
)
def test_joined(raw: list[tuple[bytes, bytes]], headers: dict[bytes, bytes]) -> None:
    assert joined(raw) == headers
