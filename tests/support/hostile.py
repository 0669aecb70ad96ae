"""Answers whose every text is a stranger's: whatever may stand in one, as the type that a command reads it as."""

import inspect
import types
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from msgspec import Meta

#: Clears the screen, in 7 and in 8 bits; rings; deletes; turns what follows round; looks like markup, a link, an end.
HOSTILE = "\x1b[2J\x9b2J\x07\x7f\u202e[red]\u2066[link=https://evil.example]x[/bold]\n:bomb:"
#: What of it must not reach a terminal.
STEERING = ("\x1b", "\x9b", "\x07", "\x7f", "\u202e", "\u2066")
#: How a table and a line show it.
SHOWN = "\\u001b[2J\\u009b2J\\u0007\\u007f\\u202e[red]\\u2066[link=https://evil.example]x[/bold]\\u000a:bomb:"


def hostile(kind: Any) -> Any:
    """A value of this type with HOSTILE wherever a text may be anything."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Literal:
        return parts[0]
    if origin is Annotated:
        # No pattern of ours lets a stranger's text through; all of them take a letter.
        return "a" if any(isinstance(each, Meta) and each.pattern for each in parts[1:]) else hostile(parts[0])
    if origin in (Union, types.UnionType):
        return hostile(next(part for part in parts if part is not type(None)))
    if origin is not None:
        return _filled(origin, parts)
    if kind in _PLAIN:
        return _PLAIN[kind]
    hints = get_type_hints(kind, include_extras=True)
    return kind(**{name: hostile(hints[name]) for name in inspect.signature(kind).parameters})


#: What stands for each plain type.
_PLAIN: dict[Any, Any] = {str: HOSTILE, int: 1, float: 1.0, bool: False, Any: None, object: None}


def _filled(origin: Any, parts: tuple[Any, ...]) -> Any:
    if issubclass(origin, Mapping):
        return {hostile(parts[0]): hostile(parts[1])}
    if origin is tuple:
        return tuple(map(hostile, parts[:1] if parts[1:] == (...,) else parts))
    return origin([hostile(parts[0])])
