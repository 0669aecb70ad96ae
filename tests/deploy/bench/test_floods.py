"""Slow connections and bombs before the ingest API: honest clients are served, bombs refused, bodies held in bounds."""

import asyncio
import time
from collections import Counter

import httpx
import pytest

from deploy.bench.hostile_clients import HostileClients, HostileTask, bombs_of
from deploy.wiring import ingest
from ingest import body_reader
from ingest.pending_bodies import PendingBodies
from ingest.publish import ListPublisher
from tests.support.ingest_app import settings
from tests.support.upstream import served

SLOW, BOUND = 100, 2**20
PATIENCE = 60.0


async def test_honest_clients_are_served_while_others_flood(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[PendingBodies] = []

    def bodies(at_most: int) -> PendingBodies:
        made.append(PendingBodies(at_most))
        return made[-1]

    monkeypatch.setattr(body_reader, "PendingBodies", bodies)
    app = ingest.app(settings(max_pending_body_bytes=BOUND), ListPublisher())
    (pending,) = made
    try:
        async with (
            served(app) as port,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE) as http,
        ):
            hostile = HostileClients(HostileTask(port, "write-key-of-shop", SLOW, 20))
            flooding = asyncio.create_task(hostile.run())
            statuses: Counter[int] = Counter()
            held, begun = 0, time.monotonic()
            bombs = len(bombs_of(b""))
            while sum(hostile.report().bombs.values()) < 2 * bombs or statuses.total() < 40:
                assert time.monotonic() - begun < PATIENCE, hostile.report()
                answer = await http.post(
                    "/tracker/pageview", json={"session_id": "s1", "page_url": "https://x.example/"}
                )
                statuses[answer.status_code] += 1
                held = max(held, pending.held)
                assert not flooding.done()
            report = hostile.report()
            flooding.cancel()
            await asyncio.gather(flooding, return_exceptions=True)
    finally:
        await app.close()
    assert statuses.keys() == {202}
    assert all(name[-3:-2] == "4" for name in report.bombs), report.bombs
    assert len(report.bombs) >= bombs
    # 20 bodies of 255 kB are held back: without the bound they would be five times as much.
    assert 0 < held <= BOUND
    assert sum(report.held.values()) > SLOW / 2
