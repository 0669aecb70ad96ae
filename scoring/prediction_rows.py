"""Sessions to predict as rows for the model that answers, by either feature contract."""

from collections.abc import Sequence
from math import nan
from typing import Any

import numpy as np
from msgspec.structs import astuple
from numpy.typing import NDArray

from scoring.contracts import UCI, Contract
from scoring.features import MONTH_CODES, VISITOR_CODES
from scoring.prediction import RATE_FIELDS, SESSION_FIELDS, VOCABULARY, FieldError, PredictionRequest
from scoring.signals import DEVICE_CODES, PAGE_TYPE_CODES

_MONTH, _VISITOR, _LAST_PAGE, _DEVICE = map(
    SESSION_FIELDS.index, ("month", "visitor_type", "last_page_type", "device_class")
)


def require_known(requests: Sequence[PredictionRequest], made_for: Contract) -> None:
    """Raise FieldError where something is unknown that the contract has no way to say."""
    if made_for is not UCI:
        return
    for index, request in enumerate(requests):
        for field in RATE_FIELDS:
            if getattr(request, field) is None:
                raise FieldError(
                    f"{field}: only models of feature contract 2 take unknown (null, or an empty cell), and the one "
                    "that answers is of contract 1: give a number, 0 where there are no page statistics",
                    index,
                )


def input_rows(requests: Sequence[PredictionRequest], made_for: Contract) -> NDArray[np.float32]:
    """float32[batch, columns of the contract]."""
    rows = np.array([model_input(request, made_for) for request in requests], np.float32)
    return rows.reshape(-1, len(made_for.names))


def model_input(request: PredictionRequest, made_for: Contract = UCI) -> Sequence[float]:
    """The model's input in the order of the contract's names: unknown categories of the seventeen are 0, else NaN."""
    values = list(named_values(request, made_for))
    values[_MONTH] = MONTH_CODES[request.month]
    values[_VISITOR] = VISITOR_CODES.get(request.visitor_type, 0)  # type: ignore[call-overload]
    if made_for is UCI:
        return values
    values[_LAST_PAGE] = None if request.last_page_type is None else PAGE_TYPE_CODES[request.last_page_type]
    values[_DEVICE] = None if request.device_class is None else DEVICE_CODES[request.device_class]
    return [nan if value is None else value for value in values]


def named_values(request: PredictionRequest, made_for: Contract) -> Sequence[Any]:
    """The values as they were said, in the order of the contract's names; None is unknown."""
    return astuple(request)[: len(made_for.names)]


def unknown(request: PredictionRequest) -> tuple[str, ...]:
    """The fields whose category no model knows; 0 says so itself."""
    found = tuple(name for name, most in VOCABULARY.items() if getattr(request, name) > most)
    return found if request.visitor_type in VISITOR_CODES else (*found, "visitor_type")


def unused(request: PredictionRequest, made_for: Contract) -> tuple[str, ...]:
    """The fields with a value that the contract does not have."""
    beyond = SESSION_FIELDS[len(made_for.names) :]
    return tuple([name for name in beyond if getattr(request, name) is not None])
