"""Rows to learn from, as the timeline in ClickHouse has them: what was known at each update, and what came of it."""

from collections.abc import Iterator
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from sqlalchemy import Engine

from scoring.contracts import SESSION
from scoring.learning.rows import LearningRows, joined
from storage.learning import timeline
from storage.learning.source import RowSelection
from storage.learning.timeline import TimelineRows
from storage.write.clickhouse_sink import AnalyticsSink
from storage.write.relational_sink import RelationalSink
from stream.scored import Cause, Counts, ScoredSession, VerifiedOrder, version_of
from tests.support.events import NOON, event_id
from tests.support.scored import FEATURES, SIGNALS, scored
from tests.support.sinks import CLICKHOUSES, block, sql

DAY = 24 * 3_600_000
WINDOW = RowSelection("default", NOON - DAY, NOON + DAY)


@pytest.fixture(params=CLICKHOUSES)
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    with CLICKHOUSES[request.param](tmp_path / "clickhouse") as made:
        yield made


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with sql(f"sqlite:///{tmp_path / 'opecom.sqlite'}") as made:
        yield made


class Timeline:
    """Sessions as the writer stores them, at growing offsets of one log."""

    def __init__(self, client: Any, engine: Engine, log: str = "log", first: int = 1) -> None:
        self._sinks = AnalyticsSink(client), RelationalSink(engine)
        self._log = log
        self.offset = first

    def session(self, name: str, events: int = 3, buys_at: int = 0, is_closed: bool = True, **given: Any) -> None:
        """`buys_at`: the number of the event that is an order, 0: none."""
        updates, orders = [], given.pop("orders", (VerifiedOrder(f"order-{name}", NOON, 10.0),))
        for number in range(1, events + 1):
            bought = bool(buys_at) and number >= buys_at
            updates.append(self._update(name, number, bought, orders if bought else (), given))
        if is_closed:
            updates.append(self._update(name, events, bool(buys_at), orders if buys_at else (), given, closed=True))
        self.store(*updates)

    def store(self, *updates: ScoredSession) -> None:
        for sink in self._sinks:
            sink.write(block(*updates, log=self._log))

    def _update(
        self, name: str, number: int, bought: bool, orders: Any, given: dict[str, Any], closed: bool = False
    ) -> ScoredSession:
        self.offset += 1
        whole: dict[str, Any] = {
            "session_id": name,
            "event": Cause(self.offset) if closed else Cause(self.offset, event_id(self.offset), "page_view"),
            "counts": Counts(number, number, 0, 0, 0),
            "probability": number / 100,
            "revenue": bought,
            "orders": orders,
            "signals": replace(SIGNALS, events=number, page_views=number),
        }
        return scored(self.offset, closed, **(whole | given))


def rows_of(client: Any, engine: Engine, selection: RowSelection = WINDOW) -> LearningRows:
    return joined(TimelineRows(client, engine).blocks(selection))


def test_rows_are_those_of_the_contract_and_what_is_unknown_is_nan(client: Any, engine: Engine) -> None:
    timeline_ = Timeline(client, engine)
    known = replace(SIGNALS, has_page_statistics=True, mean_scroll_depth=0.4, device_class=None, last_page_type="Other")
    timeline_.session("whole", 1, signals=known)
    timeline_.session("unknown", 1, opened_at=NOON + 1)
    timeline_.session("older", 1, signals=None, opened_at=NOON + 2)
    rows = rows_of(client, engine)
    expected = SESSION.rows(
        [scored(signals=known), scored(signals=replace(SIGNALS, events=1, page_views=1)), scored(signals=known)]
    )
    expected[2, len(SESSION.names) - len(SIGNALS.__struct_fields__) + 1 :] = nan
    expected[2, SESSION.names.index("BounceRates") : SESSION.names.index("PageValues") + 1] = nan
    np.testing.assert_array_equal(rows.rows, expected)
    assert FEATURES.Month == "Feb"


def test_the_label_is_an_order_afterwards_and_rows_from_it_on_are_left_out(client: Any, engine: Engine) -> None:
    stored = Timeline(client, engine)
    stored.session("buyer", 5, buys_at=4)
    stored.session("other", 2, opened_at=NOON + 1)
    rows = rows_of(client, engine)
    assert rows.events.tolist() == [1, 2, 3, 1, 2]
    assert rows.bought.tolist() == [True] * 3 + [False] * 2
    assert rows.live.tolist() == pytest.approx([0.01, 0.02, 0.03, 0.01, 0.02])
    assert (rows.sessions(), rows.purchases()) == (2, 1)


def test_open_sessions_programs_other_sites_and_other_times_are_left_out(client: Any, engine: Engine) -> None:
    stored = Timeline(client, engine)
    stored.session("own", 2)
    stored.session("open", 2, is_closed=False)
    stored.session("bot", 2, bot=True)
    stored.session("other", 2, site="other")
    stored.session("import", 2, site="default~k3f9")
    stored.session("early", 2, opened_at=WINDOW.since - 1)
    stored.session("late", 2, opened_at=WINDOW.until)
    assert rows_of(client, engine).sessions() == 1
    assert rows_of(client, engine, WINDOW._replace(bots=True)).sessions() == 2
    assert rows_of(client, engine, WINDOW._replace(imports=True)).sessions() == 2


def test_an_order_that_comes_again_counts_in_the_session_that_had_it_first(client: Any, engine: Engine) -> None:
    stored, order = Timeline(client, engine), VerifiedOrder("A1", NOON, 10.0)
    stored.session("first", 3, buys_at=3, orders=(order,))
    stored.session("again", 3, buys_at=2, orders=(replace(order, at=NOON + 5),), opened_at=NOON + 1)
    rows = rows_of(client, engine)
    assert rows.bought.tolist() == [True, True, False, False, False]


def test_all_logs_count_and_the_newest_backfill_of_each_record(client: Any, engine: Engine) -> None:
    Timeline(client, engine, "before").session("one", 2)
    Timeline(client, engine, "now", 100).session("two", 2, opened_at=NOON + 1)
    stored = Timeline(client, engine, "again")
    stored.session("three", 1, opened_at=NOON + 2, probability=0.5)
    stored.offset = 1
    stored.store(
        *[
            scored(offset, closed, session_id="three", opened_at=NOON + 2, signals=SIGNALS, probability=0.75,
                   event=Cause(offset) if closed else Cause(offset, event_id(offset), "page_view"),
                   version=version_of(offset, closed, 7))
            for offset, closed in ((2, False), (3, True))
        ]
    )  # fmt: skip
    rows = rows_of(client, engine)
    assert rows.sessions() == 3
    assert rows.live.tolist() == [0.01, 0.02, 0.01, 0.02, 0.75]


def test_slices_give_the_same_rows_in_the_same_order(
    client: Any, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = Timeline(client, engine)
    for number in range(40):
        stored.session(f"s{number}", 3, buys_at=3 * (number % 7 == 0), opened_at=NOON + number * 1_200_000)
    whole = rows_of(client, engine)
    monkeypatch.setattr(timeline, "SLICE_ROWS", 20)
    blocks = list(TimelineRows(client, engine).blocks(WINDOW))
    assert len(blocks) > 3
    assert joined(blocks).sha256() == whole.sha256()
    assert TimelineRows(client, engine).versions(WINDOW) == ["first"]
