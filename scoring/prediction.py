"""One session to predict: its seventeen fields as clients and files say them, checked, and as a row for the model.

The fields are the features of scoring.features in their order, in the API's spelling. Knows no HTTP and no files.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import astuple

from scoring.errors import ScoringError
from scoring.features import MONTH_CODES, MONTHS, NAMES, VISITOR_CODES, Month

Decoded = TypeVar("Decoded")

#: No feature of a real session comes near it, and float32 still tells it from its neighbours.
LARGEST = 1e9

Count = Annotated[int, Meta(ge=0, le=2**31 - 1, description="Pages.")]
Seconds = Annotated[float, Meta(ge=0, le=LARGEST, description="Seconds.")]
Share = Annotated[float, Meta(ge=0, le=1, description="0 to 1.")]
Value = Annotated[float, Meta(ge=0, le=LARGEST, description="Mean value of the pages.")]
Code = Annotated[int, Meta(ge=0, le=2**31 - 1, description="A code of the training data; 0 and unknown ones: unknown.")]
Visitor = Annotated[
    str, Meta(max_length=64, description="New_Visitor, Returning_Visitor or Other; another one counts as unknown.")
]


class PredictionRequest(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """The seventeen features of a session."""

    administrative: Count
    administrative_duration: Seconds
    informational: Count
    informational_duration: Seconds
    product_related: Count
    product_related_duration: Seconds
    bounce_rates: Share
    exit_rates: Share
    page_values: Value
    special_day: Share
    month: Month
    operating_systems: Code
    browser: Code
    region: Code
    traffic_type: Code
    visitor_type: Visitor
    weekend: bool


FIELDS: tuple[str, ...] = PredictionRequest.__struct_fields__
#: The field that a column of UCI's file is.
FIELD_OF: Mapping[str, str] = dict(zip(NAMES, FIELDS, strict=True))
#: The greatest code of each kind in the UCI data, which every model so far was trained on.
VOCABULARY = {"operating_systems": 8, "browser": 13, "region": 9, "traffic_type": 20}
#: The fields that are whole numbers, those that are 0 to 1, and all that are numbers.
WHOLE = frozenset(("administrative", "informational", "product_related", *VOCABULARY))
SHARES = frozenset(("bounce_rates", "exit_rates", "special_day"))
NUMBERS = tuple(name for name in FIELDS if name not in ("month", "visitor_type", "weekend"))


class FieldError(ScoringError, ValueError):
    """A field that cannot be used; the message is one line that begins with its name where it has one.

    `index` is the place of the session within a list, None outside one.
    """

    def __init__(self, reason: str, index: int | None = None) -> None:
        super().__init__(reason)
        self.index = index


def decode(body: bytes) -> PredictionRequest:
    """One session of a JSON object; raises FieldError."""
    return _decode(_decoder, body)


def decode_list(body: bytes) -> list[PredictionRequest]:
    """The sessions of a JSON array; raises FieldError."""
    return _decode(_list_decoder, body)


def read_cells(cells: Mapping[str, Any]) -> PredictionRequest:
    """One session of the cells of a table, by field; texts and numbers are both taken. Raises FieldError."""
    try:
        return msgspec.convert(cells, PredictionRequest, strict=False)
    except msgspec.ValidationError as error:
        raise _explained(error, b"", cells) from None


def model_input(request: PredictionRequest) -> tuple[float, ...]:
    """The model's input: 17 numbers in the order of scoring.features.NAMES; unknown categories are 0."""
    values = astuple(request)
    return (
        *values[:10],
        MONTH_CODES[request.month],
        *values[11:15],
        VISITOR_CODES.get(request.visitor_type, 0),  # type: ignore[call-overload]
        request.weekend,
    )


def unknown(request: PredictionRequest) -> tuple[str, ...]:
    """The fields whose category no model knows; 0 says so itself."""
    found = tuple(name for name, most in VOCABULARY.items() if getattr(request, name) > most)
    return found if request.visitor_type in VISITOR_CODES else (*found, "visitor_type")


def named_values(request: PredictionRequest) -> Sequence[Any]:
    """The values as they were said, in the order of NAMES."""
    return astuple(request)


def _decode(decoder: "msgspec.json.Decoder[Decoded]", body: bytes) -> Decoded:
    try:
        try:
            return decoder.decode(body)
        except msgspec.ValidationError as error:
            if "Expected `int`, got `float`" not in str(error):
                raise
            # To JSON, 35.0 is the whole number 35, and some clients write all numbers so.
            return msgspec.convert(_whole(msgspec.json.decode(body)), decoder.type)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _explained(error, body) from None


def _whole(text: Any) -> Any:
    """What was said, its whole numbers as integers where they may be nothing else."""
    if isinstance(text, list):
        return [_whole(each) for each in text]
    if not isinstance(text, dict):
        return text
    return {
        name: int(value) if name in WHOLE and isinstance(value, float) and value.is_integer() else value
        for name, value in text.items()
    }


def _explained(error: Exception, body: bytes, cells: Mapping[str, Any] | None = None) -> FieldError:
    text = str(error)
    place = _PLACE.search(text)
    index = int(place[1]) if place is not None and place[1] else None
    name = place[2] if place is not None and place[2] else ""
    reason = text.partition(" - at ")[0]
    if name == "month" and reason.startswith("Invalid enum value"):
        reason = f"{reason.removeprefix('Invalid enum value ')} is not one of {', '.join(MONTHS)}"
    elif name and cells is not None and name in cells:
        reason = f"{reason}, not {str(cells[name])[:40]!r}" if "got" not in reason else f"{reason} {cells[name]!r:.42}"
    elif byte := _BYTE.search(text):
        # JSON has no NaN and no infinity, so the decoder stops there and knows no field.
        key = _KEY.search(body[: int(byte[1])].decode(errors="replace"))
        name = key[1] if key else ""
        reason = "not a JSON number, text or truth (NaN and infinity are not JSON)" if name else reason
    return FieldError(" ".join(f"{name}: {reason}".split()) if name else reason, index)


_PLACE = re.compile(r"at `\$(?:\[(\d+)\])?(?:\.(\w+))?")
_BYTE = re.compile(r"\(byte (\d+)\)")
_KEY = re.compile(r'"([A-Za-z_]{1,40})"\s*:\s*[-+]?$')
_decoder = msgspec.json.Decoder(PredictionRequest)
_list_decoder = msgspec.json.Decoder(list[PredictionRequest])
