"""One session to predict: its fields as clients and files say them, checked.

The fields are the features of scoring.features in their order, in the API's spelling, and the signals of
scoring.signals after them: the columns of feature contract 2. Knows no HTTP, no files and no model.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct, inspect

from scoring.errors import ScoringError
from scoring.features import MONTHS, NAMES, Month
from scoring.signals import DEVICE_CLASSES, LAST_PAGE_TYPES, RATES, SIGNALS, DeviceClass, LastPageType

Decoded = TypeVar("Decoded")

#: No feature of a real session comes near it, and float32 still tells it from its neighbours.
LARGEST = 1e9

Whole = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Number = Annotated[float, Meta(ge=0, le=LARGEST)]
Pages = Annotated[Whole, Meta(description="Pages.")]
Seconds = Annotated[Number, Meta(description="Seconds.")]
Share = Annotated[float, Meta(ge=0, le=1, description="0 to 1.")]
Rate = Annotated[Share, Meta(description="Mean of the pages, 0 to 1; null: unknown, for models of contract 2 only.")]
Value = Annotated[Number, Meta(description="Mean value of the pages; null: unknown, for models of contract 2 only.")]
Code = Annotated[int, Meta(ge=0, le=2**31 - 1, description="A code of the training data; 0 and unknown ones: unknown.")]
Visitor = Annotated[
    str, Meta(max_length=64, description="New_Visitor, Returning_Visitor or Other; another one counts as unknown.")
]
Percent = Annotated[float, Meta(ge=0, le=100, description="0 to 100.")]
Items = Annotated[Number, Meta(description="Items.")]
Money = Annotated[Number, Meta(description="In the shop's currency.")]
CheckoutStep = Annotated[
    int, Meta(ge=0, le=3, description="0: none, 1: begun, 2: shipping named, 3: payment named, as far as it went.")
]
Hour = Annotated[int, Meta(ge=0, le=23, description="Of the session's start, in the site's time zone.")]
Days = Annotated[float, Meta(ge=0, le=36_525, description="Days.")]


class PredictionRequest(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """The seventeen features of a session, and its signals, of which each may be left out; null is unknown."""

    administrative: Pages
    administrative_duration: Seconds
    informational: Pages
    informational_duration: Seconds
    product_related: Pages
    product_related_duration: Seconds
    bounce_rates: Rate | None
    exit_rates: Rate | None
    page_values: Value | None
    special_day: Share
    month: Month
    operating_systems: Code
    browser: Code
    region: Code
    traffic_type: Code
    visitor_type: Visitor
    weekend: bool
    page_views: Whole | None = None
    events: Whole | None = None
    elapsed_seconds: Seconds | None = None
    engaged_seconds: Seconds | None = None
    mean_scroll_depth: Percent | None = None
    distinct_pages: Whole | None = None
    distinct_products: Whole | None = None
    last_page_type: LastPageType | None = None
    seconds_since_previous_event: Seconds | None = None
    searches: Whole | None = None
    cart_adds: Whole | None = None
    cart_removes: Whole | None = None
    cart_quantity: Items | None = None
    cart_value: Money | None = None
    checkout_step: CheckoutStep | None = None
    wishlist_adds: Whole | None = None
    hour: Hour | None = None
    device_class: DeviceClass | None = None
    previous_sessions: Whole | None = None
    previous_purchases: Whole | None = None
    days_since_previous_session: Days | None = None


def _kind(given: inspect.Type) -> type:
    """What the values of a field are, where they are not null."""
    if isinstance(given, inspect.UnionType):
        [given] = [each for each in given.types if not isinstance(each, inspect.NoneType)]
    if isinstance(given, inspect.Metadata):
        return _kind(given.type)
    return {inspect.IntType: int, inspect.FloatType: float, inspect.BoolType: bool}.get(type(given), str)


#: The fields that every session has, and all of them: the columns of feature contracts 1 and 2.
FIELDS: tuple[str, ...] = PredictionRequest.__struct_fields__[: len(NAMES)]
SESSION_FIELDS: tuple[str, ...] = PredictionRequest.__struct_fields__
#: The field that a column of UCI's file is.
FIELD_OF: Mapping[str, str] = dict(zip(NAMES, FIELDS, strict=True))
#: The greatest code of each kind in the UCI data, which every model so far was trained on.
VOCABULARY = {"operating_systems": 8, "browser": 13, "region": 9, "traffic_type": 20}
#: int, float, str or bool, by field.
KINDS: Mapping[str, type] = {
    each.name: _kind(each.type)
    for each in inspect.type_info(PredictionRequest).fields  # type: ignore[attr-defined]
}
#: The fields that are whole numbers, those that are 0 to 1, and all that are numbers.
WHOLE = frozenset(name for name in SESSION_FIELDS if KINDS[name] is int)
SHARES = frozenset(("bounce_rates", "exit_rates", "special_day"))
NUMBERS = tuple(name for name in SESSION_FIELDS if KINDS[name] in (int, float))
#: The greatest value of those that are small numbers.
MOST: Mapping[str, float] = {
    **dict.fromkeys(SHARES, 1.0),
    "mean_scroll_depth": 100.0,
    "days_since_previous_session": 36_525.0,
}
#: The page statistics of a session, and all fields that may be unknown.
RATE_FIELDS = FIELDS[RATES]
NULLABLE = frozenset((*RATE_FIELDS, *SIGNALS))
#: The fields that are one of a few words.
CHOICES: Mapping[str, tuple[str, ...]] = {
    "month": MONTHS,
    "last_page_type": LAST_PAGE_TYPES,
    "device_class": DEVICE_CLASSES,
}


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


def _decode(decoder: "msgspec.json.Decoder[Decoded]", body: bytes) -> Decoded:
    try:
        try:
            return decoder.decode(body)
        except msgspec.ValidationError as error:
            if not _FRACTION.search(str(error)):
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
    reason = text.partition(" - at ")[0].replace(" | null`", "`")
    if name in CHOICES and reason.startswith("Invalid enum value"):
        reason = f"{reason.removeprefix('Invalid enum value ')} is not one of {', '.join(CHOICES[name])}"
    elif name and cells is not None and name in cells:
        reason = f"{reason}, not {str(cells[name])[:40]!r}" if "got" not in reason else f"{reason} {cells[name]!r:.42}"
    elif byte := _BYTE.search(text):
        # JSON has no NaN and no infinity, so the decoder stops there and knows no field.
        key = _KEY.search(body[: int(byte[1])].decode(errors="replace"))
        name = key[1] if key else ""
        reason = "not a JSON number, text or truth (NaN and infinity are not JSON)" if name else reason
    return FieldError(" ".join(f"{name}: {reason}".split()) if name else reason, index)


_FRACTION = re.compile(r"Expected `int( \| null)?`, got `float`")
_PLACE = re.compile(r"at `\$(?:\[(\d+)\])?(?:\.(\w+))?")
_BYTE = re.compile(r"\(byte (\d+)\)")
_KEY = re.compile(r'"([A-Za-z_]{1,40})"\s*:\s*[-+]?$')
_decoder = msgspec.json.Decoder(PredictionRequest)
_list_decoder = msgspec.json.Decoder(list[PredictionRequest])
