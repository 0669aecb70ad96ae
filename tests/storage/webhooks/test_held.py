"""What an experiment or a hold-out holds back: a delivery at the same moment, once, that nobody ever gets."""

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from msgspec import structs
from sqlalchemy import Engine

from ingest.events import Control, Event, UseExperiments
from scoring.model import ConstantModel
from storage.webhooks import bands, deliveries, registry
from storage.webhooks.bands import PartitionPosition, ReadBatch
from storage.webhooks.crossings import Crossing, Webhook, by_site
from storage.webhooks.database import transaction
from stream.experiments.assignment import bucket
from stream.experiments.definition import Arm
from stream.experiments.history import Experiments
from stream.fold.result import FoldResult
from stream.scored import ArmAssignment, ScoredSession, decode, encode
from stream.step import score
from tests.support.events import NOON, event
from tests.support.experiments import HALVES, SALT, defined, experiment, holdout
from tests.support.log import log_of, partition
from tests.support.scored import scored
from tests.support.sinks import sql
from tests.support.webhooks import kept, webhook

CONTROL, TREATMENT = ArmAssignment("chat", "control", acts=False), ArmAssignment("chat", "treatment")
OTHER = ArmAssignment("other", "none", acts=False)
#: Sessions whose visitors are held out, and updates of each.
HELD_OUT, UPDATES = 10_000, 2


@pytest.fixture
def hook(engine: Engine) -> Webhook:
    return registry.add(engine, "default", "https://shop.example/hook", (), False, NOON - 1)


@pytest.mark.parametrize(
    ("update", "held_by"),
    [
        pytest.param(scored(1), "", id="in no experiment"),
        pytest.param(scored(1, experiments=(TREATMENT,)), "", id="in an arm that acts"),
        pytest.param(scored(1, experiments=(CONTROL,)), "held back: arm control of chat", id="in one that does not"),
        pytest.param(
            scored(1, experiments=(TREATMENT, OTHER)),
            "held back: arm none of other",
            id="of several, one that does not",
        ),
        pytest.param(
            scored(1, experiments=(CONTROL, OTHER)), "held back: arm control of chat, arm none of other", id="two"
        ),
        pytest.param(scored(1, holdout=True), "held back: its visitor is held out", id="held out"),
    ],
)
def test_what_holds_a_crossing_back(update: ScoredSession, held_by: str) -> None:
    assert Crossing(webhook(), "low", decode(encode(update))).held_by == held_by


def put(engine: Engine, hook: Webhook, *updates: ScoredSession, now: int = NOON) -> None:
    with transaction(engine) as connection:
        deliveries.put_crossings(connection, [Crossing(hook, "low", each) for each in updates], now)


def test_what_is_held_is_in_the_log_whole_and_nobody_sends_it(engine: Engine, hook: Webhook) -> None:
    put(engine, hook, scored(1, band="high", experiments=(CONTROL,)))
    put(engine, hook, scored(1, band="high", experiments=(CONTROL,)), now=NOON + 5)
    ((name, found),) = kept(engine).items()
    assert (found.state, found.attempts, found.created_at) == ("held", 0, NOON)
    assert found.detail == "held back: arm control of chat"
    data = msgspec.json.decode(found.body)["data"]
    assert data["experiments"] == [{"experiment": "chat", "arm": "control", "acts": False}]
    assert (data["to"], data["holdout"]) == ("high", False)
    assert not deliveries.again(engine, name, NOON)
    assert deliveries.first_due(engine) == {}
    assert deliveries.claim(engine, hook.id, 5, NOON + 10**9, NOON + 10**9 + 1) == []
    assert deliveries.counts(engine) == {"due": 0, "dead": 0}
    registry.disable(engine, hook.id, "paused")
    registry.enable(engine, hook.id, NOON + 1)
    assert not deliveries.again(engine, name, NOON)
    assert kept(engine)[name] == found
    # It is forgotten as what was sent is.
    assert deliveries.sweep(engine, NOON) == 0
    assert deliveries.sweep(engine, NOON + 1) == 1


def test_each_webhook_has_its_own_and_an_arm_that_acts_is_due(engine: Engine, hook: Webhook) -> None:
    another = registry.add(engine, "default", "https://other.example/hook", (), False, NOON - 1)
    updates = [
        scored(1, session_id="s1", band="high", experiments=(CONTROL,)),
        scored(2, session_id="s2", band="high", experiments=(TREATMENT,)),
        # A stop is no crossing: what was held stays so, and the next crossing is sent.
        scored(3, session_id="s1", band="high"),
        scored(4, session_id="s1", band="low"),
    ]
    hooks, place = by_site(registry.every(engine)), PartitionPosition()
    for first in (updates[:2], updates[2:]):
        moved = bands.move(engine, "log", {0: ReadBatch(place, place.next + 2, NOON, first)}, hooks, NOON)
        assert (moved.crossings, moved.held) == ((4, 2) if first == updates[:2] else (2, 0))
        place = moved.places[0]
    found = Counter((each.webhook_id, each.session_id, each.state) for each in kept(engine).values())
    assert found == Counter(
        (name, *rest) for name in (hook.id, another.id) for rest in (("s1", "held"), ("s2", "due"), ("s1", "due"))
    )


def visits(chance: random.Random) -> tuple[list[Event | Control], set[str]]:
    """Sessions of visitors until 10,000 of them are held out, in one log, and the ids of these."""
    held: set[str] = set()
    count = 0
    while len(held) < HELD_OUT:
        count += 1
        if bucket("1" * 16, f"v{count}") < 8_000:
            held.add(f"s{count}")
    sessions = [number for number in range(1, count + 1) for _ in range(UPDATES)]
    chance.shuffle(sessions)
    records: list[Event | Control] = [UseExperiments(2)]
    records += [
        event(place, NOON + place, session_id=f"s{number}", visitor_id=f"v{number}")
        for place, number in enumerate(sessions)
    ]
    return records, held


def updates_of(
    records: Sequence[Event | Control], experiments: Experiments, chance: random.Random
) -> list[ScoredSession]:
    """What the fold and the step make of them, in bands that are drawn."""
    state, result = partition(experiments=experiments), FoldResult()
    for record in log_of(records):
        state.fold(record, result)
    found = [update.record for some in score(result.updates, lambda _: ConstantModel()) for update in some]
    return [structs.replace(each, band=chance.choice(("low", "building", "high"))) for each in found]


def test_of_10_000_hold_out_sessions_none_is_acted_on(tmp_path: Path) -> None:
    """Beside sessions in both arms, by a worker that publishes some of its records twice."""
    chance = random.Random(16)
    arms = (Arm("control", ((0, 3_000),), acts=False), Arm("treatment", ((3_000, 6_000),)))
    records, held = visits(chance)
    updates = updates_of(records, defined([holdout(8_000), experiment(arms=arms)]), chance)
    with sql(f"sqlite:///{tmp_path / 'db'}") as engine:
        hook = registry.add(engine, "default", "https://shop.example/hook", (), False, NOON - 1)
        hooks, place, at = by_site([hook]), PartitionPosition(), 0
        while at < len(updates):
            again = max(0, at - chance.choice((0, 0, 150)))
            read = ReadBatch(place, place.next + 2_000, NOON, updates[again : at + 2_000])
            place, at = bands.move(engine, "log", {0: read}, hooks, NOON).places[0], at + 2_000
        log = kept(engine).values()
        claimed = deliveries.claim(engine, hook.id, 1_000_000, NOON + 1, NOON + 2)
    by_session: dict[str, set[str]] = {}
    for each in log:
        by_session.setdefault(each.session_id, set()).add(each.state)
    assert len(held) == HELD_OUT
    assert len(held & by_session.keys()) > HELD_OUT / 2
    assert not [each for each in claimed if each.session_id in held]
    assert {state for session in held & by_session.keys() for state in by_session[session]} == {"held"}
    # The others are held by their arm alone.
    in_control = {f"s{number}" for number in range(1, 20_000) if bucket(SALT, f"v{number}") < 3_000}
    others = {session: states for session, states in by_session.items() if session not in held}
    assert len(others) > 1_000
    assert all(states == ({"held"} if session in in_control else {"due"}) for session, states in others.items())
    assert len({each.id for each in log}) == len(log)


def test_the_arms_of_tests_are_a_control_that_holds_back() -> None:
    assert [arm.acts for arm in HALVES] == [False, True]
