"""The feature contract: the 17 names of the UCI Online Shoppers data, their order, types and codes.

A row is 17 float32 in the order of NAMES. Month is 1 (Jan) to 12 (Dec), VisitorType 1 to 3 in the order of
VISITOR_TYPES, Weekend 0 or 1; 0 is "unknown" in every coded column. Source of names and spelling: UCI 468
(Sakar & Kastro, 2018), which writes "June" in full and never published the code books of the four integer codes.
Knows nothing of events and sessions.
"""

from collections.abc import Sequence
from typing import Literal, get_args

from msgspec import Struct

Month = Literal["Jan", "Feb", "Mar", "Apr", "May", "June", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
VisitorType = Literal["New_Visitor", "Returning_Visitor", "Other"]

MONTHS: tuple[Month, ...] = get_args(Month)
VISITOR_TYPES: tuple[VisitorType, ...] = get_args(VisitorType)
MONTH_CODES = {name: code for code, name in enumerate(MONTHS, 1)}
VISITOR_CODES = {name: code for code, name in enumerate(VISITOR_TYPES, 1)}


class Features(Struct, frozen=True, gc=False):
    """One session's features as people and files read them; durations in seconds, rates and SpecialDay 0 to 1."""

    Administrative: int
    Administrative_Duration: float
    Informational: int
    Informational_Duration: float
    ProductRelated: int
    ProductRelated_Duration: float
    BounceRates: float
    ExitRates: float
    PageValues: float
    SpecialDay: float
    Month: Month
    OperatingSystems: int
    Browser: int
    Region: int
    TrafficType: int
    VisitorType: VisitorType
    Weekend: bool


NAMES: tuple[str, ...] = Features.__struct_fields__


def model_input(features: Features) -> Sequence[float]:
    """The model's input for these features: 17 numbers in the order of NAMES."""
    return (
        features.Administrative,
        features.Administrative_Duration,
        features.Informational,
        features.Informational_Duration,
        features.ProductRelated,
        features.ProductRelated_Duration,
        features.BounceRates,
        features.ExitRates,
        features.PageValues,
        features.SpecialDay,
        MONTH_CODES[features.Month],
        features.OperatingSystems,
        features.Browser,
        features.Region,
        features.TrafficType,
        VISITOR_CODES[features.VisitorType],
        features.Weekend,
    )
