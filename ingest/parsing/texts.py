"""Texts that people will see on a terminal or a page: control characters are replaced. The length stays the same."""

import re

#: Control characters, and what changes the direction or the lines of a text. Joiners stay: scripts and emoji need them.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb]")
_SPACES = "\t\n\r\x0b\x0c\x85\u2028\u2029"


def printable(text: str) -> str:
    """`text` with line ends and tabs as spaces, other control characters as their pictures (ESC is ␛)."""
    return text if text.isprintable() else _UNSAFE.sub(_replacement, text)


def _replacement(found: re.Match[str]) -> str:
    character = found[0]
    if character in _SPACES:
        return " "
    number = ord(character)
    if number < 0x20:
        return chr(0x2400 + number)
    return "\u2421" if number == 0x7F else "\ufffd"
