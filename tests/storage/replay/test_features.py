"""A training set has every beginning of every closed session, as it was then, with the outcome that came later."""

import csv
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ingest.commerce import Commerce, CommerceItem, VisitorHistory
from ingest.events import Event, Purchase, Tick
from scoring.features import NAMES
from scoring.signals import SIGNALS, Signals
from storage.database.money import Money, ReportingCurrency
from storage.replay.errors import ReplayError
from storage.replay.features import COLUMNS, OUTCOME, FeatureTarget
from stream.fold.result import FoldResult
from tests.support.events import NOON, event
from tests.support.log import folded, log_of, partition
from tests.support.replays import PARTITIONS, Shop, Watching, placed
from tests.support.weeks import HOUR, MINUTE, a_week


def shop(said: list[Any]) -> Shop:
    """Without databases: a training set needs none, but for a window."""
    return Shop(None, None, placed(said))  # type: ignore[arg-type]


async def made(said: list[Any], file: Path) -> list[dict[str, str]]:
    await shop(said).replay(into="features", target=str(file))
    with file.open(newline="") as lines:
        return list(csv.DictReader(lines))


async def test_one_row_for_each_update_of_closed_sessions_only(tmp_path: Path) -> None:
    week = a_week()
    open_ = event(9_000, week[-1].to + 1, session_id="open")  # type: ignore[union-attr]
    rows = await made([*week, open_], tmp_path / "set.csv")
    assert list(rows[0]) == list(COLUMNS)
    assert len(rows) == sum(isinstance(each, Event) for each in week)
    assert "open" not in {row["session_id"] for row in rows}


async def test_a_row_has_what_the_log_up_to_it_has(tmp_path: Path) -> None:
    """Folding only what was in the log at the update gives the row: nothing later has leaked into it."""
    week = a_week()
    rows = await made(week, tmp_path / "set.csv")
    logs = [log_of(part) for part in placed(week)]
    for row in rows:
        number, offset = int(row["partition"]), int(row["offset"])
        state = partition(number=number)
        then = folded(logs[number][: offset + 1], state).sessions[-1]
        assert [row[name] for name in NAMES] == [_cell(getattr(then.features, name)) for name in NAMES]
        assert [row[name] for name in SIGNALS] == [_cell(getattr(then.signals, name)) for name in SIGNALS]
        assert (row["bought_before"], row["events"]) == (_cell(then.revenue), str(then.counts.events))
        assert (row["page_views"], row["has_page_statistics"]) == (str(then.counts.page_views), "FALSE")


@pytest.mark.parametrize(
    ("money", "expected"),
    [
        ({}, {("TRUE", "", "")}),
        ({"default": ReportingCurrency("EUR", {"JPY": 0.5})}, {("TRUE", "2550.0", "EUR")}),
    ],
    ids=["apart", "converted"],
)
async def test_amounts_of_several_currencies_are_no_sum(tmp_path: Path, money: Money, expected: set[Any]) -> None:
    file, bought = tmp_path / "set.csv", [Purchase(50.0, "o1", "EUR", True), Purchase(5_000.0, "o2", "JPY", True)]
    said = [event(n, NOON + n, type="purchase", purchase=each) for n, each in enumerate(bought, 1)]
    target = FeatureTarget(file, money=money)
    state, into = partition(), FoldResult()
    for record in log_of([*said, Tick("live", NOON + 2 * HOUR)]):
        state.fold(record, into)
    target.add(0, [(update, 0.5, "first") for update in into.sessions])
    await target.finish([])
    with file.open(newline="") as lines:
        assert {(row["Revenue"], row["Amount"], row["Currency"]) for row in csv.DictReader(lines)} == expected


async def test_every_row_of_a_session_has_the_outcome_of_its_end(tmp_path: Path) -> None:
    bought = Purchase(30.0, "o1", verified=True)
    said = [
        event(1),
        event(2, NOON + 1_000),
        event(3, NOON + 2_000, type="purchase", purchase=bought),
        event(4, NOON + 3_000),
        event(5, NOON, session_id="s2"),
        Tick("live", NOON + 24 * HOUR),
    ]
    rows = await made(said, tmp_path / "set.csv")
    mine = [row for row in rows if row["session_id"] == "s1"]
    assert [row["bought_before"] for row in mine] == ["FALSE", "FALSE", "TRUE", "TRUE"]
    assert {(row["Revenue"], row["Amount"]) for row in mine} == {("TRUE", "30.0")}
    assert [row["ProductRelated"] for row in mine] == ["1", "2", "2", "3"]
    assert [row["Revenue"] for row in rows if row["session_id"] == "s2"] == ["FALSE"]


async def test_an_order_is_the_outcome_of_the_session_that_had_it_first(tmp_path: Path) -> None:
    def bought(number: int, at: int, session_id: str, *orders: str, site: str = "default") -> list[Event]:
        events = [event(number, at, session_id=session_id, site=site)]
        for place, each in enumerate(orders, 1):
            proof = Purchase(10.0 * place, each, "EUR", verified=True)
            at += 1_000
            events.append(event(number + place, at, session_id=session_id, site=site, type="purchase", purchase=proof))
        return [*events, event(number + 9, at + 1_000, session_id=session_id, site=site)]

    said = [
        *bought(10, NOON, "s1", "o1"),
        *bought(20, NOON + 24 * HOUR, "s2", "o1"),
        *bought(30, NOON + 25 * HOUR, "s3", "o1", "o2"),
        *bought(40, NOON + 26 * HOUR, "s4", "o1", site="other"),
        Tick("live", NOON + 48 * HOUR),
    ]
    rows = await made(said, tmp_path / "set.csv")
    outcomes = {row["session_id"]: (row["Revenue"], row["Amount"]) for row in rows}
    assert outcomes == {"s1": ("TRUE", "10.0"), "s2": ("FALSE", "0.0"), "s3": ("TRUE", "20.0"), "s4": ("TRUE", "10.0")}
    before = {each: [row["bought_before"] for row in rows if row["session_id"] == each] for each in outcomes}
    assert before["s1"] == ["FALSE", "TRUE", "TRUE"]
    assert before["s2"] == ["FALSE", "FALSE", "FALSE"]


async def test_sessions_of_programs_are_in_the_set_only_if_requested(tmp_path: Path) -> None:
    said = [
        event(1, flags=("bot",)),
        event(2, NOON + 1_000),
        event(3, NOON, session_id="s2"),
        event(4, NOON + 1_000, session_id="s2", flags=("bot",)),
        Tick("live", NOON + 24 * HOUR),
    ]
    found = {}
    for bots in (False, True):
        file = tmp_path / f"{bots}.csv"
        await shop(said).replay(into="features", target=str(file), bots=bots)
        with file.open(newline="") as lines:
            found[bots] = [row["session_id"] for row in csv.DictReader(lines)]
    # The earliest event says what a session is.
    assert sorted(found[False]) == ["s2", "s2"]
    assert sorted(found[True]) == ["s1", "s1", "s2", "s2"]


async def test_a_refund_alone_is_no_session_of_the_set_and_a_purchase_alone_is(tmp_path: Path) -> None:
    refund, order = Commerce("refund", order_id="o1", verified=True), Purchase(9.0, "o1", "EUR", verified=True)
    said = [
        event(1, session_id="bought", type="purchase", purchase=order),
        event(2, NOON + 24 * HOUR, session_id="bought", type="commerce", commerce=refund),
        event(3, NOON + 24 * HOUR, session_id="back office", type="commerce", commerce=refund),
        Tick("live", NOON + 48 * HOUR),
    ]
    rows = await made(said, tmp_path / "set.csv")
    assert [(row["session_id"], row["events"], row["Revenue"]) for row in rows] == [("bought", "1", "TRUE")]


async def test_parquet_has_the_same_rows_in_their_types(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    week = a_week()
    rows = await made(week, tmp_path / "set.csv")
    await shop(week).replay(into="features", target=str(tmp_path / "set.parquet"))
    table = parquet.read_table(tmp_path / "set.parquet")
    assert table.column_names == list(COLUMNS)
    assert [{name: _cell(value) for name, value in row.items()} for row in table.to_pylist()] == rows
    assert str(table.schema.field("Weekend").type) == "bool"
    assert str(table.schema.field("BounceRates").type) == "double"
    kinds = {name: str(table.schema.field(name).type) for name in Signals.__struct_fields__}
    whole = ("page_views", "events", "distinct_pages", "distinct_products", "searches", "cart_adds", "cart_removes")
    whole += ("checkout_step", "wishlist_adds", "hour", "previous_sessions", "previous_purchases")
    texts = ("last_page_type", "device_class")
    assert kinds == {
        **dict.fromkeys(kinds, "double"),
        **dict.fromkeys(whole, "int64"),
        **dict.fromkeys(texts, "string"),
        "has_page_statistics": "bool",
    }


async def test_what_is_unknown_is_an_empty_cell_and_what_is_known_a_number(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    items = (CommerceItem("p1", 2.0, 24.9),)
    said = [
        event(1, type="session_start", history=VisitorHistory(3, 1, 0.5)),
        event(2, NOON + 1_000),
        event(3, NOON + 2_000, type="commerce", commerce=Commerce("add_to_cart", currency="EUR", items=items)),
        event(4, NOON + 3_000, type="commerce", commerce=Commerce("add_to_cart", items=(CommerceItem("p2"),))),
        event(5, NOON, session_id="s2"),
        Tick("live", NOON + 24 * HOUR),
    ]
    rows = await made(said, tmp_path / "set.csv")
    mine = [row for row in rows if row["session_id"] == "s1"]
    names = ("previous_sessions", "days_since_previous_session", "cart_quantity", "cart_value", "last_page_type")
    told = [tuple(row[name] for name in names) for row in mine]
    assert told == [
        ("3", "0.5", "0.0", "0.0", ""),
        ("3", "0.5", "0.0", "0.0", "ProductRelated"),
        ("3", "0.5", "2.0", "49.8", "ProductRelated"),
        ("3", "0.5", "3.0", "", "ProductRelated"),
    ]
    assert {(row["previous_sessions"], row["device_class"]) for row in rows if row["session_id"] == "s2"} == {("", "")}
    await shop(said).replay(into="features", target=str(tmp_path / "set.parquet"))
    table = parquet.read_table(tmp_path / "set.parquet").to_pylist()
    assert [row["cart_value"] for row in table if row["session_id"] == "s1"] == [0.0, 0.0, 49.8, None]


async def test_no_cell_is_a_formula(tmp_path: Path) -> None:
    said = [event(1, session_id="-1:2"), Tick("live", NOON + 24 * HOUR)]
    assert [row["session_id"] for row in await made(said, tmp_path / "set.csv")] == ["'-1:2"]


async def test_an_empty_log_gives_a_header(tmp_path: Path) -> None:
    assert await made([], tmp_path / "set.csv") == []
    assert (tmp_path / "set.csv").read_text().startswith("site,session_id")


async def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReplayError, match=r"name a file that ends in \.csv or \.parquet"):
        await shop([]).replay(into="features", target=str(tmp_path / "set.xls"))


async def test_a_folder_that_is_gone_is_a_line(tmp_path: Path) -> None:
    with pytest.raises(ReplayError, match="cannot write"):
        await shop(a_week()).replay(into="features", target=str(tmp_path / "none" / "set.csv"))


def test_only_the_outcome_looks_ahead() -> None:
    assert COLUMNS[-3:] == OUTCOME


def _cell(value: object) -> str:
    return str(value).upper() if isinstance(value, bool) else "" if value is None else str(value)


def two_sites() -> list[Any]:
    """Two live sites of one clock, received out of order, one with a run that is replayed, and what others send."""
    chance = random.Random(7)
    weeks = [
        msgspec.structs.replace(each, site=site)
        for seed, site in ((1, "shop"), (2, "other"), (3, "shop-b"))
        for each in a_week(seed=seed)
        if isinstance(each, Event)
    ]
    weeks.sort(key=lambda each: each.received_at + chance.randrange(20 * MINUTE))
    history = [event(n, NOON + n, site=site, clock="replayed") for n in range(5) for site in ("shop~1", "past")]
    ahead = event(7, weeks[-1].received_at + 2 * HOUR, site="other")
    ends = [Tick(clock, ahead.received_at + 24 * HOUR) for clock in ("shop~1", "past", "live")]
    return [*weeks[:30], *history, *weeks[30:], ahead, *history, *ends]


@pytest.mark.parametrize(
    "stored", [0, 40, 10_000], ids=["all from Kafka", "some from ClickHouse", "all from ClickHouse"]
)
async def test_the_rows_of_one_site_are_those_it_has_among_all(
    databases: tuple[Any, Any], tmp_path: Path, stored: int
) -> None:
    shop = Shop(*databases, placed(two_sites()))
    shop.live(upto=dict.fromkeys(range(PARTITIONS), stored))
    read_from_kafka = []
    source_read = shop.source.read

    async def counted(partition: int, offset: int, end: int) -> AsyncIterator[Any]:
        async for records in source_read(partition, offset, end):
            read_from_kafka.extend(records)
            yield records

    everything = await rows_of(shop, tmp_path / "all.csv", "")
    shop.source.read = counted  # type: ignore[method-assign]
    for site in ("shop", "other", "shop-b"):
        mine = [row for row in everything if row["site"].partition("~")[0] == site]
        assert mine
        assert sorted(await rows_of(shop, tmp_path / "one.csv", site), key=str) == sorted(mine, key=str)
    records = sum(map(len, shop.said))
    kept = sum(min(stored, len(each)) for each in shop.said)
    assert len(read_from_kafka) == 3 * (records - kept)


async def rows_of(shop: Shop, file: Path, site: str) -> list[dict[str, str]]:
    account = await shop.replay(into="features", target=str(file), site=site)
    with file.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert account.updates - account.sessions == len(rows)
    return rows


async def test_what_is_stored_of_earlier_logs_is_a_line(databases: tuple[Any, Any], tmp_path: Path) -> None:
    shop, watching = Shop(*databases, placed(a_week())), Watching()
    shop.live()
    target = {"into": "features", "target": str(tmp_path / "set.csv"), "source": "clickhouse"}
    await shop.replay(watching, **target)
    assert watching.lines == []
    shop.client.command("INSERT INTO scored_sessions SELECT * REPLACE ('before' AS log) FROM scored_sessions FINAL")
    ((sessions,),) = shop.client.query("SELECT uniqExact(session_id, opened_at) FROM scored_sessions").result_rows
    await shop.replay(watching, **target)
    assert watching.lines == [
        f"{sessions} sessions are stored of earlier logs, which cannot be folded again: "
        "`opecom features export` reads all logs"
    ]
