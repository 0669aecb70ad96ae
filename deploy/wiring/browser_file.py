"""Reads what a page needs of its site, for `opecom pages export`: the settings, and the statistics in force."""

import asyncio
from datetime import UTC, datetime

from aiokafka.errors import KafkaError

from deploy.errors import AwayError, SetupError
from deploy.log.client_options import kafka_clients
from deploy.settings.access_file import place, read, sites_of
from deploy.settings.model import KafkaSettings, Settings
from deploy.wiring.calendars import made
from deploy.wiring.followed_erasures import PATIENCE
from deploy.wiring.site_access import site_access
from ingest.outage import reason_of
from storage.pages.browser_file import BrowserFile, browser_file
from stream.fold.pages import PageStatistics
from stream.kafka.pages_topic import PagesReader
from stream.kafka.topic_follower import TopicMissingError


def read_browser_file(settings: Settings, site: str, most: int) -> BrowserFile:
    """The file of a site that is known, as of now; raises SetupError."""
    calendar = made(settings, read(place(settings)))[site]
    rules = site_access(site, sites_of(settings)[site], embedded=False).url_rules
    statistics = asyncio.run(_statistics(settings.kafka))
    return browser_file(site, rules, calendar, statistics, datetime.now(UTC).date(), most)


async def _statistics(kafka: KafkaSettings) -> PageStatistics:
    reader = PagesReader(kafka_clients(kafka), kafka.pages_topic, PATIENCE)
    try:
        await reader.caught_up()
    except TopicMissingError as error:
        raise SetupError(str(error)) from error
    except (KafkaError, OSError, TimeoutError) as error:
        raise AwayError(f"cannot read the page statistics in Kafka at {kafka.bootstrap}: {reason_of(error)}") from error
    return reader.statistics
