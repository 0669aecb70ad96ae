"""The admin routes over real databases: what they list, count, export, to which callers, and that nothing is run."""

import asyncio
import csv
import io
import re
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
import pytest
import sqlalchemy
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from sqlalchemy import Connection, Engine

from deploy.settings.model import ApiSettings, Settings, SiteSettings, StorageSettings
from deploy.wiring import api
from scoring.drift.alarms import DriftReport
from scoring.training.load import DataError, load
from storage.admin import reads
from storage.admin.reads import UCI_NAMES, AdminReads, ResolvedFilter
from storage.admin.rows import SessionRow
from storage.database.engine import engine_of
from storage.database.tables import sessions
from storage.drift.checks import DriftChecks
from storage.drift.html import html
from storage.drift.report import SiteDrift
from storage.http.access import Access
from storage.http.secret_keys import SecretKey, digest_of
from storage.query.model_fit import OutcomeCount, fits
from stream.scored import Cause, Counts, ScoredSession, VerifiedOrder
from tests.support.databases import filled
from tests.support.events import NOON, event_id
from tests.support.scored import FEATURES, SIGNALS, scored, view

HOUR = 3_600_000
KEYS = {
    "export-key-of-the-tests": SecretKey("e", digest_of("export-key-of-the-tests"), frozenset({"export"})),
    "person-key-of-the-tests": SecretKey("p", digest_of("person-key-of-the-tests"), frozenset({"personal"})),
    "shop-2-key-of-the-tests": SecretKey(
        "s", digest_of("shop-2-key-of-the-tests"), frozenset({"export", "personal"}), frozenset({"shop-2"})
    ),
    "read-key-of-sixteen-or-more": SecretKey("r", digest_of("read-key-of-sixteen-or-more"), frozenset({"read"})),
}
OWNER = {"x-opecom-key": "admin-key-of-the-tests"}
OWNERS_KEY = SecretKey("a", digest_of("admin-key-of-the-tests"), frozenset({"admin"}))
#: What somebody may put into a page's URL, or into a name.
ATTACKS = [
    "<script>alert(1)</script>",
    "'; DROP TABLE sessions; --",
    '=HYPERLINK("http://evil.example","x")',
    "+1+cmd|' /C calc'!A0",
    "@SUM(1+1)",
    "-2+3",
    "\t=1+1",
    "\\' OR 1=1 #",
    "${7*7}{{7*7}}%s",
]


@asynccontextmanager
async def client(
    folder: Path,
    updates: Iterable[ScoredSession],
    url: str = "",
    keys: bool = False,
    month: str = "",
    sites: Mapping[str, Any] = MappingProxyType({}),
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the API on these updates, with the key of the owner; with `keys`, without one.

    `month` stands in every row, though no event can put it there.
    """
    settings = Settings(data_dir=folder, api=ApiSettings(), storage=StorageSettings(url=SecretStr(url)))
    known = {name: SiteSettings(**given) for name, given in sites.items()}
    settings = settings.model_copy(update={"sites": {**settings.sites, **known}})
    async with filled(settings, updates) as opened:
        if month:
            with opened.engine.begin() as connection:
                connection.execute(sessions.update().values(month=month))
        access = Access(lambda: [*KEYS.values(), OWNERS_KEY], not keys)
        app = api.app(settings, opened, access, CollectorRegistry(), asyncio.Event(), api.jobs(settings, opened))
        transport = httpx.ASGITransport(app, client=("127.0.0.1", 5000), raise_app_exceptions=False)
        headers = {} if keys else OWNER
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000", headers=headers) as made:
            yield made


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def url(request: pytest.FixtureRequest) -> str:
    """Each relational database in turn."""
    return str(request.getfixturevalue("mariadb_url")) if request.param == "mariadb" else ""


def shops() -> list[ScoredSession]:
    """Six sessions of two sites and a run: closed ones, one of which bought, an open one, one that has ended."""
    buyer = {"revenue": True, "amount": 30.5, "probability": 0.9, "band": "high", "label": "YES"}
    returning = msgspec.structs.replace(FEATURES, VisitorType="New_Visitor", Month="Nov", Weekend=False)
    return [
        scored(1, True, session_id="s1", opened_at=NOON, probability=0.2, band="low"),
        scored(2, True, session_id="s2", opened_at=NOON + HOUR, counts=Counts(9, 4, 2, 2, 1), **buyer),
        scored(3, session_id="s3", opened_at=NOON + 2 * HOUR, probability=0.5),
        scored(4, session_id="s4", opened_at=NOON + 25 * HOUR, status="ended", features=returning, visitor_id="v2"),
        scored(5, True, session_id="s5", opened_at=NOON + 3 * HOUR, site="shop-2", probability=0.7, visitor_id="v9"),
        scored(6, True, session_id="s6", opened_at=NOON, site="uci~run1", probability=0.1, band="low"),
    ]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        pytest.param({}, ["s4", "s5", "s3", "s2", "s1", "s6"], id="the newest first"),
        pytest.param({"order": "asc", "sort": "probability"}, ["s6", "s1", "s4", "s3", "s5", "s2"], id="sorted"),
        pytest.param({"site": "default"}, ["s4", "s3", "s2", "s1"], id="a site"),
        pytest.param({"site": "uci"}, ["s6"], id="a site stands for its runs"),
        pytest.param({"status": "closed", "site": "default"}, ["s2", "s1"], id="a status"),
        pytest.param({"band": "low"}, ["s1", "s6"], id="a band"),
        pytest.param({"label": "YES"}, ["s2"], id="a label"),
        pytest.param({"revenue": "true"}, ["s2"], id="bought"),
        pytest.param({"revenue": "false", "site": "shop-2"}, ["s5"], id="did not buy"),
        pytest.param({"visitor_type": "New_Visitor"}, ["s4"], id="a type of visitor"),
        pytest.param({"from": "2025-01-01T13:00:00Z", "to": "2025-01-01T15:00"}, ["s3", "s2"], id="a window"),
        pytest.param({"limit": 2, "offset": 1}, ["s5", "s3"], id="a page"),
        pytest.param({"offset": 9}, [], id="beyond the last page"),
    ],
)
async def test_lists_are_filtered_sorted_and_paged(asked: dict[str, Any], found: list[str], tmp_path: Path) -> None:
    async with client(tmp_path, shops()) as http:
        answer = (await http.get("/admin/sessions", params=asked)).json()
    assert [each["session_id"] for each in answer["sessions"]] == found
    assert answer["total"] == (6 if "limit" in asked or "offset" in asked else len(found))


def carts() -> list[ScoredSession]:
    """Open sessions with carts: worth 20 and 300, of unknown worth, of unknown quantity, empty; a closed one, and one
    of before there were signals."""

    def of(number: int, quantity: float | None, value: float | None, closed: bool = False) -> ScoredSession:
        signals = msgspec.structs.replace(SIGNALS, cart_quantity=quantity, cart_value=value)
        return scored(number, closed, session_id=f"s{number}", opened_at=NOON + number, signals=signals)

    return [
        *(of(1, 1.0, 20.0), of(2, 2.0, 300.0), of(3, 1.0, None), of(4, None, 50.0), of(5, 0.0, 0.0)),
        *(of(6, 3.0, 70.0, closed=True), scored(7, session_id="s7", opened_at=NOON + 7)),
    ]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        pytest.param(
            {"status": "open", "has_cart": "true", "sort": "cart_value"},
            ["s2", "s4", "s1", "s3"],
            id="about to be left",
        ),
        pytest.param({"sort": "cart_value"}, ["s2", "s6", "s4", "s1", "s5", "s3", "s7"], id="unknown ones last"),
        pytest.param(
            {"sort": "cart_value", "order": "asc"}, ["s5", "s1", "s4", "s6", "s2", "s3", "s7"], id="last upwards too"
        ),
        pytest.param({"min_cart_value": 50}, ["s6", "s4", "s2"], id="of a value"),
        pytest.param({"min_cart_value": 0, "has_cart": "false"}, ["s5"], id="of no value"),
        pytest.param({"has_cart": "true"}, ["s6", "s4", "s3", "s2", "s1"], id="with something in it"),
        pytest.param({"has_cart": "false"}, ["s5"], id="with nothing in it"),
    ],
)
async def test_carts_are_filtered_and_sorted_by_value(
    asked: dict[str, Any], found: list[str], tmp_path: Path, url: str
) -> None:
    async with client(tmp_path, carts(), url) as http:
        answer = (await http.get("/admin/sessions", params=asked)).json()
    assert [each["session_id"] for each in answer["sessions"]] == found
    assert answer["total"] == len(found)
    values = {"s1": 20.0, "s2": 300.0, "s4": 50.0, "s5": 0.0, "s6": 70.0}
    assert [each["cart_value"] for each in answer["sessions"]] == [values.get(name) for name in found]


async def test_sessions_of_programs_are_counted_listed_and_exported_only_if_requested(tmp_path: Path, url: str) -> None:
    bought = {"revenue": True, "amount": 20.0}
    given = [
        *(scored(n, True, session_id=f"s{n}", **bought) for n in (1, 2)),
        *(scored(n, True, session_id=f"bot{n}", bot=True, **bought) for n in (3, 4, 5)),
    ]
    async with client(tmp_path, given, url) as http:
        found = {}
        for bots in ("false", "true"):
            asked = {"bots": bots}
            listed = (await http.get("/admin/sessions", params=asked)).json()
            totals = (await http.get("/admin/stats", params=asked)).json()["totals"]
            lines = (await http.get("/admin/export", params=asked)).text.splitlines()
            found[bots] = (
                listed["total"],
                totals["sessions"],
                totals["with_revenue"],
                totals["revenue"],
                len(lines) - 1,
            )
        one = (await http.get("/admin/sessions/bot3")).json()["session"]
    assert found == {"false": (2, 2, 2, 40.0, 2), "true": (5, 5, 5, 100.0, 5)}
    assert one["bot"] is True


@pytest.mark.parametrize(
    "asked",
    [
        {"limit": 0}, {"limit": 1_001}, {"offset": -1}, {"sort": "site; DROP TABLE sessions"}, {"order": "random()"},
        {"status": "void"}, {"from": "yesterday"}, {"colour": "red"}, {"site": "x" * 98},
        {"min_cart_value": -1}, {"min_cart_value": "nan"}, {"has_cart": "perhaps"},
    ],
    ids=str,
)  # fmt: skip
async def test_what_is_no_filter_is_refused(asked: dict[str, Any], tmp_path: Path) -> None:
    async with client(tmp_path, []) as http:
        answer = await http.get("/admin/sessions", params=asked)
    assert (answer.status_code, answer.json()["error"]) == (422, "invalid")


def order(number: str, hours: float, amount: float) -> VerifiedOrder:
    return VerifiedOrder(number, NOON + int(hours * HOUR), amount, "EUR")


def repeated_orders() -> list[ScoredSession]:
    """An order that was signed for two session ids, one opened again a day later, and a second one beside it."""

    def of(number: int, hours: int, *orders: VerifiedOrder, site: str = "default") -> ScoredSession:
        amount = sum(each.amount for each in orders)
        given = {"revenue": bool(orders), "amount": amount, "orders": orders, "site": site}
        return scored(number, True, session_id=f"s{number}", opened_at=NOON + hours * HOUR, **given)

    return [
        of(1, 0, order("o1", 0.5, 10.0)),
        of(2, 0, order("o1", 0.5, 10.0)),
        of(3, 24, order("o1", 24.5, 10.0), order("o2", 24.6, 7.0)),
        of(4, 48, order("o2", 48.5, 7.0)),
        of(5, 0),
        of(6, 0, order("o1", 0.5, 99.0), site="shop-2"),
    ]


@pytest.mark.parametrize("arrival", [(0, 1, 2, 3, 4, 5), (5, 4, 3, 2, 1, 0), (3, 1, 5, 0, 4, 2)], ids=str)
async def test_an_order_counts_in_the_first_session_of_its_site(
    tmp_path: Path, url: str, arrival: tuple[int, ...]
) -> None:
    updates = [repeated_orders()[number] for number in arrival]
    async with client(tmp_path, updates, url) as http:
        answer = (await http.get("/admin/stats", params={"site": "default"})).json()
        other = (await http.get("/admin/stats", params={"site": "shop-2"})).json()["totals"]
        export = (await http.get("/admin/export", params={"site": "default"})).text.splitlines()
        bought = (await http.get("/admin/sessions", params={"site": "default", "revenue": "true"})).json()
    assert (answer["totals"]["with_revenue"], answer["totals"]["revenue"]) == (2, 17.0)
    assert [(span["with_revenue"], span["revenue"]) for span in answer["spans"]] == [(1, 10.0), (1, 7.0), (0, 0.0)]
    assert (other["with_revenue"], other["revenue"]) == (1, 99.0)
    assert [line.rpartition(",")[2] for line in export[1:]] == ["TRUE", "FALSE", "FALSE", "TRUE", "FALSE"]
    assert {each["session_id"] for each in bought["sessions"]} == {"s1", "s3"}


async def test_an_order_of_a_session_that_is_stored_without_it_counts_elsewhere(tmp_path: Path, url: str) -> None:
    first, second, *_ = repeated_orders()
    without = msgspec.structs.replace(first, version=first.version + 4_096, revenue=False, amount=0.0, orders=())
    async with client(tmp_path, [first, second, without], url) as http:
        totals = (await http.get("/admin/stats")).json()["totals"]
    assert (totals["with_revenue"], totals["revenue"]) == (1, 10.0)


async def test_amounts_of_different_currencies_are_never_added_up(tmp_path: Path, url: str) -> None:
    def of(number: int, hours: int, **amounts: float) -> ScoredSession:
        orders = tuple(
            VerifiedOrder(f"o{number}{currency}", NOON, amount, currency.strip("_"))
            for currency, amount in amounts.items()
        )
        given = {"revenue": True, "amount": orders[0].amount, "currency": orders[0].currency, "orders": orders}
        return scored(number, True, session_id=f"s{number}", opened_at=NOON + hours * HOUR, **given)

    older = scored(9, True, session_id="s9", opened_at=NOON, revenue=True, amount=1.0)
    updates = [of(1, 0, EUR=50.0, JPY=5_000.0), of(2, 24, EUR=10.0), of(3, 24, _=2.0), older]

    async def stats(**site: Any) -> tuple[Any, list[Any]]:
        async with client(tmp_path, [], url, sites={"default": site}) as http:
            answer = (await http.get("/admin/stats")).json()
        parts = ("revenue", "currency", "revenue_by_currency")
        return tuple(answer["totals"][part] for part in parts), [
            tuple(span[part] for part in parts) for span in answer["spans"]
        ]

    async with client(tmp_path, updates, url) as http:
        (first,) = [
            each for each in (await http.get("/admin/sessions")).json()["sessions"] if each["session_id"] == "s1"
        ]
    assert (first["amount"], first["currency"]) == (50.0, "EUR")
    totals, spans = await stats()
    assert totals == (None, "", {"": 3.0, "EUR": 60.0, "JPY": 5_000.0})
    assert spans == [(None, "", {"": 1.0, "EUR": 50.0, "JPY": 5_000.0}), (None, "", {"": 2.0, "EUR": 10.0})]
    totals, spans = await stats(currency="EUR")
    assert totals == (None, "", {"EUR": 63.0, "JPY": 5_000.0})
    assert spans[1] == (12.0, "EUR", {"EUR": 12.0})
    totals, spans = await stats(currency="EUR", rates={"JPY": 0.0062})
    assert totals == (pytest.approx(94.0), "EUR", {"EUR": 63.0, "JPY": 5_000.0})
    assert spans[0][:2] == (pytest.approx(82.0), "EUR")


async def test_every_sum_of_statistics_with_several_buyers(tmp_path: Path, url: str) -> None:
    def of(number: int, hours: int, **given: Any) -> ScoredSession:
        at = NOON + hours * HOUR
        counts = Counts(10 + number, 5, 3, 2, 1)
        return scored(number, True, session_id=f"s{number}", opened_at=at, counts=counts, **given)

    buyer = {"revenue": True, "band": "high", "label": "YES"}
    updates = [
        *(of(number, 0, amount=10.0 * number, unverified_purchases=2, **buyer) for number in (1, 2, 3)),
        of(4, 24, amount=2.5, **buyer),
        of(5, 24),
    ]
    async with client(tmp_path, updates, url) as http:
        answer = (await http.get("/admin/stats")).json()
        bought = (await http.get("/admin/sessions", params={"revenue": "true", "limit": 2})).json()
    assert answer["totals"] == {
        "sessions": 5, "open": 0, "ended": 0, "closed": 5, "with_revenue": 4, "conversion": 0.8,
        "revenue": 62.5, "unverified_purchases": 6, "currency": "", "revenue_by_currency": {"": 62.5},
        "refunded_orders": 0, "refunded": 0.0, "refunded_by_currency": {},
    }  # fmt: skip
    assert answer["events"] == {"events": 65, "page_views": 25, "pings": 15, "customs": 10, "purchases": 5}
    assert [(span["sessions"], span["with_revenue"], span["revenue"]) for span in answer["spans"]] == [
        (3, 3, 60.0),
        (2, 1, 2.5),
    ]
    assert (answer["bands"], answer["labels"]) == ({"building": 1, "high": 4}, {"NO": 1, "YES": 4})
    assert (bought["total"], len(bought["sessions"])) == (4, 2)


@contextmanager
def emptied_after_the_first_read(engine: Engine) -> Iterator[None]:
    """Another connection deletes every session as soon as one query has read them."""
    done = False

    def delete(connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        nonlocal done
        if not done and statement.startswith("SELECT") and "FROM sessions" in statement:
            done = True
            other = engine_of(engine.url.render_as_string(hide_password=False))
            with other.begin() as writing:
                writing.execute(sessions.delete())
            other.dispose()

    sqlalchemy.event.listen(engine, "after_cursor_execute", delete)
    try:
        yield
        assert done
    finally:
        sqlalchemy.event.remove(engine, "after_cursor_execute", delete)


@pytest.mark.parametrize("path", ["stats", "sessions", "sessions/s2"])
async def test_an_answer_is_of_one_state_of_the_database(tmp_path: Path, url: str, path: str) -> None:
    settings = Settings(data_dir=tmp_path, storage=StorageSettings(url=SecretStr(url)))
    async with filled(settings, shops()) as opened:
        reads = AdminReads(opened.engine, opened.client)
        chosen = ResolvedFilter()

        def answer() -> Any:
            return {
                "stats": lambda: reads.statistics(chosen, "day"),
                "sessions": lambda: reads.sessions(chosen, "opened_at", True, 10, 0),
                "sessions/s2": lambda: reads.intent("s2"),
            }[path]()

        expected = answer()
        with emptied_after_the_first_read(opened.engine):
            assert answer() == expected


async def test_a_session_with_its_views_and_updates(tmp_path: Path, url: str) -> None:
    views = (view(1), view(2, path="/p/2", viewed_at=NOON + 7))
    updates = [scored(1, views=views[:1]), scored(2, views=views), scored(3, True, views=())]
    async with client(tmp_path, updates, url) as http:
        answer = (await http.get("/admin/sessions/s1")).json()
        missing = await http.get("/admin/sessions/s9")
    session = answer["session"]
    assert set(session) == set(SessionRow.__struct_fields__)
    assert (session["status"], session["opened_at"], session["started_at"]) == ("closed", NOON, NOON)
    assert (session["is_weekend"], session["revenue"], session["reasons"][0]["feature"]) == (True, False, "PageValues")
    assert [each["page_url"] for each in answer["page_views"]] == ["/p/1", "/p/2"]
    assert answer["page_views"][1]["viewed_at"] == NOON + 7
    assert [each["event"]["offset"] for each in answer["updates"]] == [1, 2, 3]
    assert missing.status_code == 404


async def test_statistics_are_sums_over_what_is_chosen(tmp_path: Path, url: str) -> None:
    async with client(tmp_path, shops(), url) as http:
        whole = (await http.get("/admin/stats")).json()
        one = (await http.get("/admin/stats", params={"site": "default", "by": "hour"})).json()
        none = (await http.get("/admin/stats", params={"site": "nowhere"})).json()
    assert whole["totals"] == {
        "sessions": 6, "open": 1, "ended": 1, "closed": 4, "with_revenue": 1, "conversion": pytest.approx(1 / 6),
        "revenue": 30.5, "unverified_purchases": 0,
        "currency": "", "revenue_by_currency": {"": 30.5},
        "refunded_orders": 0, "refunded": 0.0, "refunded_by_currency": {},
    }  # fmt: skip
    assert whole["events"] == {"events": 34, "page_views": 24, "pings": 7, "customs": 2, "purchases": 1}
    assert whole["bands"] == {"low": 2, "building": 3, "high": 1}
    assert whole["labels"] == {"NO": 5, "YES": 1}
    assert whole["visitor_types"] == {"New_Visitor": 1, "Returning_Visitor": 5}
    midnight = NOON - 12 * HOUR
    assert [(each["at"], each["sessions"], each["revenue"]) for each in whole["spans"]] == [
        (midnight, 5, 30.5), (midnight + 24 * HOUR, 1, 0.0),
    ]  # fmt: skip
    assert [each["at"] for each in one["spans"]] == [NOON, NOON + HOUR, NOON + 2 * HOUR, NOON + 25 * HOUR]
    assert (none["totals"]["sessions"], none["totals"]["conversion"], none["spans"]) == (0, 0.0, [])


async def test_an_export_is_read_by_the_training(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reads, "EXPORT_PAGE", 2)
    async with client(tmp_path, shops(), url) as http:
        answer = await http.get("/admin/export")
        some = (await http.get("/admin/export", params={"site": "default", "revenue": "true"})).text
        running = (await http.get("/admin/export", params={"status": "open"})).text
        empty = (await http.get("/admin/export", params={"site": "nowhere"})).text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    file = tmp_path / "sessions.csv"
    file.write_bytes(answer.content)
    read = load(file)
    # In the order of their opening: s1 and the run's s6, s2, s5.
    assert read.bought.tolist() == [False, False, True, False]
    assert read.rows.shape == (4, 17)
    assert answer.text.splitlines()[0] == ",".join(UCI_NAMES)
    assert answer.text.splitlines()[1] == (
        "1,12.5,0,0.0,3,140.25,0.01,0.03,4.5,0.2,Feb,2,3,1,4,Returning_Visitor,TRUE,FALSE"
    )
    assert len(some.splitlines()) == len(running.splitlines()) == 2
    file.write_text(empty)
    with pytest.raises(DataError, match="no sessions"):
        load(file)


async def test_pages_of_an_export_neither_miss_nor_repeat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reads, "EXPORT_PAGE", 3)
    updates = [
        scored(n, True, session_id=f"s{n % 4}", site=f"site{n % 3}", opened_at=NOON + n // 12, amount=float(n))
        for n in range(1, 60)
    ]
    updates = [msgspec.structs.replace(u, features=msgspec.structs.replace(FEATURES, Region=n)) for n, u in
               enumerate(updates, 1)]  # fmt: skip
    async with client(tmp_path, updates) as http:
        rows = list(csv.DictReader(io.StringIO((await http.get("/admin/export")).text)))
        total = (await http.get("/admin/sessions")).json()["total"]
    assert len(rows) == total
    assert len({row["Region"] for row in rows}) == total


@pytest.mark.parametrize("attack", ATTACKS)
async def test_what_a_visitor_sends_comes_back_as_it_is(attack: str, tmp_path: Path, url: str) -> None:
    path = f"/p/{attack}"
    attacked = scored(
        1,
        True,
        views=(view(1, path=attack), view(2, path=path)),
        event=Cause(1, event_id(1), "page_view", None, attack),
        visitor_id="v1",
    )
    async with client(tmp_path, [attacked, scored(2, True, session_id="s2")], url, month=attack[:10]) as http:
        session = await http.get("/admin/sessions/s1")
        visitor = await http.get("/admin/visitors/v1", params={"site": "default"})
        export = await http.get("/admin/export")
        through = [
            await http.get("/admin/sessions", params={"site": attack}),
            await http.get(f"/admin/sessions/{quote(attack, safe='')}"),
            await http.get("/admin/stats", params={"site": attack}),
            await http.get("/admin/visitors/v1", params={"site": attack}),
            await http.request("DELETE", f"/admin/visitors/{quote(attack, safe='')}", params={"site": "default"}),
        ]
        total = (await http.get("/admin/sessions")).json()["total"]
    for answer in (session, visitor):
        assert answer.headers["content-type"] == "application/json"
    assert {each["page_url"] for each in session.json()["page_views"]} == {attack, path}
    assert session.json()["updates"][0]["event"]["path"] == attack
    assert visitor.json()["sessions"][0]["updates"][0]["path"] == attack
    assert total == 2
    assert [answer.status_code for answer in through[:4]] == [200, 404, 200, 404]
    assert through[4].status_code in (404, 405, 422)
    cells = [cell for row in csv.reader(io.StringIO(export.text)) for cell in row]
    assert not [cell for cell in cells if re.match(r"[=+\-@\t\r]", cell)]
    assert any(attack[:10] in cell for cell in cells)


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/admin/sessions", "export"),
        ("GET", "/admin/sessions/s1", "export"),
        ("GET", "/admin/stats", "export"),
        ("GET", "/admin/export", "export"),
        ("GET", "/admin/visitors/v1?site=default", "personal"),
        ("GET", "/admin/visitors/v1/erasure?site=default", "personal"),
        ("DELETE", "/admin/visitors/v1?site=nowhere", "personal"),
    ],
)
async def test_each_route_is_for_its_scope_alone(method: str, path: str, scope: str, tmp_path: Path) -> None:
    keys = {"export": "export-key-of-the-tests", "personal": "person-key-of-the-tests"}
    others = {*KEYS} - {keys[scope], "shop-2-key-of-the-tests"}
    async with client(tmp_path, shops(), keys=True) as http:
        without = await http.request(method, path)
        wrong = [await http.request(method, path, headers={"X-OPECOM-Key": key}) for key in others]
        if method == "GET":
            right = await http.request(method, path, headers={"X-OPECOM-Key": keys[scope]})
            assert right.status_code == (404 if path.endswith("/erasure?site=default") else 200), right.text
    assert without.json()["error"] == "no_key"
    assert {answer.json()["error"] for answer in wrong} == {"wrong_scope"}


async def test_a_key_of_one_site_hears_of_no_other(tmp_path: Path) -> None:
    async with client(tmp_path, shops(), keys=True) as http:
        http.headers["X-OPECOM-Key"] = "shop-2-key-of-the-tests"
        listed = (await http.get("/admin/sessions")).json()
        other = (await http.get("/admin/sessions", params={"site": "default"})).json()
        session = await http.get("/admin/sessions/s1")
        stats = (await http.get("/admin/stats")).json()
        exported = (await http.get("/admin/export")).text.splitlines()
        visitors = [
            await http.request(method, f"/admin/visitors/{name}", params={"site": "default"})
            for method, name in (("GET", "v1"), ("GET", "nobody"), ("DELETE", "v1"), ("DELETE", "nobody"))
        ]
        own = await http.get("/admin/visitors/v9", params={"site": "shop-2"})
    assert [each["session_id"] for each in listed["sessions"]] == ["s5"]
    assert (other["total"], other["sessions"]) == (0, [])
    assert session.status_code == 404
    assert stats["totals"]["sessions"] == 1
    assert len(exported) == 2
    assert {answer.status_code for answer in visitors} == {404}
    # Word for word the same, but for the name that was asked for.
    assert len({answer.text.replace("nobody", "v1") for answer in visitors}) == 1
    assert own.status_code == 200


async def test_an_erasure_whose_kafka_is_away_goes_on_and_states_what_it_waits_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(
        data_dir=tmp_path,
        kafka={"bootstrap": "127.0.0.1:1", "request_timeout_ms": 1_000},
        api={"admin_keys": (OWNER["x-opecom-key"],)},
    )
    monkeypatch.setattr("storage.admin.api.ERASE_SECONDS", 0.5)
    async with filled(settings, shops()) as opened:
        app = api.app(
            settings, opened, api.access(settings), CollectorRegistry(), asyncio.Event(), api.jobs(settings, opened)
        )
        transport = httpx.ASGITransport(app, client=("127.0.0.1", 5000))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000", headers=OWNER) as http:
            begun = await http.request("DELETE", "/admin/visitors/v1", params={"site": "default"})
            later = await http.get("/admin/visitors/v1/erasure", params={"site": "default"})
            held = await http.get("/admin/visitors/v1", params={"site": "default"})
    assert (begun.status_code, begun.json()["state"]) == (202, "running")
    assert "kafka.bootstrap" in later.json()["waiting_for"]
    assert held.status_code == 200


async def test_the_fit_of_a_site_is_for_keys_of_that_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = [OutcomeCount(site, "m1", score, 60, 60) for site in ("default", "shop-2") for score in (0.1, 0.2)]
    monkeypatch.setattr(reads, "model_fits", lambda *_: fits(counts))
    async with client(tmp_path, shops(), keys=True) as http:
        found = {
            key: (await http.get("/admin/model-fit", headers={"X-OPECOM-Key": key})).json()["fits"]
            for key in ("export-key-of-the-tests", "shop-2-key-of-the-tests")
        }
    assert [[fit["site"] for fit in each] for each in found.values()] == [["default", "shop-2"], ["shop-2"]]


async def test_drift_is_a_page_with_format_html(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = SiteDrift("default", NOON - 24 * HOUR, NOON, DriftReport(120, 9, 1_080, 180, 2.0, [], [0, 0]))
    monkeypatch.setattr(reads, "site_drift", lambda *_: found)
    async with client(tmp_path, shops()) as http:
        json = await http.get("/admin/drift", params={"site": "default"})
        page = await http.get("/admin/drift", params={"site": "default", "format": "html"})
    assert msgspec.convert(json.json(), SiteDrift) == found
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert page.text == html(found)


async def test_checks_for_drift_are_those_of_the_callers_sites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = DriftReport(120, 9, 1_080, 180, 2.0, [], [0, 0])
    made = [SiteDrift(site, NOON - 24 * HOUR, NOON, report) for site in ("default", "shop-2")]
    monkeypatch.setattr(DriftChecks, "found", lambda _: made)
    async with client(tmp_path, shops(), keys=True) as http:
        found = {
            key: (await http.get("/admin/drift/checks", headers={"X-OPECOM-Key": key})).json()["checks"]
            for key in ("export-key-of-the-tests", "shop-2-key-of-the-tests")
        }
    assert [[check["site"] for check in each] for each in found.values()] == [["default", "shop-2"], ["shop-2"]]
