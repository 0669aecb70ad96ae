"""What a request for predictions says beside its body: how many reasons, by which model, and how its numbers look."""

from collections.abc import Mapping
from typing import NamedTuple

from scoring.errors import ScoringError
from scoring.reasons import ALL, STRONGEST

_REASONS = {"true": STRONGEST, "false": 0, "all": ALL}


class ParameterError(ScoringError, ValueError):
    """A parameter that cannot be used; the message is one line that names it."""


class PredictionParams(NamedTuple):
    """`most_reasons` 0: none are wanted. `model` and `locale` empty: the one in force, and that of programs."""

    most_reasons: int = 0
    model: str = ""
    locale: str = ""


def prediction_params(given: Mapping[str, str], *more: str) -> PredictionParams:
    """The parameters; `more` are those that the route knows beside `reasons` and `model`.

    A misspelt one would silently ask for something else, so it raises ParameterError.
    """
    known = ("reasons", "model", *more)
    for name in given:
        if name not in known:
            names = " and ".join(f"`{each}`" for each in known)
            raise ParameterError(f"{name[:40]!r} is no parameter: there is only {names}")
    wanted = given.get("reasons", "false")
    # Many sessions have the strongest alone: their table has a column for each.
    values = [value for value in _REASONS if value != "all" or "locale" not in more]
    if wanted not in values:
        raise ParameterError(f"reasons: say {', '.join(values[:-1])} or {values[-1]}, not {wanted[:40]!r}")
    return PredictionParams(_REASONS[wanted], given.get("model", ""), given.get("locale", ""))
