"""What the topics must say in the end, worked out from the log alone."""

from collections import defaultdict
from collections.abc import Sequence

from aiokafka.structs import ConsumerRecord

from deploy.chaos.topic_reader import read_topic
from deploy.settings.model import Settings
from deploy.wiring.calendars import calendars
from deploy.wiring.models import models
from ingest.events import Event, UndecodableError, decode
from stream.fold.mark import Mark
from stream.fold.pages import PageStatistics
from stream.fold.partition import Partition
from stream.fold.result import FoldResult
from stream.scored import ScoredSession, decode_dead
from stream.scored import decode as decode_scored
from stream.step import score

Version = tuple[str, str, int, int]


def version_key(record: ScoredSession) -> Version:
    return record.site, record.session_id, record.opened_at, record.version


async def check_truth(settings: Settings, accepted: set[str]) -> str:
    """Assert the guarantee over the topics as they stand; returns one line of figures.

    Every accepted event is in the log; every event of the log is in exactly one session, counted once, or in the dead
    letters; the scored sessions are exactly those that a fold of the log from its start gives.
    """
    kafka = settings.kafka
    log = await read_topic(kafka, kafka.events_topic)
    told = [decode_scored(record.value) for record in await read_topic(kafka, kafka.scored_topic)]
    letters = [decode_dead(record.value) for record in await read_topic(kafka, kafka.dead_topic)]
    dead = {(letter.partition, letter.offset) for letter in letters}
    events = _events(log)
    lost = accepted - events.keys()
    assert not lost, f"{len(lost)} accepted events are not in the log"

    homes: dict[str, set[tuple[str, str, int]]] = defaultdict(set)
    newest: dict[tuple[str, str, int], ScoredSession] = {}
    for record in told:
        identity = (record.site, record.session_id, record.opened_at)
        if record.event.id is not None:
            homes[record.event.id].add(identity)
        if identity not in newest or newest[identity].version < record.version:
            newest[identity] = record
    homeless = [name for name, places in events.items() if len(homes[name]) != 1 and not places <= dead]
    assert not homeless, f"{len(homeless)} of {len(events)} events are not in exactly one session: {homeless[:3]}"
    assert sum(record.counts.events for record in newest.values()) == len(homes)

    expected = _fold_again(settings, log)
    got = {version_key(record): record for record in told}
    assert got.keys() == expected.keys()
    for key, record in expected.items():
        assert got[key].features == record.features
        assert abs(got[key].probability - record.probability) < 1e-6
        assert (got[key].label, got[key].band, got[key].views) == (record.label, record.band, record.views)
    return (
        f"{len(accepted)} accepted, {len(log)} in the log, {len(events)} distinct, {len(newest)} sessions, "
        f"{len(told)} records for {len(got)} updates, {len(dead)} dead"
    )


def _events(log: Sequence[ConsumerRecord]) -> dict[str, set[tuple[int, int]]]:
    """Where the log holds each event: partition and offset, several where it was sent again."""
    found: dict[str, set[tuple[int, int]]] = defaultdict(set)
    for record in log:
        try:
            said = decode(record.key, record.value)
        except UndecodableError:
            continue
        if isinstance(said, Event):
            found[said.event_id].add((record.partition, record.offset))
    return found


def _fold_again(settings: Settings, log: Sequence[ConsumerRecord]) -> dict[Version, ScoredSession]:
    states: dict[int, Partition] = {}
    into = FoldResult()
    known = calendars(settings)
    for record in log:
        if record.partition not in states:
            states[record.partition] = Partition("again", record.partition, known, PageStatistics(), Mark(0, {}))
        states[record.partition].fold(record, into)
    ready = [update for part in score(into.updates, models(settings.scoring)) for update in part]
    return {version_key(update.record): update.record for update in ready}
