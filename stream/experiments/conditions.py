"""The language of conditions: comparisons of known names, compiled to one function each.

    band >= building and cart_value > 0 and not (device_class in (mobile, tablet) or Weekend)

`and` binds tighter than `or`, `not` tighter than both. Numbers are compared by == != < <= > >=, categories by == and
!=, bands also by their order; `in (a, b)` is one of several; a name that is true or false stands alone. A probability
is compared rounded to six digits. A value that is unknown makes its comparison false, whichever it is.

The function is made of our own words alone: of what a condition says, its values are arguments of the function's scope
and its names are those of the vocabulary.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stream.codegen import compile_expression
from stream.errors import StreamError
from stream.experiments.vocabulary import BANDS, KnownName, Vocabulary

MOST_CHARACTERS, MOST_DEPTH = 500, 16
#: (update or session, its probability, its band) -> whether the condition holds; the score is ignored at an opening.
Holds = Callable[[Any, float, str], bool]

_TOKEN = re.compile(
    r"\s*(?:(?P<number>-?\d+(?:\.\d+)?(?![\w.]))|(?P<word>[A-Za-z_]\w*)"
    r"|(?P<quoted>'[^']*'|\"[^\"]*\")|(?P<sign>==|!=|<=|>=|[<>(),]))"
)
_SIGNS = frozenset(("==", "!=", "<", "<=", ">", ">="))
_WORDS = {"and", "or", "not", "in"}
_RANKS: dict[str, int] = {band: rank for rank, band in enumerate(BANDS)}


class ConditionError(StreamError):
    """The text is no condition; the message names the place and what may stand there."""


@dataclass(frozen=True)
class Condition:
    """`holds` by an update or session, its probability and its band; `names` are those that it uses, `compared` the
    numbers that each is compared with, with their signs.
    """

    text: str
    names: frozenset[str]
    holds: Holds
    compared: Mapping[str, frozenset[tuple[str, float]]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    #: Of its first character, counted from 1.
    place: int


def compile_condition(text: str, vocabulary: Vocabulary) -> Condition:
    """Compile a condition over these names; raises ConditionError."""
    if len(text) > MOST_CHARACTERS:
        raise ConditionError(f"the condition has {len(text)} characters, {MOST_CHARACTERS} at most")
    parser = _Parser(_tokens(text), vocabulary)
    holds: Holds = compile_expression(("source", "probability", "band"), parser.parse(), parser.values)
    compared = {name: frozenset(numbers) for name, numbers in parser.compared.items()}
    return Condition(text, frozenset(parser.names), holds, compared)


def _tokens(text: str) -> list[_Token]:
    found, at = [], 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            place = at + len(text[at:]) - len(text[at:].lstrip())
            raise ConditionError(f"character {place + 1}: {text[place]!r} is no part of a condition")
        kind = str(match.lastgroup)
        found.append(_Token(kind, match[kind], match.start(kind) + 1))
        at = match.end()
    return [*found, _Token("end", "the end", len(text) + 1)]


class _Parser:
    """Reads the tokens once, from left to right, and says the same in Python; `values` has what it names beside the
    update, the probability and the band.
    """

    def __init__(self, tokens: list[_Token], vocabulary: Vocabulary) -> None:
        self.names: set[str] = set()
        self.compared: dict[str, set[tuple[str, float]]] = {}
        self.values: dict[str, Any] = {"ranks": _RANKS}
        self._tokens = tokens
        self._at = 0
        self._depth = 0
        self._vocabulary = vocabulary

    def parse(self) -> str:
        made = self._either()
        if self._token.kind != "end":
            raise self._unexpected("and, or, the end")
        return made

    @property
    def _token(self) -> _Token:
        return self._tokens[self._at]

    def _takes(self, text: str) -> bool:
        """Take the next token if it is this word or sign."""
        if self._token.kind in ("word", "sign") and self._token.text == text:
            self._at += 1
            return True
        return False

    def _either(self) -> str:
        parts = [self._all()]
        while self._takes("or"):
            parts.append(self._all())
        return f"({' or '.join(parts)})" if len(parts) > 1 else parts[0]

    def _all(self) -> str:
        parts = [self._negated()]
        while self._takes("and"):
            parts.append(self._negated())
        return f"({' and '.join(parts)})" if len(parts) > 1 else parts[0]

    def _negated(self) -> str:
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise ConditionError(f"character {self._token.place}: nested deeper than {MOST_DEPTH} levels")
        if self._takes("not"):
            made = f"(not {self._negated()})"
        elif self._takes("("):
            made = self._either()
            if not self._takes(")"):
                raise self._unexpected("and, or, )")
        else:
            made = self._comparison()
        self._depth -= 1
        return made

    def _comparison(self) -> str:
        token = self._token
        known = self._vocabulary.get(token.text) if token.kind == "word" else None
        if known is None:
            if token.kind != "word" or token.text in _WORDS:
                raise self._unexpected("a name, not, (")
            raise ConditionError(
                f"character {token.place}: {token.text!r} is no known name; known are {', '.join(self._vocabulary)}"
            )
        self._at += 1
        self.names.add(token.text)
        if self._takes("in"):
            return self._compared(known, "in", frozenset(self._note(token, known, "==", self._values(known))))
        sign = self._token
        if sign.kind == "sign" and sign.text in _SIGNS:
            if known.kind in ("category", "boolean") and sign.text not in ("==", "!="):
                raise ConditionError(f"character {sign.place}: {token.text} has no order; it is compared by == and !=")
            self._at += 1
            [value] = self._note(token, known, sign.text, [self._value(known)])
            return self._compared(known, sign.text, value)
        if known.kind == "boolean":
            return self._compared(known, "==", True)
        raise self._unexpected("==, !=, <, <=, >, >=, in")

    def _compared(self, known: KnownName, sign: str, wanted: Any) -> str:
        name = f"value_{len(self.values)}"
        self.values[name] = wanted
        if known.kind == "band":
            return f"ranks[band] {sign} {name}"
        if known.path is None:
            return f"round(probability, 6) {sign} {name}"
        return f"((found := source.{known.path}) is not None and found {sign} {name})"

    def _note(self, name: _Token, known: KnownName, sign: str, values: list[Any]) -> list[Any]:
        """Note what a number is compared with; returns the values."""
        if known.kind == "number":
            self.compared.setdefault(name.text, set()).update((sign, value) for value in values)
        return values

    def _values(self, known: KnownName) -> list[Any]:
        if not self._takes("("):
            raise self._unexpected("(")
        values = [self._value(known)]
        while self._takes(","):
            values.append(self._value(known))
        if not self._takes(")"):
            raise self._unexpected("a comma, )")
        return values

    def _value(self, known: KnownName) -> Any:
        token = self._token
        text = token.text[1:-1] if token.kind == "quoted" else token.text
        if known.kind == "number":
            if token.kind != "number":
                raise self._unexpected("a number")
            value: Any = float(text)
        elif known.kind == "boolean":
            if text not in ("true", "false"):
                raise self._unexpected("true, false")
            value = text == "true"
        else:
            if text not in known.values or token.kind not in ("word", "quoted"):
                raise self._unexpected(", ".join(known.values))
            value = BANDS.index(text) if known.kind == "band" else text
        self._at += 1
        return value

    def _unexpected(self, wanted: str) -> ConditionError:
        token = self._token
        shown = token.text if token.kind == "end" else repr(token.text)
        return ConditionError(f"character {token.place}: {shown} stands where one of these may: {wanted}")
