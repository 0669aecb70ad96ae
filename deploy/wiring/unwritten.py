"""Ends a writer whose chDB has parts that are not on the disk: it starts again, and the engine does without them."""

import asyncio
from typing import Any

from clickhouse_connect.driver.exceptions import Error as ClickHouseError

from storage.database.detached_parts import MOST_NAMED
from storage.database.unwritten_parts import unwritten_parts
from storage.write.writer import WriterError
from stream.waiting import wait_for_event

#: Seconds between two looks: what a bad part was merged from is kept for eight minutes.
LOOK_SECONDS = 60.0


async def end_when_unwritten(client: Any, stop: asyncio.Event) -> None:
    """Until `stop`; sets it and raises WriterError where a part is not on the disk."""
    while not await wait_for_event(stop, LOOK_SECONDS):
        try:
            parts = await asyncio.to_thread(unwritten_parts, client)
        except (ClickHouseError, OSError):
            # A database that does not answer is the writer's to tell.
            continue
        if parts:
            stop.set()
            more = f" and {len(parts) - MOST_NAMED} more" if len(parts) > MOST_NAMED else ""
            raise WriterError(
                f"the disk of data_dir refused what chDB took for written ({', '.join(parts[:MOST_NAMED])}{more}): see "
                "that it has room; chDB starts again and goes on with the parts that these were merged from"
            )


def raise_failure(task: "asyncio.Task[None]") -> None:
    """Raise what a task ended with by itself; nothing where it was cancelled, or runs."""
    if task.done() and not task.cancelled() and (error := task.exception()) is not None:
        raise error
