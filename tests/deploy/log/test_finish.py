"""`opecom sites finish`: the tick that ends an import, on both brokers."""

import pytest

from deploy.errors import SetupError
from deploy.log import topics
from deploy.log.client_options import kafka_clients
from deploy.log.finish import finish
from deploy.settings.model import Settings
from ingest.events import Event, Tick, decode, encode, key_of
from ingest.partition import partition_of
from stream.fold.clock import IDLE
from tests.support.events import NOON, event
from tests.support.log import LogRecord, folded, partition
from tests.support.publishers import read
from tests.support.services import Broker

MINUTE = 60_000


async def test_the_end_of_an_import_closes_its_sessions_and_no_others(broker: Broker) -> None:
    kafka = broker.settings(partitions=2)
    settings, clients = Settings(kafka=kafka), kafka_clients(kafka)
    await topics.ensure(clients, topics.wanted(kafka))
    past = {"site": "shop~1", "clock": "replayed"}
    events = [event(n, NOON + n * MINUTE, session_id=f"s{n}", **past) for n in range(8)]
    events += [event(20, NOON + 900 * MINUTE), event(21, NOON + 900 * MINUTE, site="shop~10", clock="replayed")]
    async with clients.producing() as producer:
        for each in events:
            key = key_of(each.site, each.session_id)
            await producer.send_and_wait(kafka.events_topic, encode(each), key=key, partition=partition_of(key, 2))
    assert await finish(settings, clients, "shop~1") == NOON + 7 * MINUTE + IDLE
    open_, ticks = [], []
    for number, records in enumerate(await read(kafka, len(events) + 2)):
        state = partition(number=number)
        folded([LogRecord(n, -1, *record) for n, record in enumerate(records)], state)
        open_ += [session.site for session in state.sessions()]
        ticks += [said for said in (decode(*record) for record in records) if not isinstance(said, Event)]
    assert sorted(open_) == ["default", "shop~10"]
    assert ticks == [Tick("shop~1", NOON + 7 * MINUTE + IDLE)] * 2


@pytest.mark.parametrize("site", ["default", "shop"])
async def test_a_site_without_an_import_is_refused(embedded_kafka: Broker, site: str) -> None:
    kafka = embedded_kafka.settings(partitions=1)
    settings, clients = Settings(kafka=kafka), kafka_clients(kafka)
    await topics.ensure(clients, topics.wanted(kafka))
    async with clients.producing() as producer:
        live = event(1)
        key = key_of(live.site, live.session_id)
        await producer.send_and_wait(kafka.events_topic, encode(live), key=key, partition=0)
    with pytest.raises(SetupError, match=f"no event of an import of {site}"):
        await finish(settings, clients, site)
