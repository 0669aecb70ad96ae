"""How the databases keep a field of a scored session: the mark that stands at the field's declaration.

Knows no database. storage/database/columns.py makes tables, rows and reads of the marks.
"""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

StoredTable = Literal["sessions", "scored_sessions"]


class ColumnSpec(Struct, frozen=True):
    """What a field's type and name do not say of its column. Without a mark a field is kept by both tables.

    `column` is the column's name where it is not the field's; `names` the same for the fields of a struct, by table;
    `parts` are the fields of a struct that a table keeps, where it does not keep all; `in_intent` shows the field to
    whoever may see a session's intent; `keep_millis` keeps a time in milliseconds.
    """

    column: str | None = None
    tables: tuple[StoredTable, ...] = ("sessions", "scored_sessions")
    names: Mapping[str, Mapping[str, str]] = {}
    parts: Mapping[StoredTable, tuple[str, ...]] = {}
    in_intent: bool = False
    keep_millis: bool = False


#: Signals that lists of sessions show and sort by; the timeline keeps them all.
LISTED_SIGNALS = ("cart_quantity", "cart_value", "checkout_step", "previous_sessions")

#: Columns of the features in `sessions`, named as in the study that OP-ECOM reproduces ("the report", docs/model.md);
#: the timeline keeps the names of the UCI file.
REPORT_NAMES = {
    "Administrative": "administrative_count",
    "Administrative_Duration": "administrative_duration",
    "Informational": "informational_count",
    "Informational_Duration": "informational_duration",
    "ProductRelated": "product_related_count",
    "ProductRelated_Duration": "product_related_duration",
    "BounceRates": "bounce_rates",
    "ExitRates": "exit_rates",
    "PageValues": "page_values",
    "SpecialDay": "special_day",
    "Month": "month",
    "OperatingSystems": "operating_system_code",
    "Browser": "browser_code",
    "Region": "region",
    "TrafficType": "traffic_type",
    "VisitorType": "visitor_type",
    "Weekend": "is_weekend",
}
