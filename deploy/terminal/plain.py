"""Text as a terminal may have it: every line that a command prints, with what would steer the terminal escaped.

Paths, titles, ids and answers of receivers come from strangers. A terminal obeys control characters (clear the
screen, set the title, type into the shell) and directional ones (a line reads other than it is): none is printed raw.
"""

import re
import sys

#: C0 without tab and line feed, DEL and C1, what turns the direction of text, what ends lines elsewhere, invisible
#: tags, and halves of surrogate pairs, which no encoding has.
_STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)
_BREAKS = str.maketrans({"\n": "\\u000a", "\t": "\\u0009"})


def printable(text: str) -> str:
    """The text with steering characters as `\\u001b`; the same value still where the text is JSON."""
    return _STEERING.sub(lambda found: _escaped(found[0]), text)


def one_line(text: str) -> str:
    """The same for what must not begin a line of its own: line feeds and tabs are escaped too."""
    return printable(text).translate(_BREAKS)


def print_line(text: str = "", *, error: bool = False, end: str = "\n", flush: bool = False) -> None:
    """Print to standard output, or to standard error; all that commands print without a table goes through here."""
    print(printable(text), file=sys.stderr if error else sys.stdout, end=end, flush=flush)


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
