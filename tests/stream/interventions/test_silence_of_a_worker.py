"""A silence fires once by the worker's tick a second after it is due, whoever is killed meanwhile."""

from ingest.events import Control, Event, UseExperiments
from stream.publish import ListRecordPublisher
from stream.scored import decode
from stream.worker import Worker
from tests.support.events import NOON, event
from tests.support.experiments import defined
from tests.support.fakes import TOPICS, FakeClient, FakeLog, worker_on
from tests.support.interventions import intervention
from tests.support.log import LogRecord, log_of

SILENT = intervention("silent", "idle_seconds >= 60")
RECORDS: list[Event | Control] = [UseExperiments(1), event(1, NOON)]


class Running:
    """A worker on a log that its ticks reach, second by second; `killed` starts another one in its place."""

    def __init__(self) -> None:
        self.log = FakeLog({0: log_of(RECORDS)})
        self.published, self.client = ListRecordPublisher(), FakeClient(self.log)
        self.ticks = 0

    async def start(self) -> None:
        self.worker: Worker = worker_on(self.log, self.published, experiments=defined([SILENT]))
        await self.worker.claim({0}, self.client)

    async def second(self, number: int) -> None:
        """What comes of the second: a round, the maintenance, and what it appended."""
        records = self.log.partitions[0]
        await self.worker.round({0: self.client.fetch(0, 100)}, self.client)
        await self.worker.run_maintenance(self.client, NOON + number * 1000)
        for _, _, value in self.published.topics.get(TOPICS.events, [])[self.ticks :]:
            records.append(LogRecord(len(records), -1, None, value))
            self.ticks += 1
        await self.worker.round({0: self.client.fetch(0, 100)}, self.client)

    @property
    def fired_at(self) -> list[int]:
        """When it fired by the log's clock, in seconds, by each update that says so first."""
        found = [decode(value) for _, _, value in self.published.topics[TOPICS.scored]]
        firing = {each.version: each for each in found if each.interventions and each.idle_seconds}
        return [(each.interventions[0].fired_at - NOON) // 1000 for each in firing.values()]


async def test_a_silence_fires_once_through_kills() -> None:
    for killed in ((), (30,), (60,), (30, 59, 60, 61, 62), (61,)):
        run = Running()
        await run.start()
        for number in range(75):
            if number in killed:
                await run.start()
            await run.second(number)
        assert run.fired_at == [60], killed


async def test_a_worker_that_was_away_fires_what_is_due_and_no_closed_session() -> None:
    run = Running()
    await run.start()
    await run.second(1)
    await run.start()
    await run.second(300)
    assert run.fired_at == [300]
    late = Running()
    await late.start()
    await late.second(1)
    await late.start()
    await late.second(3_000)
    assert late.fired_at == []
