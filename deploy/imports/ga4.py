"""Google Analytics 4's BigQuery export (https://support.google.com/analytics/answer/7029846): its rows as our events.

JSON Lines, where BigQuery writes whole numbers as texts, or Parquet.
"""

from collections.abc import Mapping
from typing import Any

from deploy.imports.delimited import TableFormat
from deploy.imports.errors import ImportFileError, RowRefusedError
from deploy.imports.fields import fitting_id
from deploy.imports.readers import SourceFile
from ingest import codes
from ingest.commerce import ACTIONS, MAX_ITEMS
from ingest.events import Code

#: Events of GA4 that are another one here; those of commerce keep their names.
_TYPES = {"page_view": "page_view", "session_start": "session_start", "purchase": "purchase"}
_ACTIONS = {"view_search_results": "search"}
#: What GA4 writes for nothing.
_EMPTY = frozenset(("", "(not set)", "(none)", "(other)"))
_DEVICES = {"desktop": "desktop", "mobile": "mobile", "tablet": "tablet"}
#: device.operating_system, where ua-parser has another name.
_SYSTEMS = {"Macintosh": "Mac OS X"}
#: device.web_info.browser, where ua-parser has another name.
_BROWSERS = {"Safari (in-app)": "Mobile Safari UI/WKWebView", "Android Webview": "Chrome Mobile WebView"}


class GoogleAnalytics:
    """A row is an event of GA4."""

    table = TableFormat()

    def check(self, file: SourceFile) -> None:
        if not (file.is_json or file.is_parquet):
            raise ImportFileError(f"{file} is no BigQuery export: it is JSON Lines or Parquet")

    def event(self, values: dict[str, Any]) -> dict[str, Any]:
        name = str(values.get("event_name") or "")
        action = _ACTIONS.get(name, name)
        kind = _TYPES.get(name) or ("commerce" if action in ACTIONS else "")
        if not kind:
            raise RowRefusedError(f"event_name: {name[:40]} is nothing that counts here", left_out=True)
        params = _params(values.get("event_params"))
        user, session = _text(values.get("user_pseudo_id")), params.get("ga_session_id")
        if user is None or session is None:
            # Consent mode: GA4 sends what it may, without who it was.
            missing = "user_pseudo_id" if user is None else "ga_session_id"
            raise RowRefusedError(f"no {missing}, as without consent", left_out=True)
        micros = _whole(values.get("event_timestamp"), "event_timestamp")
        event: dict[str, Any] = {
            "type": kind,
            "session_id": fitting_id(f"{user}.{session}"),
            "visitor_id": fitting_id(user),
            "visitor_type": "Returning_Visitor" if _number(params.get("ga_session_number")) > 1 else "New_Visitor",
            "occurred_at": micros // 1000,
            "sequence": _sequence(values, micros),
            "context": _context(values),
            **_page(params),
        }
        if kind == "session_start" and "ga_session_number" in params:
            event["history"] = {"previous_sessions": max(0, int(_number(params["ga_session_number"])) - 1)}
        if kind == "purchase":
            event["purchase"] = _purchase(_record(values, "ecommerce"), params)
        if kind == "commerce":
            event["commerce"] = _commerce(action, values, params)
        return event


def _page(params: Mapping[str, Any]) -> dict[str, Any]:
    location = _text(params.get("page_location"))
    if location is None:
        return {}
    page = {"url": location, "referrer": _text(params.get("page_referrer"))}
    return {"page": page}


def _purchase(ecommerce: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    amount = params.get("value")
    if amount is None:
        amount = ecommerce.get("purchase_revenue")
    return {
        "amount": _number(amount),
        "order_id": _text(params.get("transaction_id")) or _text(ecommerce.get("transaction_id")),
        "currency": _text(params.get("currency")),
    }


def _commerce(action: str, values: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    commerce: dict[str, Any] = {"action": action, "items": _items(values.get("items"))}
    if params.get("value") is not None:
        commerce["value"] = _number(params["value"])
    elif action == "refund" and _record(values, "ecommerce").get("refund_value") is not None:
        commerce["value"] = _number(_record(values, "ecommerce")["refund_value"])
    if (currency := _text(params.get("currency"))) is not None:
        commerce["currency"] = currency
    order = _text(params.get("transaction_id")) or _text(_record(values, "ecommerce").get("transaction_id"))
    if order is not None:
        commerce["order_id"] = order
    return commerce


def _items(given: Any) -> list[dict[str, Any]]:
    items = []
    for each in _repeated(given)[:MAX_ITEMS]:
        name = _text(each.get("item_id")) or _text(each.get("item_name"))
        if name is None:
            continue
        item: dict[str, Any] = {"id": name, "quantity": _number(each.get("quantity"), 1)}
        if each.get("price") is not None:
            item["price"] = _number(each["price"])
        items.append(item)
    return items


def _context(values: Mapping[str, Any]) -> dict[str, Any]:
    device = _record(values, "device")
    found: dict[str, Any] = {}
    if (browser := _text(_record(device, "web_info").get("browser")) or _text(device.get("browser"))) is not None:
        found["browser"] = _code(codes.browser(_BROWSERS.get(browser, browser)))
    if (system := _text(device.get("operating_system"))) is not None:
        found["operating_system"] = _code(codes.system(_SYSTEMS.get(system, system)))
    if (category := _text(device.get("category"))) is not None:
        found["device_class"] = _DEVICES.get(category, "other")
    return found


def _sequence(values: Mapping[str, Any], micros: int) -> int:
    """The order of events of one millisecond: µs, request of the page, place in the request; 1 at least."""
    request = min(_optional(values.get("batch_ordering_id")), 2**20 - 1)
    place = min(_optional(values.get("batch_event_index")), 2**20 - 1)
    return ((micros % 1000) << 40 | request << 20 | place) + 1


def _params(given: Any) -> dict[str, Any]:
    """event_params as names and values."""
    found: dict[str, Any] = {}
    for each in _repeated(given):
        value = each.get("value")
        if isinstance(value, Mapping):
            value = next((inner for inner in value.values() if inner is not None), None)
        if value is not None and isinstance(each.get("key"), str):
            found[each["key"]] = value
    return found


def _repeated(given: Any) -> list[Mapping[str, Any]]:
    """A repeated record: a list, or as some Parquet writers nest it, {"list": [{"element": ...}]}."""
    if isinstance(given, Mapping):
        given = given.get("list")
    if not isinstance(given, list):
        return []
    unpacked = [each["element"] if isinstance(each, Mapping) and set(each) == {"element"} else each for each in given]
    return [each for each in unpacked if isinstance(each, Mapping)]


def _record(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = values.get(name)
    return found if isinstance(found, Mapping) else {}


def _text(value: Any) -> str | None:
    text = "" if value is None else str(value).strip()
    return None if text in _EMPTY else text


def _whole(value: Any, field: str) -> int:
    try:
        return int(value)
    except (ValueError, TypeError):
        raise RowRefusedError(f"{field}: {str(value)[:40]!r} is no whole number") from None


def _optional(value: Any) -> int:
    return max(0, int(_number(value)))


def _number(value: Any, missing: float = 0) -> float:
    if value is None:
        return missing
    try:
        return float(value)
    except (ValueError, TypeError):
        raise RowRefusedError(f"{str(value)[:40]!r} is no number") from None


def _code(code: Code) -> dict[str, Any]:
    return {"code": code.code, "name": code.name}
