"""Patterns of paths match alike in Python and in ClickHouse's RE2."""

import pytest

from stream.fold.path_patterns import PathPattern, PathPatterns


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("/order/*", "/order/1001", True),
        ("/order/*", "/order/", True),
        ("/order/*", "/order/1/pay", True),
        ("/order/*", "/order", False),
        ("/order/*", "/x/order/1", False),
        ("/u/*/edit", "/u/7/edit", True),
        ("/u/*/edit", "/u/7/edit/2", False),
        ("/search/*", "/search/red+shoe\nx", True),
        ("/a.b(c)/*", "/a.b(c)/1", True),
        ("/a.b(c)/*", "/axb(c)/1", False),
        ("/[x]*", "/[x]1", True),
        ("/a\\d*", "/a1", False),
        ("/é-*", "/é-1", True),
    ],
)
def test_a_pattern_matches(pattern: str, path: str, matches: bool) -> None:
    assert PathPattern(pattern).matches(path) is matches


def test_the_longest_wins_and_the_digest_is_that_of_the_set() -> None:
    patterns = PathPatterns(["/a/*", "/a/*/b", "/*"])
    assert [patterns.of(path) for path in ("/a/1", "/a/1/b", "/z", "z")] == ["/a/*", "/a/*/b", "/*", None]
    assert patterns.digest == PathPatterns(["/*", "/a/*/b", "/a/*", "/*"]).digest
    assert patterns.digest != PathPatterns(["/a/*"]).digest
    assert PathPatterns([]).digest == 0
