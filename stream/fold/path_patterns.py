"""Patterns that make many paths one page: `/order/*` for `/order/1001` and its like. Pure."""

import hashlib
import re
from collections.abc import Iterable
from functools import lru_cache

#: What stands for any text, none as well.
ANY = "*"
_SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$]")


class PathPattern:
    """A pattern as its text and as a regular expression that Python and ClickHouse (RE2) read alike."""

    __slots__ = ("_match", "regex", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        escaped = [_SPECIAL.sub(lambda found: "\\" + found[0], part) for part in text.split(ANY)]
        self.regex = f"(?s)^{'.*'.join(escaped)}\\z"
        self._match = re.compile(self.regex.replace("\\z", "\\Z")).match

    def matches(self, path: str) -> bool:
        return self._match(path) is not None


class PathPatterns:
    """The patterns of a site: a path falls under the longest that matches it, of two equally long ones the first by
    the alphabet. `digest` differs where patterns do."""

    def __init__(self, texts: Iterable[str]) -> None:
        kept = sorted(set(texts), key=lambda text: (-len(text), text))
        self.longest_first = tuple(map(_pattern, kept))
        self.texts = frozenset(kept)
        joined = "\n".join(kept).encode()
        self.digest = int.from_bytes(hashlib.sha256(joined).digest()[:8]) if kept else 0

    def of(self, path: str) -> str | None:
        """The text of the pattern that the path falls under."""
        return next((pattern.text for pattern in self.longest_first if pattern.matches(path)), None)


@lru_cache(maxsize=4_096)
def _pattern(text: str) -> PathPattern:
    return PathPattern(text)
