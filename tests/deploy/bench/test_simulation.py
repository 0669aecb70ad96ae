"""The benchmarks' input: whole sessions, in order, as requests that the ingest API takes."""

from collections import Counter, defaultdict

import msgspec
import pytest

from deploy.bench.simulation import SITE, batch, interleaved, simulation, single
from ingest import schemas
from ingest.events import Event
from tests.support.events import event

NOW = 1_790_000_000_000
BODIES = {
    "/tracker/session/start": schemas.SessionStart,
    "/tracker/pageview": schemas.PageView,
    "/tracker/purchase": schemas.PurchaseMade,
    "/v1/batch": schemas.Batch,
}


@pytest.fixture(scope="module")
def events() -> list[Event]:
    return [each for part in simulation(None, 2_000).history(4) for each in part]


def test_there_are_at_least_as_many_events_as_requested(events: list[Event]) -> None:
    assert 2_000 <= len(events) < 4_000
    assert len({each.event_id for each in events}) == len(events)


def test_a_session_stays_in_one_partition_in_order() -> None:
    of: dict[str, set[int]] = defaultdict(set)
    for number, part in enumerate(simulation(None, 2_000).history(4)):
        told = list(part)
        assert [each.received_at for each in told] == sorted(each.received_at for each in told)
        for each in told:
            of[each.session_id].add(number)
    assert {len(numbers) for numbers in of.values()} == {1}


def test_traffic_is_the_same_events_with_many_visitors_at_a_time(events: list[Event]) -> None:
    traffic = list(simulation(None, 2_000).traffic(visitors=20))
    assert sorted(each.event_id for each in traffic) == sorted(each.event_id for each in events)
    assert len({each.session_id for each in traffic[:20]}) == 20
    by_session: dict[str, list[int]] = defaultdict(list)
    for each in traffic:
        by_session[each.session_id].append(each.occurred_at)
    assert all(times == sorted(times) for times in by_session.values())


def test_a_visit_that_ends_makes_room_for_the_next() -> None:
    def of(session: str, count: int) -> list[Event]:
        return [event(number, session_id=session) for number in range(count)]

    told = [each.session_id for each in interleaved(map(iter, [of("a", 1), of("b", 3), of("c", 2)]), 2)]
    assert told == ["a", "b", "b", "b", "c", "c"]


def test_the_ingest_api_can_read_every_request(events: list[Event]) -> None:
    paths = Counter()
    for each in events:
        path, body = single(each, NOW)
        told = msgspec.json.decode(body, type=BODIES[path])
        told = told.events[0] if isinstance(told, schemas.Batch) else told
        assert told.event_id == each.event_id
        paths[path] += 1
    assert paths.keys() == BODIES.keys()


def test_a_batch_carries_its_events(events: list[Event]) -> None:
    told = msgspec.json.decode(batch(events[:20], NOW), type=schemas.Batch)
    assert [each.event_id for each in told.events] == [each.event_id for each in events[:20]]
    assert told.site == SITE
