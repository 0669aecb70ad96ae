"""The feature contracts that models are made for: which columns a row has, and how it is made of a session.

A model's manifest names its contract by number. Contract 1, `uci`, is the seventeen features; contract 2, `session`,
has the signals after them. Workers, replays and predictions serve both side by side.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from msgspec.structs import astuple
from numpy.typing import NDArray

from scoring.features import NAMES, Features, model_input
from scoring.manifest import ModelError
from scoring.signals import RATES, SESSION_NAMES, Signals, session_input


class ContractError(ModelError):
    """A contract that this program does not know, or a session without what it needs."""


class Scorable(Protocol):
    """What has a session's features and signals, as an update does."""

    @property
    def features(self) -> Features: ...
    @property
    def signals(self) -> Signals | None: ...


@dataclass(frozen=True)
class Contract:
    """`names` are the columns of a row; `input_of` gives them as numbers, NaN being unknown, `values_of` as people read
    them, None being unknown.
    """

    number: int
    name: str
    names: tuple[str, ...]
    input_of: Callable[[Scorable], Sequence[float]]
    values_of: Callable[[Scorable], Sequence[Any]]

    def rows(self, sessions: Sequence[Scorable]) -> NDArray[np.float32]:
        """float32[batch, columns]; raises ContractError for a session without what the contract needs."""
        rows = np.array([self.input_of(session) for session in sessions], np.float32)
        return rows.reshape(-1, len(self.names))


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


def _session_values(session: Scorable) -> Sequence[Any]:
    signals = _signals_of(session)
    values = [*astuple(session.features), *astuple(signals)[:-1]]
    if not signals.has_page_statistics:
        values[RATES] = (None, None, None)
    return values


UCI = Contract(1, "uci", NAMES, lambda each: model_input(each.features), lambda each: astuple(each.features))
SESSION = Contract(
    2, "session", SESSION_NAMES, lambda each: session_input(each.features, _signals_of(each)), _session_values
)
CONTRACTS: dict[int, Contract] = {each.number: each for each in (UCI, SESSION)}
