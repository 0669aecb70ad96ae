"""The feature contracts that models are made for: which columns a row has, and how it is made of a session.

A model's manifest names its contract by number. Contract 1, `uci`, is the seventeen features; contract 2, `session`,
has the signals after them. Workers, replays and predictions serve both side by side.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from scoring.features import NAMES, Features, model_input
from scoring.manifest import ModelError
from scoring.signals import RATES, SESSION_NAMES, SIGNALS, Signals, session_input


class ContractError(ModelError):
    """A contract that this program does not know, or a session without what it needs."""


class Scorable(Protocol):
    """What has a session's features and signals, as an update does."""

    @property
    def features(self) -> Features: ...
    @property
    def signals(self) -> Signals | None: ...


#: Gives the value of one column for a session, None where it is unknown.
ValueGetter = Callable[[Scorable], Any]


@dataclass(frozen=True)
class Contract:
    """`names` are the columns of a row. `input_of` gives them as numbers, NaN being unknown; each of `getters` gives
    one as people read it, None being unknown.
    """

    number: int
    name: str
    names: tuple[str, ...]
    input_of: Callable[[Scorable], Sequence[float]]
    getters: tuple[ValueGetter, ...]

    def rows(self, sessions: Sequence[Scorable]) -> NDArray[np.float32]:
        """float32[batch, columns]; raises ContractError for a session without what the contract needs."""
        columns = len(self.names)
        # Flat: numpy takes three times as long to look through a list of rows.
        values = chain.from_iterable(map(self.input_of, sessions))
        return np.fromiter(values, np.float32, len(sessions) * columns).reshape(-1, columns)


def contract(number: int) -> Contract:
    """The contract of this number; raises ContractError."""
    found = CONTRACTS.get(number)
    if found is None:
        known = " and ".join(f"{each.number} ({each.name})" for each in CONTRACTS.values())
        raise ContractError(f"feature contract {number} is unknown to this program, which has {known}")
    return found


def _signals_of(session: Scorable) -> Signals:
    signals = session.signals
    if signals is None:
        raise ContractError("the session was recorded before there were signals: `opecom replay` makes them")
    return signals


def _known_rate(name: str) -> ValueGetter:
    """A rate of page statistics, where the session has some."""
    value_of = attrgetter(f"features.{name}")
    return lambda session: value_of(session) if _signals_of(session).has_page_statistics else None


_FEATURES: tuple[ValueGetter, ...] = tuple([attrgetter(f"features.{name}") for name in NAMES])
_SESSION_VALUES: tuple[ValueGetter, ...] = (
    *_FEATURES[: RATES.start],
    *map(_known_rate, NAMES[RATES]),
    *_FEATURES[RATES.stop :],
    *[attrgetter(f"signals.{name}") for name in SIGNALS],
)

UCI = Contract(1, "uci", NAMES, lambda each: model_input(each.features), _FEATURES)
SESSION = Contract(
    2, "session", SESSION_NAMES, lambda each: session_input(each.features, _signals_of(each)), _SESSION_VALUES
)
CONTRACTS: dict[int, Contract] = {each.number: each for each in (UCI, SESSION)}
