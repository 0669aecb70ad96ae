"""How far the sessions of a simulated site have come: counted in the relational database, where they end."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from msgspec import Struct
from sqlalchemy import Engine, case, func, select
from sqlalchemy.exc import SQLAlchemyError

from deploy.errors import AwayError
from storage.database.tables import sessions

#: Seconds between two counts.
EVERY = 0.5
#: Seconds without any progress after which waiting ends.
PATIENCE = 180.0


class StuckError(AwayError):
    """The sessions do not arrive."""


class StoredCounts(Struct, frozen=True):
    """What the database holds of a site: sessions that have closed, all sessions, the events counted in them."""

    closed: int
    sessions: int
    events: int


def arrived(engine: Engine, site: str) -> StoredCounts:
    """Count the site's rows; raises SQLAlchemyError."""
    closed = func.coalesce(func.sum(case((sessions.c.status == "closed", 1), else_=0)), 0)
    events = func.coalesce(func.sum(sessions.c.event_count), 0)
    with engine.connect() as connection:
        row = connection.execute(
            select(closed, func.count(), events).select_from(sessions).where(sessions.c.site == site)
        ).one()
    return StoredCounts(int(row[0]), int(row[1]), int(row[2]))


def models_of(engine: Engine, site: str) -> list[str]:
    """The versions of the models that scored the site's sessions last."""
    with engine.connect() as connection:
        query = select(sessions.c.model_version).where(sessions.c.site == site).distinct()
        return sorted(connection.execute(query).scalars())


async def until_closed(
    count: Callable[[], StoredCounts],
    wanted: int,
    sent: asyncio.Event,
    notify: Callable[[StoredCounts], None],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    now: Callable[[], float] = time.monotonic,
) -> None:
    """Return when `wanted` sessions are closed and none is open; `notify` hears each count.

    Raises StuckError when, once everything is `sent`, the counts stand still for PATIENCE seconds or cannot be read.
    """
    last, moved, trouble = StoredCounts(0, 0, 0), now(), ""
    while True:
        done = sent.is_set()
        try:
            here = await asyncio.to_thread(count)
        except SQLAlchemyError as error:
            trouble = str(error).partition("\n")[0]
        else:
            trouble = ""
            notify(here)
            if done and here.closed >= wanted and here.closed == here.sessions:
                return
            if here != last:
                last, moved = here, now()
        if not done:
            moved = now()
        elif now() - moved > PATIENCE:
            raise StuckError(
                f"the relational database cannot be read ({trouble}): see storage.url"
                if trouble
                else f"{last.closed} of {wanted} sessions are closed in the database, and for {PATIENCE:.0f} s nothing "
                "more came: see the logs of worker and writer (store), in the folder logs of data_dir"
            )
        await sleep(EVERY)
