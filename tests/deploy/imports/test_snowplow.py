"""Snowplow's enriched events, as TSV and as JSON: which sessions come out of them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deploy.imports.errors import ImportFileError
from deploy.imports.snowplow import COLUMNS, SnowplowEvents
from tests.support.agents import CHROME
from tests.support.events import NOON
from tests.support.history import LogSender, import_into, sessions

VENDOR = "com.snowplowanalytics.snowplow.ecommerce"
PRODUCT = {"id": "p1", "price": 20.0, "currency": "EUR", "quantity": 2, "category": "shirts"}


def schema(name: str, data: dict[str, Any]) -> dict[str, Any]:
    return {"schema": f"iglu:{VENDOR}/{name}/jsonschema/1-0-0", "data": data}


def event(number: int, second: int, kind: str, **given: Any) -> dict[str, Any]:
    whole = {
        "app_id": "shop",
        "platform": "web",
        "collector_tstamp": "2025-01-01 13:00:00.000",
        "derived_tstamp": f"2025-01-01 12:00:{second:02}.000",
        "event": kind,
        "event_name": kind,
        "event_id": f"00000000-0000-4000-8000-{number:012}",
        "user_ipaddress": "203.0.113.77",
        "domain_userid": "11111111-aaaa-4aaa-8aaa-111111111111",
        "domain_sessionidx": 1,
        "domain_sessionid": "22222222-bbbb-4bbb-8bbb-222222222222",
        "geo_country": "AT",
        "page_url": "https://shop.example/p/1",
        "page_referrer": "https://www.google.com/",
        "useragent": CHROME,
    }
    return whole | given


def action(number: int, second: int, kind: str, *entities: dict[str, Any]) -> dict[str, Any]:
    return event(
        number,
        second,
        "unstruct",
        event_name="snowplow_ecommerce_action",
        unstruct_event={"data": schema("snowplow_ecommerce_action", {"type": kind})},
        contexts={"data": list(entities)},
    )


ROWS = [
    event(1, 0, "page_view"),
    event(2, 10, "page_ping", pp_yoffset_max=500, doc_height=2000, br_viewheight=500),
    action(3, 20, "add_to_cart", schema("product", PRODUCT)),
    action(4, 25, "promo_view"),
    event(5, 30, "struct", se_category="chat", se_action="open", se_value=2.5),
    action(6, 40, "transaction", schema("transaction", {"transaction_id": "T1", "revenue": 45.5, "currency": "EUR"})),
    event(7, 50, "page_view", domain_sessionid=None),
    event(8, 50, "page_view", domain_sessionid="bot", useragent="Googlebot/2.1"),
    event(9, 55, "transaction", domain_sessionid="old", tr_orderid="T2", tr_total=9.5, tr_currency="EUR"),
]


def as_tsv(path: Path) -> Path:
    lines = []
    for each in reversed(ROWS):
        cells = [each.get(name) for name in COLUMNS]
        lines.append("\t".join("" if c is None else json.dumps(c) if isinstance(c, dict) else str(c) for c in cells))
    path.write_text("\n".join(lines) + "\n")
    return path


def as_json(path: Path) -> Path:
    """As the analytics SDKs write it: contexts and events in columns of their own."""
    spread = []
    for each in ROWS:
        row = {name: value for name, value in each.items() if name not in ("contexts", "unstruct_event")}
        row["derived_tstamp"] = row["derived_tstamp"].replace(" ", "T") + "Z"
        for entity in each.get("contexts", {}).get("data", []):
            name = entity["schema"].split("/")[1]
            row.setdefault(f"contexts_com_snowplowanalytics_snowplow_ecommerce_{name}_1", []).append(entity["data"])
        if "unstruct_event" in each:
            column = "unstruct_event_com_snowplowanalytics_snowplow_ecommerce_snowplow_ecommerce_action_1"
            row[column] = each["unstruct_event"]["data"]["data"]
        spread.append(json.dumps(row))
    path.write_text("\n".join(spread))
    return path


@pytest.mark.parametrize("write", [as_tsv, as_json])
def test_enriched_events_come_out_as_sessions(tmp_path: Path, write: Callable[[Path], Path]) -> None:
    sender = LogSender()
    account = import_into(sender, tmp_path, [write(tmp_path / "events")], SnowplowEvents()).state.account
    assert (account.rows, account.events, account.refused) == (9, 6, {})
    assert sorted(account.left_out) == [
        "a program's visit, by its user agent",
        "e-commerce action: promo_view is nothing that counts here",
        "no domain_sessionid, as of events from a server",
    ]
    found = {key.rpartition("/")[2]: updates[-1] for key, updates in sessions(sender.log, NOON + 60_000).items()}
    visit = found.pop("22222222-bbbb-4bbb-8bbb-222222222222")
    assert (visit["revenue"], visit["amount"], visit["currency"], visit["started_at"]) == (True, 45.5, "EUR", NOON)
    counts = visit["counts"]
    assert (counts["page_views"], counts["pings"], counts["customs"], counts["purchases"]) == (1, 1, 1, 1)
    assert (visit["origin"]["region"], visit["origin"]["browser"]) == ("AT", "Chrome")
    assert visit["origin"]["traffic_type"] == "Organic search"
    cart = next(each.commerce for each in sender.events() if each.commerce)
    assert [(item.id, item.quantity, item.price) for item in cart.items] == [("p1", 2.0, 20.0)]
    assert next(each.ping.scroll_depth for each in sender.events() if each.ping) == 50
    assert {key: update["amount"] for key, update in found.items()} == {"old": 9.5}


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a,b\n1,2\n")
    with pytest.raises(ImportFileError, match="first line has 1 columns, not 131"):
        import_into(LogSender(), tmp_path, [tmp_path / "file"], SnowplowEvents())
