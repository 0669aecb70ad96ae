"""Rows of our own making in the schema of GA4's BigQuery export: which sessions come out of them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from deploy.imports.ga4 import GoogleAnalytics
from tests.support.events import NOON
from tests.support.history import LogSender, import_into, sessions

ITEM = {"item_id": "SKU_1", "item_name": "Shirt", "price": 20.0, "quantity": 2, "item_category": "Apparel"}
MICROS = NOON * 1000


def param(key: str, value: Any) -> dict[str, Any]:
    whole = isinstance(value, int)
    return {
        "key": key,
        "value": {
            "string_value": None if whole else value if isinstance(value, str) else None,
            "int_value": value if whole else None,
            "float_value": None,
            "double_value": value if isinstance(value, float) else None,
        },
    }


def row(name: str, after_ms: float, user: str = "1111.2222", session: int | None = 17, **params: Any) -> dict[str, Any]:
    """A row of events_YYYYMMDD; `ordering` and `index` say where in its batch."""
    batch = {
        "batch_page_id": 1,
        "batch_ordering_id": params.pop("ordering", 1),
        "batch_event_index": params.pop("index", 1),
    }
    items, ecommerce = params.pop("items", []), params.pop("ecommerce", {})
    known = {"page_location": "https://shop.example/", **params} | (
        {} if session is None else {"ga_session_id": session}
    )
    return {
        "event_date": "20250101",
        "event_timestamp": round(MICROS + after_ms * 1000),
        "event_name": name,
        "event_params": [param(key, value) for key, value in known.items()],
        "event_previous_timestamp": None,
        "event_bundle_sequence_id": 1,
        "user_id": None,
        "user_pseudo_id": user,
        "device": {
            "category": "mobile",
            "operating_system": "iOS",
            "language": "de-at",
            "web_info": {"browser": "Safari", "hostname": "shop.example"},
        },
        "geo": {"country": "Austria", "city": "Vienna"},
        "traffic_source": {"name": "(direct)", "medium": "(none)", "source": "(direct)"},
        "stream_id": "1",
        "platform": "WEB",
        "ecommerce": {"transaction_id": None, "purchase_revenue": None, "refund_value": None, **ecommerce},
        "items": items,
        **batch,
    }


SEARCH = {"page_referrer": "https://www.google.com/"}
ROWS = [
    # One visit that buys; GA4 gives all events of a batch one time.
    row("session_start", 0, ga_session_number=1, index=1, **SEARCH),
    row("page_view", 0, ga_session_number=1, index=3, **SEARCH),
    row("first_visit", 0, index=2),
    row("page_view", 9_000, page_location="https://shop.example/p/1?size=m"),
    row("view_item", 9_000, index=2, items=[ITEM], value=40.0, currency="EUR"),
    row("user_engagement", 15_000, engagement_time_msec=6_000),
    row("add_to_cart", 20_000, items=[ITEM], value=40.0, currency="EUR"),
    row("begin_checkout", 30_000, items=[ITEM], value=40.0, currency="EUR"),
    row("purchase", 40_000, items=[ITEM], transaction_id="T1", value=45.5, currency="EUR"),
    row("purchase", 40_000, items=[ITEM], transaction_id="T1", value=45.5, currency="EUR"),
    # Another visit of the same visitor, an hour later, who only looks.
    row("session_start", 3_600_000, session=18, ga_session_number=2),
    row("page_view", 3_600_000, session=18, ga_session_number=2, index=2),
    # A purchase whose amount stands in the record alone.
    row("page_view", 1_000, user="3333.4444", session=5, ga_session_number=1),
    row("purchase", 2_000, user="3333.4444", session=5, ecommerce={"transaction_id": "T2", "purchase_revenue": 12.0}),
    # Without consent there is no session.
    row("page_view", 3_000, session=None),
]


def texts(value: Any) -> Any:
    """Whole numbers as BigQuery's JSON export has them, and without what is null."""
    if isinstance(value, dict):
        return {name: texts(each) for name, each in value.items() if each is not None}
    if isinstance(value, list):
        return [texts(each) for each in value]
    return str(value) if type(value) is int else value


def as_json(path: Path) -> Path:
    path.write_text("".join(json.dumps(texts(each)) + "\n" for each in reversed(ROWS)))
    return path


def as_parquet(path: Path) -> Path:
    pq.write_table(pa.Table.from_pylist(ROWS), path)
    return path


def as_nested_parquet(path: Path) -> Path:
    """Repeated records as some exports nest them."""
    nested = [
        {**each, **{name: {"list": [{"element": inner} for inner in each[name]]} for name in ("event_params", "items")}}
        for each in ROWS
    ]
    pq.write_table(pa.Table.from_pylist(nested), path)
    return path


@pytest.mark.parametrize("write", [as_json, as_parquet, as_nested_parquet])
def test_the_sample_comes_out_as_the_sessions_that_it_describes(tmp_path: Path, write: Callable[[Path], Path]) -> None:
    sender = LogSender()
    account = import_into(sender, tmp_path, [write(tmp_path / "ga4")], GoogleAnalytics()).state.account
    assert (account.rows, account.events, account.duplicates, account.refused) == (15, 11, 1, {})
    assert account.left_out == {
        "event_name: first_visit is nothing that counts here": 1,
        "event_name: user_engagement is nothing that counts here": 1,
        "no ga_session_id, as without consent": 1,
    }
    found = {key.rpartition("/")[2]: updates[-1] for key, updates in sessions(sender.log, NOON + 3_600_000).items()}
    assert set(found) == {"1111.2222.17", "1111.2222.18", "3333.4444.5"}

    buyer = found["1111.2222.17"]
    assert (buyer["status"], buyer["visitor_id"], buyer["started_at"]) == ("closed", "1111.2222", NOON)
    pages = [each.page.path for each in sender.events() if each.session_id == "1111.2222.17" and each.page]
    assert (pages, buyer["counts"]["page_views"]) == (["/", "/p/1"], 2)
    assert (buyer["revenue"], buyer["amount"], buyer["currency"]) == (True, 45.5, "EUR")
    assert buyer["counts"]["purchases"] == 1
    assert (buyer["origin"]["traffic_type"], buyer["origin"]["browser"]) == ("Organic search", "Safari")
    assert buyer["features"]["VisitorType"] == "New_Visitor"
    assert (buyer["signals"]["device_class"], buyer["signals"]["previous_sessions"]) == ("mobile", 0)

    looker = found["1111.2222.18"]
    assert (looker["revenue"], looker["features"]["VisitorType"]) == (False, "Returning_Visitor")
    assert looker["signals"]["previous_sessions"] == 1
    assert (found["3333.4444.5"]["revenue"], found["3333.4444.5"]["amount"]) == (True, 12.0)


def test_events_of_one_batch_keep_its_order(tmp_path: Path) -> None:
    sender = LogSender()
    import_into(sender, tmp_path, [as_json(tmp_path / "ga4")], GoogleAnalytics())
    first = [event for event in sender.events() if (event.session_id, event.occurred_at) == ("1111.2222.17", NOON)]
    assert [event.type for event in sorted(first, key=lambda event: event.event_id)] == ["session_start", "page_view"]


def test_what_is_no_number_is_named(tmp_path: Path) -> None:
    broken = texts(row("page_view", 0)) | {"event_timestamp": "yesterday"}
    (tmp_path / "ga4").write_text(json.dumps(broken))
    account = import_into(LogSender(), tmp_path, [tmp_path / "ga4"], GoogleAnalytics()).state.account
    assert account.refused == {"event_timestamp: … is no whole number": 1}
