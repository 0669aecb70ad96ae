"""Snowplow's enriched events: TSV as the pipeline writes them, or JSON as the analytics SDKs do; as our events.

https://docs.snowplow.io/docs/fundamentals/canonical-event/ has the columns, its e-commerce pages the entities.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC
from typing import Any

import msgspec

from deploy.imports.delimited import TableFormat
from deploy.imports.errors import ImportFileError, RowRefusedError
from deploy.imports.fields import fitting_id
from deploy.imports.readers import SourceFile
from deploy.imports.times import TimeFormat
from ingest.commerce import MAX_ITEMS

#: The columns of an enriched event, in their order.
_COLUMN_NAMES = (
    "app_id platform etl_tstamp collector_tstamp dvce_created_tstamp event event_id txn_id name_tracker v_tracker "
    "v_collector v_etl user_id user_ipaddress user_fingerprint domain_userid domain_sessionidx network_userid "
    "geo_country geo_region geo_city geo_zipcode geo_latitude geo_longitude geo_region_name ip_isp ip_organization "
    "ip_domain ip_netspeed page_url page_title page_referrer page_urlscheme page_urlhost page_urlport page_urlpath "
    "page_urlquery page_urlfragment refr_urlscheme refr_urlhost refr_urlport refr_urlpath refr_urlquery "
    "refr_urlfragment refr_medium refr_source refr_term mkt_medium mkt_source mkt_term mkt_content mkt_campaign "
    "contexts se_category se_action se_label se_property se_value unstruct_event tr_orderid tr_affiliation tr_total "
    "tr_tax tr_shipping tr_city tr_state tr_country ti_orderid ti_sku ti_name ti_category ti_price ti_quantity "
    "pp_xoffset_min pp_xoffset_max pp_yoffset_min pp_yoffset_max useragent br_name br_family br_version br_type "
    "br_renderengine br_lang br_features_pdf br_features_flash br_features_java br_features_director "
    "br_features_quicktime br_features_realplayer br_features_windowsmedia br_features_gears br_features_silverlight "
    "br_cookies br_colordepth br_viewwidth br_viewheight os_name os_family os_manufacturer os_timezone dvce_type "
    "dvce_ismobile dvce_screenwidth dvce_screenheight doc_charset doc_width doc_height tr_currency tr_total_base "
    "tr_tax_base tr_shipping_base ti_currency ti_price_base base_currency geo_timezone mkt_clickid mkt_network "
    "etl_tags dvce_sent_tstamp refr_domain_userid refr_dvce_tstamp derived_contexts domain_sessionid derived_tstamp "
    "event_vendor event_name event_format event_version event_fingerprint true_tstamp"
)
COLUMNS = tuple(_COLUMN_NAMES.split())
_TIMES = TimeFormat("auto", UTC)
_ECOMMERCE = "com_snowplowanalytics_snowplow_ecommerce"
#: The types of a snowplow_ecommerce_action that are a step of buying here.
_ACTIONS = {
    "add_to_cart": "add_to_cart",
    "remove_from_cart": "remove_from_cart",
    "product_view": "view_item",
    "list_view": "view_item_list",
    "list_click": "select_item",
    "checkout_step": "begin_checkout",
    "refund": "refund",
}


class SnowplowEvents:
    """A row is an enriched event."""

    table = TableFormat("\t", "utf-8", COLUMNS, has_quotes=False)

    def check(self, file: SourceFile) -> None:
        columns, expected = file.head.partition(b"\n")[0].count(b"\t") + 1, len(COLUMNS)
        if not (file.is_json or file.is_parquet) and columns != expected:
            raise ImportFileError(
                f"{file} has none of Snowplow's enriched events: its first line has {columns} columns, not {expected}"
            )

    def event(self, values: dict[str, Any]) -> dict[str, Any]:
        session = _text(values.get("domain_sessionid"))
        if session is None:
            raise RowRefusedError("no domain_sessionid, as of events from a server", left_out=True)
        event: dict[str, Any] = {
            "session_id": fitting_id(session),
            "occurred_at": _moment(values),
            "event_id": _text(values.get("event_id")),
            "user_agent": _text(values.get("useragent")),
            "country": _text(values.get("geo_country")),
            **_content(values),
        }
        if (visitor := _text(values.get("domain_userid"))) is not None:
            event["visitor_id"] = fitting_id(visitor)
        if (visits := _text(values.get("domain_sessionidx"))) is not None:
            event["visitor_type"] = "New_Visitor" if visits == "1" else "Returning_Visitor"
        if (url := _text(values.get("page_url"))) is not None:
            event["page"] = {"url": url, "referrer": _text(values.get("page_referrer"))}
        if (address := _text(values.get("user_ipaddress"))) is not None:
            event["context"] = {"ip": address[:45]}
        return {name: value for name, value in event.items() if value is not None}


def _moment(values: Mapping[str, Any]) -> int:
    for name in ("true_tstamp", "derived_tstamp", "collector_tstamp"):
        if values.get(name):
            return _TIMES.millis(values[name], name)
    raise RowRefusedError("no derived_tstamp")


def _content(values: Mapping[str, Any]) -> dict[str, Any]:
    """Type and member of the event; raises RowRefusedError for what has no counterpart."""
    kind, name = _text(values.get("event")), _text(values.get("event_name"))
    if kind == "page_view":
        return {"type": "page_view"}
    if kind == "page_ping":
        return {"type": "page_ping", "ping": _ping(values)}
    if kind == "transaction" and _text(values.get("tr_orderid")) is not None:
        amount, order = _number(values.get("tr_total"), "tr_total"), str(values["tr_orderid"])
        return {"type": "purchase", "purchase": _purchase(amount, order, values.get("tr_currency"))}
    if kind == "struct" and _text(values.get("se_category")) and _text(values.get("se_action")):
        custom: dict[str, Any] = {"category": values["se_category"][:200], "action": values["se_action"][:200]}
        if (label := _text(values.get("se_label"))) is not None:
            custom["label"] = label[:200]
        if _text(values.get("se_value")) is not None:
            custom["value"] = _number(values["se_value"], "se_value")
        return {"type": "custom", "custom": custom}
    if name == "snowplow_ecommerce_action":
        return _ecommerce(values)
    raise RowRefusedError(f"event: {name or kind} is nothing that counts here", left_out=True)


def _ping(values: Mapping[str, Any]) -> dict[str, Any]:
    """Snowplow's pings say no engaged time, but how far the page was scrolled."""
    height, view = _text(values.get("doc_height")), _text(values.get("br_viewheight"))
    offset = _text(values.get("pp_yoffset_max"))
    if height is None or offset is None or _number(height, "doc_height") <= 0:
        return {}
    seen = _number(offset, "pp_yoffset_max") + (_number(view, "br_viewheight") if view else 0)
    return {"scroll_depth": min(100.0, max(0.0, 100 * seen / _number(height, "doc_height")))}


def _ecommerce(values: Mapping[str, Any]) -> dict[str, Any]:
    action = str(_data(values, "unstruct_event", "snowplow_ecommerce_action").get("type") or "")
    products = _entities(values, "product")
    if action == "transaction":
        order = next(_entities(values, "transaction"), {})
        amount = _number(order.get("revenue"), "revenue")
        return {"type": "purchase", "purchase": _purchase(amount, order.get("transaction_id"), order.get("currency"))}
    if action not in _ACTIONS:
        raise RowRefusedError(f"e-commerce action: {action[:40]} is nothing that counts here", left_out=True)
    found = list(products)[:MAX_ITEMS]
    commerce: dict[str, Any] = {"action": _ACTIONS[action], "items": [_item(product) for product in found]}
    currency = next((product["currency"] for product in found if product.get("currency")), None)
    if action == "refund":
        refund = next(_entities(values, "refund"), {})
        commerce["order_id"], currency = refund.get("transaction_id"), refund.get("currency")
        if refund.get("refund_amount") is not None:
            commerce["value"] = _number(refund["refund_amount"], "refund_amount")
    return {"type": "commerce", "commerce": commerce | ({"currency": currency} if currency else {})}


def _item(product: Mapping[str, Any]) -> dict[str, Any]:
    item: dict[str, Any] = {"id": str(product.get("id") or ""), "quantity": product.get("quantity") or 1}
    return item | ({"price": product["price"]} if product.get("price") is not None else {})


def _purchase(amount: float, order: Any, currency: Any) -> dict[str, Any]:
    return {"amount": amount, "order_id": _text(order), "currency": _text(currency)}


def _entities(values: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    """The e-commerce entities of a kind: of the column `contexts`, or as the SDKs spread it over columns."""
    for column, found in values.items():
        if column.startswith(f"contexts_{_ECOMMERCE}_{name}_") and isinstance(found, list):
            yield from (each for each in found if isinstance(each, Mapping))
    for each in _json(values.get("contexts")).get("data") or []:
        if isinstance(each, Mapping) and f".ecommerce/{name}/" in str(each.get("schema")):
            data = each.get("data")
            if isinstance(data, Mapping):
                yield data


def _data(values: Mapping[str, Any], column: str, name: str) -> Mapping[str, Any]:
    """The data of a self-describing event of this name."""
    for spread, found in values.items():
        if spread.startswith(f"{column}_{_ECOMMERCE}_{name}_") and isinstance(found, Mapping):
            return found
    inner = _json(values.get(column)).get("data")
    data = inner.get("data") if isinstance(inner, Mapping) else None
    return data if isinstance(data, Mapping) else {}


def _json(cell: Any) -> Mapping[str, Any]:
    if isinstance(cell, str) and cell:
        try:
            cell = msgspec.json.decode(cell)
        except msgspec.DecodeError:
            raise RowRefusedError("contexts or unstruct_event is no JSON") from None
    return cell if isinstance(cell, Mapping) else {}


def _text(value: Any) -> str | None:
    return None if value is None or not str(value).strip() else str(value).strip()


def _number(value: Any, name: str) -> float:
    try:
        return float(value)
    except (ValueError, TypeError):
        raise RowRefusedError(f"{name}: {str(value)[:40]!r} is no number") from None
