"""A baseline: the same scoring as Faust's own documents would have it, an agent over records with a table.

Faust's defaults, except that no web server is started. Each event is decoded into a Record, folded into a session kept
in a Table (in memory, with its changelog), scored by one run of the model, and sent with `await topic.send`. It keeps
sums instead of events: it cannot put late, reordered or repeated events right, and it closes no session, so it has less
to do than the worker. `python -m deploy.bench.naive_faust` runs it with the settings in force until it is ended.
"""

import asyncio
import warnings
from typing import Any

import numpy as np

from deploy.bench.naive_sums import fold, new_session, row_of, scored_session
from deploy.log.client_options import kafka_clients
from deploy.settings.model import Settings, load
from deploy.wiring.calendars import calendars
from deploy.wiring.models import models
from stream.fold.pages import PageStatistics
from stream.kafka.pages_topic import pages_follower

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import faust

#: The line that it prints when it has its partitions.
READY = "ready"


class FaustEvent(faust.Record, serializer="json"):  # type: ignore[misc, call-arg]
    event_id: str
    site: str
    session_id: str
    visitor_id: str
    type: str
    occurred_at: int
    received_at: int
    context: dict[str, Any] = {}  # noqa: RUF012 - Faust's way to give a default
    page: dict[str, Any] | None = None
    ping: dict[str, Any] | None = None
    custom: dict[str, Any] | None = None
    purchase: dict[str, Any] | None = None
    clock: str = "live"


class FaustScored(faust.Record, serializer="json"):  # type: ignore[misc, call-arg]
    site: str
    session_id: str
    visitor_id: str
    event: dict[str, Any]
    occurred_at: int
    started_at: int
    features: dict[str, Any]
    revenue: bool
    amount: float
    probability: float
    label: str
    band: str
    reasons: list[dict[str, Any]]
    model_version: str


def create(settings: Settings, statistics: PageStatistics) -> faust.App:
    kafka = settings.kafka
    model, calendar = models(settings.scoring)(""), calendars(settings)
    app = faust.App(
        settings.worker.group,
        broker=[f"kafka://{address.strip()}" for address in kafka.bootstrap.split(",")],
        loop=asyncio.get_running_loop(),
        datadir=str(settings.data_dir / "naive"),
        web_enabled=False,
        topic_partitions=kafka.partitions,
        topic_replication_factor=kafka.replication,
    )
    events = app.topic(kafka.events_topic, key_type=str, value_type=FaustEvent)
    scores = app.topic(kafka.scored_topic, key_type=str, value_type=FaustScored)
    sessions = app.Table(f"{settings.worker.group}-sessions", default=new_session)

    @app.agent(events)  # type: ignore[untyped-decorator]
    async def score(stream: Any) -> None:
        async for key, event in stream.items():
            given = event.asdict()
            session = sessions[key]
            fold(session, given, statistics, statistics.version)
            sessions[key] = session
            row = row_of(session, event.context, calendar.of(event.site))
            found = model.score(np.array([row], np.float32))
            document = scored_session(
                session, given, row, float(found.probability[0]), found.reasons[0], model.manifest
            )
            await scores.send(key=key, value=FaustScored(**document))

    return app


async def run(settings: Settings) -> None:
    statistics = PageStatistics()
    follower = pages_follower(kafka_clients(settings.kafka), settings.kafka.pages_topic, statistics, 60)
    await follower.start()
    await follower.reached(1)
    app = create(settings, statistics)
    await app.start()
    while not (app.consumer.assignment() and app.tables.recovery.completed.is_set()):  # noqa: ASYNC110 - Faust has no event
        await asyncio.sleep(0.05)
    print(READY, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(run(load()))
