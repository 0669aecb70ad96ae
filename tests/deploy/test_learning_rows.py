"""Rows to learn from, through the query API: those that the databases have, or one line that says why not."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from deploy.errors import AwayError, SetupError
from deploy.processes.probes import ProbeAddress
from deploy.settings.model import Settings
from deploy.terminal.query_client import QueryApi
from deploy.wiring.learning_rows import ServedRows
from scoring.learning.rows import joined
from storage.database.errors import DatabaseUnavailableError
from storage.http.access import Access
from storage.http.refusals import add_refusals
from storage.http.secret_keys import SecretKey, digest_of
from storage.learning import timeline
from storage.learning.api import learning_routes
from storage.learning.source import ROW, RowSelection, SelectedRows
from storage.learning.timeline import TimelineRows
from stream.scored import Cause, ScoredSession
from tests.support.databases import filled
from tests.support.events import NOON, event_id
from tests.support.ports import free_port
from tests.support.scored import scored
from tests.support.upstream import served

HOUR = 3_600_000
KEYS = (
    SecretKey("all", digest_of("all"), frozenset({"admin"})),
    SecretKey("other", digest_of("other"), frozenset({"admin"}), frozenset({"other"})),
    SecretKey("reader", digest_of("reader"), frozenset({"read"})),
)


def updates() -> Iterator[ScoredSession]:
    """Twenty hours with a session each, of which every fifth is a program's and every fourth an import's."""
    for number in range(20):
        for closed in (False, True):
            offset = 1 + 2 * number + closed
            yield scored(
                offset, closed, site="shop~run" if number % 4 == 0 else "shop", session_id=f"s{number}",
                opened_at=NOON + number * HOUR, bot=number % 5 == 0, revenue=closed and number % 3 == 0,
                event=Cause(offset) if closed else Cause(offset, event_id(offset), "page_view"),
            )  # fmt: skip


@contextlib.asynccontextmanager
async def serving(rows: TimelineRows) -> AsyncIterator[QueryApi]:
    app = FastAPI()
    add_refusals(app)
    app.include_router(learning_routes(rows, Access(lambda: KEYS, False, "admin")))
    app.get("/livez")(lambda: {"status": "alive"})
    async with served(app) as port:
        yield QueryApi(ProbeAddress("127.0.0.1", port))


async def read(api: QueryApi, key: str, selection: RowSelection) -> tuple[list[str], str, int]:
    """The models, the digest of the rows and how many there are, as `opecom learn` takes them."""

    def whole() -> tuple[list[str], str, int]:
        found = ServedRows(api, key).read(selection)
        rows = joined(found.blocks)
        return found.versions, rows.sha256(), len(rows)

    return await asyncio.to_thread(whole)


async def test_the_api_gives_the_rows_of_the_databases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline, "SLICE_ROWS", 3)
    whole = RowSelection("shop", NOON, NOON + 20 * HOUR)
    async with filled(Settings(data_dir=tmp_path), updates()) as opened:
        rows = TimelineRows(opened.client, opened.engine)
        async with serving(rows) as api:
            counts = []
            for selection in (
                whole, whole._replace(bots=True), whole._replace(imports=True), whole._replace(bots=True, imports=True),
                whole._replace(until=NOON + 2 * HOUR), whole._replace(site="shop~run"), whole._replace(site="nobody"),
            ):  # fmt: skip
                expected = joined(rows.blocks(selection))
                assert await read(api, "all", selection) == (
                    rows.versions(selection), expected.sha256(), len(expected),
                )  # fmt: skip
                counts.append(len(expected))
            assert counts == [12, 15, 16, 20, 1, 4, 0]
            for key, line in (("other", "not of site shop"), ("reader", "not of scope admin"), ("", "no key of scope")):
                with pytest.raises(SetupError, match=line):
                    await read(api, key, whole)


class SlowRows(TimelineRows):
    """Two slices, of which the second waits, or fails."""

    def __init__(self, *failures: Exception | None) -> None:
        self.failures = failures
        self.asked, self.goes_on = threading.Event(), threading.Event()

    def read(self, selection: RowSelection) -> SelectedRows:
        raise NotImplementedError

    def versions(self, selection: RowSelection) -> list[str]:
        return ["first"]

    def slices(self, selection: RowSelection) -> Iterator[bytes]:
        for failure in self.failures:
            if failure is not None:
                raise failure
            yield bytes(ROW.itemsize)
            self.asked.set()
            self.goes_on.wait(20)


async def test_others_are_answered_while_a_slice_is_read() -> None:
    rows = SlowRows(None, None)
    async with serving(rows) as api:
        reading = asyncio.create_task(read(api, "all", RowSelection("shop", 0, 1)))
        assert await asyncio.to_thread(rows.asked.wait, 20)
        async with httpx.AsyncClient(timeout=90) as http:
            assert (await http.get(f"{api.url}/livez")).status_code == 200
        assert not reading.done()
        rows.goes_on.set()
        assert (await reading)[2] == 2


@pytest.mark.parametrize(
    ("failures", "line"),
    [
        ((DatabaseUnavailableError("it is away"),), r"it is away \(503 unavailable\)"),
        ((None, DatabaseUnavailableError("it is away")), "does not give the rows"),
    ],
    ids=["before the first rows", "after them"],
)
async def test_a_database_that_goes_away_is_one_line(failures: tuple[Exception | None, ...], line: str) -> None:
    rows = SlowRows(*failures)
    rows.goes_on.set()
    async with serving(rows) as api:
        with pytest.raises(SetupError, match=line) as refused:
            await read(api, "all", RowSelection("shop", 0, 1))
    assert "\n" not in str(refused.value)


def test_an_api_that_is_away_is_one_line() -> None:
    port = free_port()
    with pytest.raises(AwayError, match=f"the query API at http://127.0.0.1:{port} does not give the rows"):
        ServedRows(QueryApi(ProbeAddress("127.0.0.1", port)), "").read(RowSelection("shop", 0, 1))
