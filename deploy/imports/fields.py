"""The fields of an event by dotted names, as columns of a flat table have them: their kinds, and events made of them.

Knows the shape of `POST /v1/batch` and the helpers that imports add: `sequence`, `user_agent`, `country`, one item.
"""

import re
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any, Literal

import msgspec

from deploy.imports.errors import RowRefusedError
from deploy.imports.times import TimeFormat
from ingest.collect import MEMBERS

_ID = re.compile(r"[A-Za-z0-9_.:~-]{1,64}")
Kind = Literal["text", "whole", "number", "time", "json"]

_CODES = ("browser", "operating_system", "region", "traffic_type")
FIELDS: Mapping[str, Kind] = {
    **dict.fromkeys(("type", "session_id", "event_id", "visitor_id", "visitor_type", "site"), "text"),
    **dict.fromkeys(("occurred_at", "received_at"), "time"),
    "sequence": "whole",
    **dict.fromkeys(("page.url", "page.type", "page.referrer"), "text"),
    "ping.engaged_ms": "whole",
    "ping.scroll_depth": "number",
    **dict.fromkeys(("custom.category", "custom.action", "custom.label"), "text"),
    "custom.value": "number",
    "purchase.amount": "number",
    **dict.fromkeys(("purchase.order_id", "purchase.currency"), "text"),
    "commerce.value": "number",
    **dict.fromkeys(("commerce.action", "commerce.order_id", "commerce.currency", "commerce.item.id"), "text"),
    **dict.fromkeys(("commerce.item.quantity", "commerce.item.price"), "number"),
    "commerce.items": "json",
    "history.previous_sessions": "whole",
    "history.previous_purchases": "whole",
    "history.days_since_previous_session": "number",
    **dict.fromkeys(("context.visitor_type", "context.ip", "context.device_class"), "text"),
    **{f"context.{name}.code": "whole" for name in _CODES},
    **{f"context.{name}.name": "text" for name in _CODES},
    **dict.fromkeys(("user_agent", "country"), "text"),
}
#: Of tables that say nothing of theirs.
PLAIN_TIMES = TimeFormat()
_MEMBERS = ("ping", "custom", "purchase", "commerce")


def event_of_fields(
    cells: Iterable[tuple[str, Any]], times: TimeFormat = PLAIN_TIMES, decimal: str = "."
) -> dict[str, Any]:
    """An event as a batch has it, of fields and their cells; empty cells are not there. Raises RowRefusedError.

    A member that the event's type does not take is left out: a table has its columns for every row.
    """
    event: dict[str, Any] = {}
    for field, cell in cells:
        if cell is None or (isinstance(cell, str) and not cell.strip()):
            continue
        *parents, name = field.split(".")
        place = event
        for parent in parents:
            place = place.setdefault(parent, {})
        place[name] = _value(field, cell, times, decimal)
    needed = MEMBERS.get(event.get("type", ""), "")
    for member in _MEMBERS:
        if needed not in ("", member):
            event.pop(member, None)
    if event.get("type") != "session_start":
        event.pop("history", None)
    commerce = event.get("commerce")
    if commerce and "item" in commerce:
        commerce["items"] = [commerce.pop("item")]
    return event


def fitting_id(text: str) -> str:
    """An id of another system as ours may be: itself, or a digest where it is too long or has other characters."""
    return text if _ID.fullmatch(text) else blake2b(text.encode(errors="replace"), digest_size=16).hexdigest()


def _value(field: str, cell: Any, times: TimeFormat, decimal: str) -> Any:
    kind = FIELDS[field]
    if kind == "time":
        return times.millis(cell, field)
    if kind == "text":
        return str(cell).strip()
    try:
        if kind == "json":
            return msgspec.json.decode(cell) if isinstance(cell, str | bytes) else cell
        number = float(cell.strip().replace(decimal, ".") if isinstance(cell, str) else cell)
        if kind == "number":
            return number
        if number != int(number):
            raise ValueError
        # Through the text, as a float has 53 bits only.
        return (
            int(cell) if isinstance(cell, int) or (isinstance(cell, str) and cell.strip().isdecimal()) else int(number)
        )
    except (ValueError, OverflowError, TypeError, msgspec.DecodeError):
        wanted = {"json": "JSON", "number": "number", "whole": "whole number"}[kind]
        raise RowRefusedError(f"{field}: {str(cell)[:40]!r} is no {wanted}") from None
