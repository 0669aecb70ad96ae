"""Load: what clients offer and remember, when a step breaks, and that what is missing from any table is lost."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path

import msgspec
import pytest
import sqlalchemy

from deploy.bench.batch_clients import BATCH, BatchClients, Offer, OfferedEvent
from deploy.bench.errors import BenchError
from deploy.bench.http import connections
from deploy.bench.load import LoadStep
from deploy.bench.recount import missing, stored_events
from deploy.bench.simulation import endless, simulation
from deploy.settings.model import Settings
from deploy.wiring.relational import relational


@asynccontextmanager
async def api(answers: list[bytes]) -> AsyncIterator[tuple[int, list[str]]]:
    """A server that gives these answers in turn, the last for ever: its port, and the event ids it was sent."""
    got: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                body = msgspec.json.decode(await reader.readexactly(length))
                got.extend(each["event_id"] for each in body["events"])
                writer.write(answers.pop(0) if len(answers) > 1 else answers[0])
        except asyncio.IncompleteReadError:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], got


def answer(status: str, body: str = "{}") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


async def test_what_is_answered_202_is_remembered_and_pressure_is_counted() -> None:
    async with api([answer("503 x"), answer("429 x"), answer("202 x")]) as (port, got), connections(port, "k") as them:
        clients = BatchClients(them, endless(simulation(None, 1_000)))
        offer = await clients.offer(20 * BATCH, 1)
    assert offer.answers == Counter({"202": len(got) // BATCH - 2, "503": 1, "429": 1})
    assert offer.pressed == 2
    assert offer.accepted == len(clients.accepted) == len(got) - 2 * BATCH
    assert clients.accepted.keys() < set(got)


@pytest.mark.parametrize("wrong", [answer("500 x"), answer("202 x", '{"refused":[{"index":0}]}')])
async def test_an_answer_that_nobody_should_get_ends_the_run(wrong: bytes) -> None:
    async with api([wrong]) as (port, _), connections(port, "k") as them:
        clients = BatchClients(them, endless(simulation(None, 1_000)))
        with pytest.raises(ExceptionGroup) as failed:
            await clients.offer(10 * BATCH, 1)
    assert failed.group_contains(BenchError, match="a batch was answered")


def test_traffic_that_has_no_end_never_gives_an_event_twice() -> None:
    given = simulation(None, 1_000)
    once = len(list(given.traffic()))
    events = list(islice(endless(given), 3 * once))
    assert len({event.event_id for event in events}) == 3 * once
    assert len({event.session_id for event in events}) == 3 * len({e.session_id for e in given.traffic()})
    later = {event.event_id for event in islice(endless(given, 1_000), once)}
    assert not later & {event.event_id for event in events}


@pytest.mark.parametrize(
    ("accepted", "lag", "broke"),
    [
        pytest.param(9_600, 9.0, "", id="nearly all, soon enough"),
        pytest.param(9_000, 1.0, "of 1,000 events/s 900 were accepted", id="too little is accepted"),
        pytest.param(10_000, 11.0, "the databases had the last one 11.0 s later", id="the databases are late"),
    ],
)
def test_a_step_breaks_by_what_is_accepted_or_by_lag(accepted: int, lag: float, broke: str) -> None:
    step = LoadStep(Offer(1_000, 0.0, 10.0, accepted), lag, {})
    assert step.broke == broke
    assert step.stored_per_second == pytest.approx(accepted / (10 + lag))


ACCEPTED = {"a": OfferedEvent("s", True), "b": OfferedEvent("s", False), "c": OfferedEvent("t", False)}


@pytest.mark.parametrize(
    ("forget", "lost"),
    [
        pytest.param("", {}, id="nothing"),
        pytest.param("DELETE FROM page_views", {"page_views": {"a"}}, id="a page view"),
        pytest.param("DELETE FROM sessions WHERE session_id = 't'", {"sessions": {"c"}}, id="a session"),
        pytest.param("events", {"events": {"b"}}, id="a record of the log"),
        pytest.param("scored_sessions", {"scored_sessions": {"b"}}, id="a score"),
    ],
)
def test_what_any_table_lacks_is_found(
    forget: str, lost: dict[str, set[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path)
    tables = {"events": ["a", "b", "c"], "scored_sessions": ["a", "b", "c"]}
    if forget in tables:
        tables[forget].remove("b")
    monkeypatch.setattr("deploy.bench.recount.analytics", lambda _: FakeAnalytics(tables))
    engine = relational(settings)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE sessions (session_id TEXT, event_count INTEGER)"))
        connection.execute(sqlalchemy.text("CREATE TABLE page_views (event_id TEXT)"))
        connection.execute(sqlalchemy.text("INSERT INTO sessions VALUES ('s', 2), ('t', 1)"))
        connection.execute(sqlalchemy.text("INSERT INTO page_views VALUES ('a')"))
        if forget and forget not in tables:
            connection.execute(sqlalchemy.text(forget))
    engine.dispose()
    assert missing(settings, ACCEPTED) == lost


def test_stored_events_are_counted_once_by_id(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    monkeypatch.setattr(
        "deploy.bench.recount.analytics", lambda _: FakeAnalytics({"events": ["a", "a"], "scored_sessions": ["a"]})
    )
    engine = relational(settings)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE sessions (event_count INTEGER)"))
        connection.execute(sqlalchemy.text("INSERT INTO sessions VALUES (2), (1)"))
    engine.dispose()
    assert stored_events(settings) == {"sessions": 3, "events": 1, "scored_sessions": 1}


class FakeAnalytics:
    """ClickHouse's answers to the two questions, from lists of ids."""

    def __init__(self, tables: dict[str, list[str]]) -> None:
        self._tables = tables
        self.result_rows: list[tuple[object, ...]] = []

    def query(self, statement: str) -> "FakeAnalytics":
        ids = next(ids for table, ids in self._tables.items() if f"FROM {table}" in statement)
        counts = statement.startswith("SELECT uniqExact")
        self.result_rows = [(len(set(ids)),)] if counts else [(each,) for each in sorted(set(ids))]
        return self

    def close(self) -> None:
        pass
