"""Builds what keeps page statistics fresh, and runs it beside the writer."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

from aiokafka.errors import KafkaError

from deploy.errors import SetupError
from deploy.log import controls
from deploy.settings.model import Settings
from deploy.wiring.followed import PATIENCE
from storage.database.errors import DatabaseUnavailableError
from storage.pages.refresh import Refresher
from storage.pages.tally import Tallies
from stream.fold.pages import PageStatistics
from stream.kafka.clients import KafkaClients
from stream.kafka.pages_topic import pages_follower
from stream.kafka.topic_follower import TopicMissingError
from stream.waiting import set_within

log = logging.getLogger(__name__)

#: Seconds between two refreshes, where the settings do not say.
EMBEDDED_SECONDS, SERVICES_SECONDS = 60, 3_600
DAY = 24 * 3_600.0


@contextlib.asynccontextmanager
async def refresher(settings: Settings, clients: KafkaClients, client: Any) -> AsyncIterator[Refresher]:
    """A refresher that counts by this ClickHouse client; raises KafkaError where the topic cannot be read."""
    statistics = PageStatistics()
    follower = pages_follower(clients, settings.kafka.pages_topic, statistics, PATIENCE)
    try:
        await follower.start()
        yield Refresher(Tallies(client), statistics, follower.caught_up, partial(controls.put_pages, settings.kafka))
    finally:
        await follower.stop()


async def keep_fresh(settings: Settings, clients: KafkaClients, client: Any, stop: asyncio.Event) -> None:
    """Refresh until `stop`, all pages once a day; a refresh that fails is told, and the next one is due as usual."""
    seconds, whole_at = interval(settings), time.monotonic()
    while seconds and not await set_within(stop, seconds):
        whole = time.monotonic() - whole_at >= DAY
        try:
            async with refresher(settings, clients, client) as pages:
                await pages.refresh(whole)
        except (DatabaseUnavailableError, TopicMissingError, SetupError, KafkaError, TimeoutError) as error:
            log.warning("page statistics are not refreshed, the old ones stay in force: %s", error)
        else:
            whole_at = time.monotonic() if whole else whole_at


def interval(settings: Settings) -> int:
    """Seconds between two refreshes; 0: never."""
    given = settings.storage.pages_refresh_seconds
    if given is not None:
        return given
    return EMBEDDED_SECONDS if settings.profile == "embedded" else SERVICES_SECONDS
