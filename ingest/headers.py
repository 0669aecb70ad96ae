"""The headers of a request as one value for each name."""

from collections.abc import Iterable


def joined(raw: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """By lower-case name. Several lines of one name are one list, joined by commas in their order (RFC 9110, 5.3).

    A header that takes one value and was sent twice so becomes a value that nothing accepts.
    """
    lines = list(raw)
    headers = dict(lines)
    if len(headers) == len(lines):
        return headers
    headers.clear()
    for name, value in lines:
        headers[name] = headers[name] + b", " + value if name in headers else value
    return headers
