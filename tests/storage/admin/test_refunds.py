"""Refunds in statistics: what they take off the revenue, of which orders, and what stays as it was."""

from itertools import permutations
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ingest.commerce import Commerce
from ingest.events import Purchase, Tick
from storage.admin.forget import Visitor, VisitorDatabases
from storage.admin.reads import AdminReads, ResolvedFilter
from storage.admin.rows import Totals
from storage.database.money import Money, ReportingCurrency
from storage.database.refunds import AmountRow, Brought, less_refunds
from storage.database.tables import refunds
from storage.pages.score_counts import ScoreCounts
from storage.replay.stored_sessions import Stale, StoredSessions
from storage.write.relational_sink import RelationalSink
from stream.scored import Refund, ScoredSession, VerifiedOrder, identity_of
from tests.support.events import NOON, event, event_id
from tests.support.replays import Shop, placed
from tests.support.scored import scored
from tests.support.sinks import block, sql

HOUR = 3_600_000
DAY = 24 * HOUR


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    url = f"sqlite:///{tmp_path / 'db'}" if request.param == "sqlite" else request.getfixturevalue("mariadb_url")
    with sql(url) as made:
        yield made


def bought(number: int, order: str, amount: float, currency: str = "EUR", **given: Any) -> ScoredSession:
    """Session s`number` of a new visitor with one order, an hour after that of the number before."""
    orders = (VerifiedOrder(order, NOON + number * HOUR, amount, currency),)
    whole = {
        "revenue": True,
        "amount": amount,
        "currency": currency,
        "orders": orders,
        "opened_at": NOON + number * HOUR,
    }
    return scored(number, True, session_id=f"s{number}", visitor_id=f"v{number}", **(whole | given))


def paid_back(number: int, order: str, amount: float | None, currency: str = "EUR", **given: Any) -> ScoredSession:
    """A session three days later, in which the shop's server says that it paid an order back."""
    made = (Refund(order, event_id(number), NOON + 3 * DAY + number, amount, currency),)
    whole = {"session_id": f"r{number}", "opened_at": NOON + 3 * DAY, "visitor_id": "r", "bot": True, "refunds": made}
    return scored(number, **(whole | given))


def totals(engine: Any, *updates: ScoredSession, money: Money | None = None, **chosen: Any) -> Totals:
    sink = RelationalSink(engine)
    for update in updates:
        sink.write(block(update))
    reads = AdminReads(engine, None, money=lambda: money or {})
    return reads.statistics(ResolvedFilter(**chosen), "day").totals


def revenue_of(found: Totals) -> tuple[Any, ...]:
    return found.with_revenue, found.revenue, found.refunded_orders, found.refunded


BUYERS = (bought(1, "o1", 100.0), bought(2, "o2", 50.0))


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        pytest.param([], (2, 150.0, 0, 0.0), id="none"),
        pytest.param([paid_back(10, "o1", None)], (2, 50.0, 1, 100.0), id="a whole order"),
        pytest.param([paid_back(10, "o1", 30.0)], (2, 120.0, 1, 30.0), id="a part"),
        pytest.param([paid_back(10, "o1", 30.1), paid_back(11, "o1", 30.2)], (2, 89.7, 1, 60.3), id="two parts"),
        pytest.param(
            [paid_back(10, "o1", 0.1), paid_back(11, "o1", 0.2), paid_back(12, "o1", 99.7)],
            (2, 50.0, 1, 100.0),
            id="all",
        ),
        pytest.param([paid_back(10, "o1", 80.0), paid_back(11, "o1", None)], (2, 50.0, 1, 100.0), id="never more"),
        pytest.param([paid_back(10, "o2", 999.0)], (2, 100.0, 1, 50.0), id="more than the order"),
        pytest.param([paid_back(10, "o1", 30.0), paid_back(10, "o1", 30.0)], (2, 120.0, 1, 30.0), id="sent twice"),
        pytest.param(
            [paid_back(10, "o1", 30.0), paid_back(10, "o1", 30.0, session_id="s1", opened_at=NOON + 2 * DAY)],
            (2, 120.0, 1, 30.0),
            id="sent twice for two sessions",
        ),
        pytest.param([paid_back(10, "o1", 30.0), paid_back(11, "o2", None)], (2, 70.0, 2, 80.0), id="of both buyers"),
        pytest.param([paid_back(10, "unknown", 30.0)], (2, 150.0, 0, 0.0), id="of an order that nobody knows"),
        pytest.param([paid_back(10, "o1", 30.0, site="other")], (2, 150.0, 0, 0.0), id="of another site"),
        pytest.param([paid_back(10, "o1", 30.0, "USD")], (2, 150.0, 0, 0.0), id="in another currency"),
        pytest.param([paid_back(10, "o1", None, "USD")], (2, 50.0, 1, 100.0), id="all of it, whatever the currency"),
        pytest.param([paid_back(10, "o1", 30.0, "")], (2, 120.0, 1, 30.0), id="without a currency"),
        pytest.param([paid_back(10, "o1", 0.0)], (2, 150.0, 0, 0.0), id="of nothing"),
    ],
)
def test_refunds_take_revenue_back_and_no_buyer(engine: Any, sent: list[ScoredSession], expected: Any) -> None:
    found = totals(engine, *BUYERS, *sent)
    assert revenue_of(found) == expected
    assert (found.currency, found.revenue_by_currency) == ("EUR", {"EUR": expected[1]})
    assert found.refunded_by_currency == ({"EUR": expected[3]} if expected[3] else {})


@pytest.mark.parametrize("arrival", list(permutations(range(3))), ids=str)
def test_a_refund_may_be_stored_before_its_order(engine: Any, arrival: tuple[int, ...]) -> None:
    sent = [bought(1, "o1", 100.0), paid_back(10, "o1", 30.0), paid_back(11, "o1", 5.0)]
    assert revenue_of(totals(engine, *(sent[place] for place in arrival))) == (1, 65.0, 1, 35.0)


def test_an_order_of_two_sessions_is_paid_back_once(engine: Any) -> None:
    again = bought(2, "o1", 100.0)
    assert revenue_of(totals(engine, bought(1, "o1", 100.0), again, paid_back(10, "o1", 30.0))) == (1, 70.0, 1, 30.0)


def test_a_refund_of_a_session_that_is_stored_without_it_holds_no_more(engine: Any) -> None:
    refund = paid_back(10, "o1", 30.0)
    without = msgspec.structs.replace(refund, version=refund.version + 4_096, refunds=())
    assert revenue_of(totals(engine, *BUYERS, refund, without)) == (2, 150.0, 0, 0.0)


def test_a_refund_of_a_session_that_a_replay_voids_holds_no_more(engine: Any) -> None:
    refund = paid_back(10, "o1", 30.0)
    assert totals(engine, *BUYERS, refund).revenue == 120.0
    StoredSessions(engine, "log").void([Stale(identity_of(refund), refund.version)])
    assert revenue_of(totals(engine)) == (2, 150.0, 0, 0.0)


def test_a_refund_counts_where_its_order_does(engine: Any) -> None:
    sent = (*BUYERS, bought(30, "o3", 10.0), paid_back(10, "o1", 30.0))
    assert totals(engine, *sent, since=NOON + DAY).revenue == 10.0
    spans = AdminReads(engine, None).statistics(ResolvedFilter(), "day").spans
    assert [(span.with_revenue, span.revenue) for span in spans] == [(2, 120.0), (1, 10.0)]


def test_refunds_of_several_currencies_stay_apart_or_are_converted(engine: Any) -> None:
    sent = (bought(1, "o1", 100.0), bought(2, "o2", 5_000.0, "JPY"), bought(3, "o3", 20.0, ""))
    back = (paid_back(10, "o1", 30.0), paid_back(11, "o2", 1_000.0, "JPY"), paid_back(12, "o3", 8.0, "EUR"))
    found = totals(engine, *sent, *back)
    assert (found.revenue, found.refunded, found.refunded_orders) == (None, None, 2)
    assert found.revenue_by_currency == {"EUR": 70.0, "JPY": 4_000.0, "": 20.0}
    assert found.refunded_by_currency == {"EUR": 30.0, "JPY": 1_000.0}
    found = totals(engine, money={"default": ReportingCurrency("EUR", {"JPY": 0.01})})
    # What came without a currency is in the site's own, and so is what is paid back of it.
    assert (found.revenue, found.refunded, found.currency) == (70.0 + 40.0 + 12.0, 30.0 + 10.0 + 8.0, "EUR")
    assert found.refunded_orders == 3


def test_sessions_keep_their_label_and_their_amount(engine: Any) -> None:
    totals(engine, *BUYERS, paid_back(10, "o1", None))
    reads = AdminReads(engine, None)
    listed = reads.sessions(ResolvedFilter(revenue=True), "opened_at", False, 10, 0).sessions
    assert [(row.session_id, row.revenue, row.amount) for row in listed] == [("s1", True, 100.0), ("s2", True, 50.0)]
    assert [row[-1] for row in reads.uci(ResolvedFilter())] == [True, True]


def test_a_refund_that_comes_alone_is_paid_back_and_counts_as_no_session(databases: tuple[Any, Any]) -> None:
    order = Purchase(100.0, "o1", "EUR", verified=True)
    back = Commerce("refund", 30.0, "EUR", order_id="o1", verified=True)
    said = [
        event(1),
        event(2, NOON + 1_000, type="purchase", purchase=order),
        # Another order that the shop's server sends alone: of a visitor who was not tracked.
        event(3, session_id="s2", type="purchase", purchase=Purchase(7.0, "o2", "EUR", verified=True)),
        event(4, NOON + 3 * DAY, type="commerce", commerce=back),
    ]
    shop = Shop(*databases, placed([*said, Tick("live", NOON + 9 * DAY)]))
    shop.live()
    reads = AdminReads(shop.engine, shop.client)
    found = reads.statistics(ResolvedFilter(), "day").totals
    assert (found.sessions, found.conversion, *revenue_of(found)) == (2, 1.0, 2, 77.0, 1, 30.0)
    assert len(list(reads.uci(ResolvedFilter()))) == 2
    assert reads.statistics(ResolvedFilter(bots=True), "day").totals.sessions == 3
    scores = ScoreCounts(shop.client).since(NOON, ["default"])
    assert {score.events: score.sessions for score in scores} == {1: 2, 2: 1}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["earlier first", "later first"])
def test_of_one_refund_event_the_earlier_one_counts(order: tuple[int, int]) -> None:
    rows = [
        AmountRow(0, "default", "EUR", 10.0, "o1", "r1", amount, "EUR", NOON, opened, "s")
        for amount, opened in ((4.0, NOON), (9.0, NOON + 1))
    ]
    assert less_refunds([rows[place] for place in order], {}) == [Brought(0, "default", "EUR", 6.0, 4.0)]


async def test_refunds_of_the_log_are_those_of_live_scoring_of_a_replay_and_of_nobody_who_is_forgotten(
    databases: tuple[Any, Any],
) -> None:
    def refunded(number: int, order: str, session: str, **given: Any) -> Any:
        commerce = Commerce("refund", order_id=order, currency="EUR", **({"verified": True} | given))
        return event(number, NOON + 2 * DAY, session_id=session, visitor_id=session, type="commerce", commerce=commerce)

    said: list[Any] = []
    for number, session in enumerate(("ann", "bob")):
        order = Purchase(100.0, f"o-{session}", "EUR", verified=True)
        about = {"session_id": session, "visitor_id": session}
        said += [event(number * 10, **about), event(number * 10 + 1, **about, type="purchase", purchase=order)]
    said += [refunded(30, "o-ann", "ann", value=40.0), refunded(31, "o-bob", "server", value=1.0)]
    said += [refunded(32, "o-bob", "bob", verified=False)]
    shop = Shop(*databases, placed([*said, Tick("live", NOON + 9 * DAY)]))
    shop.live()
    reads = AdminReads(shop.engine, shop.client)

    def found() -> tuple[Any, ...]:
        return revenue_of(reads.statistics(ResolvedFilter(), "day").totals)

    assert found() == (2, 159.0, 2, 41.0)
    account = await shop.replay(diff=True)
    assert account.changed == 0
    assert found() == (2, 159.0, 2, 41.0)
    shop.lose()
    await shop.replay()
    assert found() == (2, 159.0, 2, 41.0)
    VisitorDatabases(shop.engine, shop.client).forget(Visitor("default", "ann"), [])
    assert found() == (1, 99.0, 1, 1.0)
    with shop.engine.connect() as connection:
        assert [row.order_id for row in connection.execute(refunds.select())] == ["o-bob"]
