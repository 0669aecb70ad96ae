"""What a decoder says is wrong with a body, with what to do about it: the field that was meant, the form of a value."""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

import msgspec

from ingest.commerce import ACTION_NAMES, MAX_ITEMS, CommerceItem

TIMES = ("occurred_at", "sent_at", "received_at")
TIME_FORM = "send milliseconds since 1970 (UTC), or ISO 8601 with a zone: 2026-11-24T12:00:00Z"

_UNKNOWN = re.compile(r"Object contains unknown field `(.*?)`(?: - at `(.*)`)?", re.DOTALL)
_PLACE = re.compile(r" - at `\$([^`]*)`$")
_ITEM = re.compile(r"\.items\[[^\]]*\]$")
#: What was sent in place of a name that is known; of a long one the beginning says enough.
_WRONG_NAME = re.compile(r"^(Invalid enum value .{31}).{4,}( - at `[^`]*`)$")
_INDEX = re.compile(r"\[[^\]]*\]")
#: Shops send their whole product, and would learn of its fields one by one.
_NO_MORE = f" (an item has {', '.join(CommerceItem.__struct_fields__)} and no more)"
#: A longer name is no slip of the pen, and comparing costs by length.
_MAX_NAME = 40
#: What other trackers call it; names without case and underscores.
_OTHERS_NAME = {
    "occurred_at": ("timestamp", "time", "ts", "eventtime", "timestampms", "createdat"),
    "visitor_id": ("userid", "clientid", "anonymousid", "user"),
    "session_id": ("session", "sid"),
    "event_id": ("id", "messageid", "uuid"),
    "id": ("itemid", "itemname", "productid", "sku", "name"),
    "quantity": ("qty", "count"),
    "price": ("unitprice", "itemprice"),
    "items": ("products", "contents"),
    "order_id": ("transactionid", "ordernumber", "orderno"),
    "amount": ("total", "price", "revenue", "value", "sum"),
    "page_url": ("url", "path", "location", "pagelocation"),
    "url": ("pageurl", "path", "location", "href"),
    "referrer": ("referer", "pagereferrer"),
    "type": ("event", "eventtype", "eventname", "pagetype"),
    "page_type": ("type",),
    "action": ("event", "eventname"),
}


def explained(error: str, body: Any) -> str:
    """The message of a msgspec.ValidationError with what to do; `body` is the type that was read."""
    if unknown := _UNKNOWN.match(error):
        at = unknown[2] or "$"
        hint = _hint(body, unknown[1], _INDEX.sub("", at)[1:].lstrip("."))
        return error + hint + (_NO_MORE if _ITEM.search(at) else "")
    error = _WRONG_NAME.sub(r"\1...\2", error)
    place = _PLACE.search(error)
    what = _remedy(error, place[1] if place else "")
    return f"{error}; {what}" if what else error


def _remedy(error: str, path: str) -> str:
    """What to send in the field at this path; empty where the error says so itself."""
    name = path.rpartition(".")[2]
    if name in TIMES:
        return TIME_FORM
    if name in ("amount", "value", "price", "quantity") and "regex" in error:
        return "send a number, as 99.99"
    remedies = (
        (name == "event_id" and "regex" in error, "send a UUID, or none"),
        (
            name == "action" and "enum" in error,
            f"send one of {', '.join(ACTION_NAMES)}; a purchase is a type of its own",
        ),
        (bool(_ITEM.search(path)) and "field `id`" in error, "send the product's number or name in it"),
        (name == "items" and "length" in error, f"send the first {MAX_ITEMS}"),
    )
    return next((remedy for fits, remedy in remedies if fits), "")


def _hint(body: Any, name: str, place: str) -> str:
    if len(name) > _MAX_NAME:
        return ""
    fields = _fields(body)
    here = {_squashed(each): each for where, each in fields if where == place}
    if meant := _meant(name, here):
        return f"; did you mean {meant}?"
    elsewhere = {_squashed(each): (where, each) for where, each in reversed(fields) if where != place}
    if found := _meant(name, {squashed: squashed for squashed in elsewhere}, close=False):
        where, meant = elsewhere[found]
        return f"; did you mean {meant}? It belongs " + (f"in `{where}`" if where else "outside")
    return ""


def _meant(name: str, known: dict[str, str], close: bool = True) -> str | None:
    squashed = _squashed(name)
    if squashed in known:
        return known[squashed]
    for meant, others in _OTHERS_NAME.items():
        if squashed in others and _squashed(meant) in known:
            return known[_squashed(meant)]
    near = get_close_matches(squashed, known, n=1, cutoff=0.7) if close else []
    return known[near[0]] if near else None


def _squashed(name: str) -> str:
    return "".join(filter(str.isalnum, name)).lower()


@lru_cache(64)
def _fields(body: Any) -> tuple[tuple[str, str], ...]:
    """Where each field stands ("" or "purchase") and its name, the outer ones first."""
    return tuple(
        sorted(_walk(msgspec.inspect.type_info(body), ""), key=lambda field: field[0].count(".") + bool(field[0]))
    )


def _walk(kind: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(kind, msgspec.inspect.UnionType):
        for each in kind.types:
            yield from _walk(each, place)
    elif isinstance(kind, msgspec.inspect.ListType | msgspec.inspect.VarTupleType):
        yield from _walk(kind.item_type, place)
    elif isinstance(kind, msgspec.inspect.Metadata):
        yield from _walk(kind.type, place)
    elif isinstance(kind, msgspec.inspect.StructType):
        for field in kind.fields:
            yield place, field.encode_name
            yield from _walk(field.type, f"{place}.{field.encode_name}".lstrip("."))
