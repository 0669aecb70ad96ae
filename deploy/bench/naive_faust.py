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

from deploy.log.client_options import kafka_clients
from deploy.settings.model import Settings, load
from deploy.wiring.calendars import calendars
from deploy.wiring.models import models
from scoring.features import MONTH_CODES, NAMES, VISITOR_CODES
from scoring.manifest import classify
from stream.fold.pages import TYPE_INDEXES, PageStatistics
from stream.kafka.pages_topic import pages_follower

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import faust

#: The line that it prints when it has its partitions.
READY = "ready"
CAP = 30 * 60 * 1000


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


def new_session() -> dict[str, Any]:
    return {
        "started_at": 0, "counts": [0, 0, 0, 0], "millis": [0, 0, 0, 0], "rates": [0.0, 0.0, 0.0],
        "viewed_at": 0, "row": -1, "amount": 0.0,
    }  # fmt: skip


def fold(session: dict[str, Any], event: FaustEvent, statistics: PageStatistics, version: int) -> None:
    """Add one event to the session's sums, taking it for the latest."""
    if not session["started_at"]:
        session["started_at"] = event.occurred_at
    if session["row"] >= 0:
        session["millis"][session["row"]] += min(event.occurred_at - session["viewed_at"], CAP)
        session["viewed_at"] = event.occurred_at
    if event.page is not None:
        seen = statistics.page(event.site, event.page["path"], event.page.get("type"), version)
        session["row"] = TYPE_INDEXES[event.page.get("type")]
        session["viewed_at"] = event.occurred_at
        session["counts"][session["row"]] += 1
        rates = session["rates"]
        session["rates"] = [rates[0] + seen.bounce_rate, rates[1] + seen.exit_rate, rates[2] + seen.page_value]
    if event.purchase is not None:
        session["amount"] += event.purchase["amount"]


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
            session = sessions[key]
            fold(session, event, statistics, statistics.version)
            sessions[key] = session
            day = calendar.of(event.site).day(session["started_at"])
            context, views = event.context, sum(session["counts"]) or 1
            codes = [
                context.get(name, {}).get("code", 0)
                for name in ("operating_system", "browser", "region", "traffic_type")
            ]
            visitor = context.get("visitor_type", "New_Visitor")
            spent = [
                value
                for count, millis in zip(session["counts"][:3], session["millis"][:3], strict=True)
                for value in (count, millis / 1000)
            ]
            rates = [rate / views for rate in session["rates"]]
            row = [*spent, *rates, day.special_day, MONTH_CODES[day.month], *codes, VISITOR_CODES[visitor], day.weekend]
            found = model.score(np.array([row], np.float32))
            probability, moved = float(found.probability[0]), found.reasons[0]
            strongest = sorted(range(len(NAMES)), key=lambda column: -abs(moved[column]))[:3]
            await scores.send(
                key=key,
                value=FaustScored(
                    site=event.site,
                    session_id=event.session_id,
                    visitor_id=event.visitor_id,
                    event={"id": event.event_id, "type": event.type},
                    occurred_at=event.occurred_at,
                    started_at=session["started_at"],
                    features=dict(zip(NAMES, row, strict=True)),
                    revenue=session["amount"] > 0,
                    amount=session["amount"],
                    probability=probability,
                    label=classify(probability, model.manifest)[0],
                    band=classify(probability, model.manifest)[1],
                    reasons=[
                        {"feature": NAMES[column], "value": row[column], "contribution": float(moved[column])}
                        for column in strongest
                    ],
                    model_version=model.manifest.version,
                ),
            )

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
